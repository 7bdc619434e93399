/** Operations on each element, with all types and pairs of types. */
import * as tf from '@tensorflow/tfjs-core';
import { type Argument, argument, type Case, type Cases, DTYPES, type DType, one } from './case.ts';

type Unary = (x: tf.Tensor) => unknown;
type Binary = (a: tf.Tensor, b: tf.Tensor) => unknown;

const SHAPE = [2, 3];

const unary = (run: Unary): Case[] =>
  DTYPES.map((dtype) => one(dtype, [argument(SHAPE, dtype)], run));

/** Whole numbers from 1, which TensorFlow divides by. */
const operand = (dtype: DType): Argument =>
  dtype === 'int32' ? argument(SHAPE, dtype, [1, 5]) : argument(SHAPE, dtype);

/** Each pair of types on equal shapes, then shapes that are broadcast, then a number. */
const binary = (run: Binary): Case[] => [
  ...DTYPES.flatMap((a) => DTYPES.map((b) => one(`${a} and ${b}`, [operand(a), operand(b)], run))),
  one('broadcast', [argument([2, 1, 3]), argument([4, 1])], run),
  one('a scalar', [argument([]), argument(SHAPE)], run),
];

const logical = (run: Binary): Case[] => [
  one('bool', [argument(SHAPE, 'bool'), argument(SHAPE, 'bool')], run),
  one('broadcast', [argument([2, 1], 'bool'), argument([3], 'bool')], run),
];

const UNARY = [
  ...[
    'abs',
    'acos',
    'acosh',
    'asin',
    'asinh',
    'atan',
    'atanh',
    'ceil',
    'cos',
    'cosh',
    'elu',
    'erf',
  ],
  ...['exp', 'expm1', 'floor', 'isFinite', 'isInf', 'isNaN', 'log', 'log1p', 'logSigmoid', 'neg'],
  ...[
    'onesLike',
    'reciprocal',
    'relu',
    'relu6',
    'round',
    'rsqrt',
    'selu',
    'sigmoid',
    'sign',
    'sin',
  ],
  ...[
    'sinh',
    'softplus',
    'sqrt',
    'square',
    'tan',
    'tanh',
    'zerosLike',
    'clone',
    'leakyRelu',
    'step',
  ],
] as const;

const BINARY = [
  ...['add', 'atan2', 'div', 'divNoNan', 'equal', 'floorDiv', 'greater', 'greaterEqual', 'less'],
  ...[
    'lessEqual',
    'maximum',
    'minimum',
    'mod',
    'mul',
    'notEqual',
    'pow',
    'squaredDifference',
    'sub',
  ],
] as const;

type Functions = Readonly<Record<string, (...inputs: unknown[]) => unknown>>;
const named = tf as unknown as Functions;
const functionOf = (name: string) => named[name] as (...inputs: unknown[]) => unknown;

export const elementwise: Cases = {
  ...Object.fromEntries(UNARY.map((name) => [name, unary((x) => functionOf(name)(x))])),
  ...Object.fromEntries(BINARY.map((name) => [name, binary((a, b) => functionOf(name)(a, b))])),
  leakyRelu: [
    ...unary((x) => tf.leakyRelu(x)),
    one('alpha', [argument(SHAPE)], (x) => tf.leakyRelu(x, 0.7)),
  ],
  step: [...unary((x) => tf.step(x)), one('alpha', [argument(SHAPE)], (x) => tf.step(x, 0.3))],
  clipByValue: unary((x) => tf.clipByValue(x, -1, 1)),
  cast: DTYPES.flatMap((from) =>
    DTYPES.map((to) => one(`${from} to ${to}`, [argument(SHAPE, from)], (x) => tf.cast(x, to))),
  ),
  addN: DTYPES.map((dtype) =>
    one(dtype, [argument(SHAPE, dtype), argument(SHAPE, dtype), argument(SHAPE, dtype)], (...x) =>
      tf.addN(x),
    ),
  ),
  prelu: [
    ...binary((x, alpha) => tf.prelu(x, alpha)).slice(0, 1),
    one('broadcast', [argument([2, 3, 4]), argument([4])], (x, alpha) => tf.prelu(x, alpha)),
  ],
  logicalAnd: logical((a, b) => tf.logicalAnd(a, b)),
  logicalOr: logical((a, b) => tf.logicalOr(a, b)),
  logicalXor: logical((a, b) => tf.logicalXor(a, b)),
  logicalNot: [one('bool', [argument(SHAPE, 'bool')], (x) => tf.logicalNot(x))],
  bitwiseAnd: [
    one('int32', [argument(SHAPE, 'int32'), argument(SHAPE, 'int32')], (a, b) =>
      tf.bitwiseAnd(a, b),
    ),
  ],
  where: DTYPES.flatMap((dtype) => [
    one(
      dtype,
      [argument(SHAPE, 'bool'), argument(SHAPE, dtype), argument(SHAPE, dtype)],
      (condition, a, b) => tf.where(condition as tf.Tensor, a as tf.Tensor, b as tf.Tensor),
    ),
    one(
      `${dtype}, broadcast`,
      [argument([3], 'bool'), argument(SHAPE, dtype), argument([], dtype)],
      (condition, a, b) => tf.where(condition as tf.Tensor, a as tf.Tensor, b as tf.Tensor),
    ),
  ]),
  ensureShape: unary((x) => tf.ensureShape(x, SHAPE as [number, number])),
  movingAverage: [
    one('not corrected', [argument(SHAPE), argument(SHAPE)], (v, x) =>
      tf.movingAverage(v as tf.Tensor, x as tf.Tensor, 0.9, undefined, false),
    ),
    one('corrected by a step', [argument(SHAPE), argument(SHAPE)], (v, x) =>
      tf.movingAverage(v as tf.Tensor, x as tf.Tensor, 0.9, 3),
    ),
  ],
  complex: [
    one('real and imaginary part', [argument(SHAPE), argument(SHAPE)], (re, im) => {
      const z = tf.complex(re as tf.Tensor, im as tf.Tensor);
      const product = tf.mul(z, z);
      return [tf.real(product), tf.imag(product), tf.abs(product)];
    }),
  ],
};
