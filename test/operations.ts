/** The differentiable operations of tfjs-core, over their options: small inputs that grow with `k`, away from kinks. */
import * as tf from '@tensorflow/tfjs-core';
import { noise, random } from './numbers.ts';

export interface Operation {
  /** Shapes of the inputs, each a tensor of its own. */
  readonly shapes: readonly (readonly number[])[];
  // biome-ignore lint/suspicious/noExplicitAny: the operations name the ranks that they take, and the shapes give them
  readonly of: (...inputs: any[]) => tf.Tensor;
  /** The values of the inputs, from numbers between −1 and 1. The default keeps 0.1 away from 0. */
  readonly values?: ((u: number, i: number) => number) | undefined;
}

type Make = (k: number) => Operation;
type T = tf.Tensor;
type T3 = tf.Tensor3D;
type T4 = tf.Tensor4D;
type T5 = tf.Tensor5D;
type Values = Operation['values'];

const awayFromZero = (u: number): number => u + 0.1 * Math.sign(u);
const positive = (u: number): number => 1.5 + u;
const inside = (u: number): number => 0.8 * u;
/** Elements that are 0.2 apart, in an order that looks random, so that no small step changes which is the largest. */
const distinct = (_: number, i: number): number => 0.2 * ((i * 37) % 251) - 24.9;

/** The inputs of an operation, the same at every call. */
export function inputsOf({ shapes, values = awayFromZero }: Operation): T[] {
  return shapes.map((shape, i) => {
    const numbers = noise(random(7 + i), tf.util.sizeFromShape([...shape]));
    return tf.tensor(
      numbers.map((u, j) => values(u, j + 17 * i)),
      [...shape],
      'float32',
    );
  });
}

const unary =
  (of: (x: T) => T, values?: Values): Make =>
  (k) => ({ shapes: [[2, 3 * k]], of, values });

const binary =
  (of: (a: T, b: T) => T, values?: Values, a = [2, 3], b = [2, 3]): Make =>
  (k) => ({
    shapes: [a, b].map((shape) => shape.map((side) => (side === 3 ? 3 * k : side))),
    of,
    values,
  });

/** A binary operation with equal shapes, with a row, a column and a number, and with two that broadcast each other. */
const broadcast = (name: string, of: (a: T, b: T) => T, values?: Values): [string, Make][] => [
  [name, binary(of, values)],
  [`${name}, [2, 3] and [3]`, binary(of, values, [2, 3], [3])],
  [`${name}, [2, 1] and [2, 3]`, binary(of, values, [2, 1], [2, 3])],
  [`${name}, [] and [2, 3]`, binary(of, values, [], [2, 3])],
  [`${name}, [2, 1, 3] and [4, 1]`, binary(of, values, [2, 1, 3], [4, 1])],
];

const mask =
  (of: (a: T, b: T) => T): ((a: T, b: T) => T) =>
  (a, b) =>
    tf.mul(tf.cast(of(a, b), 'float32'), tf.add(a, b));

const ids = (values: number[], shape?: number[]): T =>
  tf.tensor(values, shape ?? [values.length], 'int32');

const matMul =
  (a: number[], b: number[], transposeA = false, transposeB = false): Make =>
  (k) => ({
    shapes: [a, b].map((shape) => shape.map((side) => (side === 3 ? 3 * k : side))),
    of: (x, y) => tf.matMul(x, y, transposeA, transposeB),
  });

const explicit: tf.backend_util.ExplicitPadding = [
  [0, 0],
  [1, 0],
  [2, 1],
  [0, 0],
];

type Pool2D = readonly [
  filter: [number, number],
  strides: [number, number],
  pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding,
  rounding?: 'floor' | 'ceil' | 'round' | undefined,
  dilations?: [number, number],
];
const pools: Record<string, Pool2D> = {
  valid: [[2, 3], [2, 1], 'valid'],
  same: [[3, 3], [2, 2], 'same'],
  'same, stride 1': [[3, 2], [1, 1], 'same'],
  'same, stride larger than the filter': [[2, 1], [3, 2], 'same'],
  'padding 1': [[3, 3], [2, 2], 1, 'floor'],
  'padding 1, ceil': [[3, 3], [2, 2], 1, 'ceil'],
  'valid, ceil': [[2, 2], [2, 2], 0, 'ceil'],
  explicit: [[3, 4], [2, 2], explicit, 'floor'],
  dilated: [[2, 2], [1, 1], 'valid', undefined, [2, 1]],
};
const poolCases = (): [string, Make][] =>
  Object.entries(pools).flatMap(([name, [filter, strides, pad, rounding, dilations]]) =>
    (['avg', 'max'] as const).map((kind): [string, Make] => [
      `${kind}Pool, ${name}`,
      (k) => ({
        shapes: [[2, 5 * k, 6 * k, 2]],
        values: kind === 'max' ? distinct : undefined,
        of: (x: T4) => {
          if (dilations !== undefined)
            return tf.pool(x, filter, kind, pad as 'valid', dilations, strides);
          return kind === 'avg'
            ? tf.avgPool(x, filter, strides, pad as 'same', rounding)
            : tf.maxPool(x, filter, strides, pad as 'same', rounding);
        },
      }),
    ]),
  );
type Pool3D = readonly [
  filter: [number, number, number],
  strides: [number, number, number],
  pad: 'same' | 'valid' | number,
  rounding?: 'floor' | 'ceil' | 'round',
];
const pools3D: Record<string, Pool3D> = {
  valid: [[2, 2, 2], [1, 2, 1], 'valid'],
  same: [[2, 3, 2], [2, 2, 1], 'same'],
  'same, stride larger than the filter': [[1, 2, 1], [2, 3, 2], 'same'],
  'padding 1': [[3, 3, 3], [2, 2, 2], 1, 'floor'],
  'padding 1, ceil': [[3, 3, 3], [2, 2, 2], 1, 'ceil'],
};
const pool3DCases = (): [string, Make][] =>
  Object.entries(pools3D).flatMap(([name, [filter, strides, pad, rounding]]) =>
    (['avg', 'max'] as const).map((kind): [string, Make] => [
      `${kind}Pool3d, ${name}`,
      (k) => ({
        shapes: [[1, 3 * k, 4, 5, 2]],
        values: kind === 'max' ? distinct : undefined,
        of: (x: T5) =>
          kind === 'avg'
            ? tf.avgPool3d(x, filter, strides, pad as 'same', rounding)
            : tf.maxPool3d(x, filter, strides, pad as 'same', rounding),
      }),
    ]),
  );

const convs: Record<string, (x: T4, f: T4) => T> = {
  'conv2d, valid': (x, f) => tf.conv2d(x, f, [2, 1], 'valid'),
  'conv2d, same': (x, f) => tf.conv2d(x, f, 2, 'same'),
  'conv2d, same, stride larger than the filter': (x, f) => tf.conv2d(x, f, [4, 3], 'same'),
  'conv2d, padding 1': (x, f) => tf.conv2d(x, f, 2, 1, 'NHWC', 1, 'floor'),
  'conv2d, padding 1, ceil': (x, f) => tf.conv2d(x, f, 2, 1, 'NHWC', 1, 'ceil'),
  'conv2d, explicit': (x, f) => tf.conv2d(x, f, [2, 1], explicit, 'NHWC', 1, 'floor'),
  'conv2d, dilated': (x, f) => tf.conv2d(x, f, 1, 'valid', 'NHWC', [2, 1]),
  'conv2d, dilated, same': (x, f) => tf.conv2d(x, f, 1, 'same', 'NHWC', 2),
};
const depthwise: Record<string, (x: T4, f: T4) => T> = {
  'depthwiseConv2d, valid': (x, f) => tf.depthwiseConv2d(x, f, 1, 'valid'),
  'depthwiseConv2d, same': (x, f) => tf.depthwiseConv2d(x, f, 2, 'same'),
  'depthwiseConv2d, dilated': (x, f) => tf.depthwiseConv2d(x, f, 1, 'valid', 'NHWC', [2, 1]),
  'depthwiseConv2d, dilated, same': (x, f) => tf.depthwiseConv2d(x, f, 1, 'same', 'NHWC', 2),
};

const resizes = (): [string, Make][] =>
  (['resizeBilinear', 'resizeNearestNeighbor'] as const).flatMap((name) =>
    (
      [
        ['up', 7, 8, false, false],
        ['down', 3, 2, false, false],
        ['up, aligned corners', 7, 8, true, false],
        ['down, aligned corners', 3, 2, true, false],
        ['up, half-pixel centers', 7, 8, false, true],
        ['down, half-pixel centers', 3, 2, false, true],
      ] as const
    ).map(([how, h, w, align, half]): [string, Make] => [
      `${name}, ${how}`,
      (k) => ({
        shapes: [[2, 4, 5 * k, 2]],
        of: (x: T4) => tf.image[name](x, [h, w], align, half),
      }),
    ]),
  );

export const OPERATIONS: Readonly<Record<string, Make>> = Object.fromEntries<Make>([
  ['abs', unary(tf.abs)],
  ['acos', unary(tf.acos, inside)],
  ['acosh', unary(tf.acosh, (u) => 2.5 + u)],
  ['asin', unary(tf.asin, inside)],
  ['asinh', unary(tf.asinh)],
  ['atan', unary(tf.atan)],
  ['atanh', unary(tf.atanh, inside)],
  ['ceil', unary(tf.ceil, (u) => 0.5 + 0.3 * u)],
  ['clipByValue', unary((x) => tf.clipByValue(x, -0.55, 0.45))],
  ['cos', unary(tf.cos)],
  ['cosh', unary(tf.cosh)],
  ['elu', unary(tf.elu)],
  ['erf', unary(tf.erf)],
  ['exp', unary(tf.exp)],
  ['expm1', unary(tf.expm1)],
  ['floor', unary(tf.floor, (u) => 0.5 + 0.3 * u)],
  ['leakyRelu', unary((x) => tf.leakyRelu(x, 0.3))],
  ['log', unary(tf.log, positive)],
  ['log1p', unary(tf.log1p, positive)],
  ['logSigmoid', unary(tf.logSigmoid)],
  ['neg', unary(tf.neg)],
  ['reciprocal', unary(tf.reciprocal, positive)],
  ['relu', unary(tf.relu)],
  ['relu6', unary((x) => tf.relu6(tf.mul(x, 10)))],
  ['round', unary(tf.round, (u) => 0.3 * u)],
  ['rsqrt', unary(tf.rsqrt, positive)],
  ['selu', unary(tf.selu)],
  ['sigmoid', unary(tf.sigmoid)],
  ['sign', unary(tf.sign)],
  ['sin', unary(tf.sin)],
  ['sinh', unary(tf.sinh)],
  ['softplus', unary(tf.softplus)],
  ['sqrt', unary(tf.sqrt, positive)],
  ['square', unary(tf.square)],
  ['step', unary((x) => tf.step(x, 0.5))],
  ['tan', unary(tf.tan, inside)],
  ['tanh', unary(tf.tanh)],
  ['softmax', unary((x) => tf.softmax(x))],
  ['logSoftmax', unary((x) => tf.logSoftmax(x))],
  [
    'cast to int32',
    unary(
      (x) => tf.mul(tf.cast(tf.cast(x, 'int32'), 'float32'), x),
      (u) => 2.5 + 0.3 * u,
    ),
  ],
  ['cast to bool', unary((x) => tf.mul(tf.cast(tf.cast(x, 'bool'), 'float32'), x))],
  [
    'isNaN, isInf, isFinite',
    unary((x) =>
      tf.mul(
        x,
        tf.add(
          tf.add(tf.cast(tf.isNaN(x), 'float32'), tf.cast(tf.isInf(x), 'float32')),
          tf.cast(tf.isFinite(x), 'float32'),
        ),
      ),
    ),
  ],
  ['zerosLike, onesLike', unary((x) => tf.mul(x, tf.add(tf.zerosLike(x), tf.onesLike(x))))],
  ['prelu', binary(tf.prelu, undefined, [2, 3], [3])],

  ...broadcast('add', tf.add),
  ...broadcast('sub', tf.sub),
  ...broadcast('mul', tf.mul),
  ...broadcast('div', tf.div, positive),
  ...broadcast('divNoNan', tf.divNoNan, positive),
  ...broadcast('pow', tf.pow, positive),
  ...broadcast('maximum', tf.maximum, distinct),
  ...broadcast('minimum', tf.minimum, distinct),
  ...broadcast('squaredDifference', tf.squaredDifference),
  ...broadcast('mod', tf.mod, (u, i) => (i < 10 ? 3.3 + 0.1 * u : 1.4 + 0.1 * u)),
  ...broadcast(
    'floorDiv',
    (a, b) => tf.mul(tf.floorDiv(a, b), a),
    (u, i) => (i < 10 ? 3.3 + 0.1 * u : 1.4 + 0.1 * u),
  ),
  ...broadcast('atan2', tf.atan2),
  ['addN', binary((a, b) => tf.addN([a, b, a]))],
  ['dot', (k) => ({ shapes: [[3 * k], [3 * k]], of: tf.dot })],
  ['outerProduct', (k) => ({ shapes: [[3 * k], [2]], of: tf.outerProduct })],

  ...Object.entries({
    greater: tf.greater,
    greaterEqual: tf.greaterEqual,
    less: tf.less,
    lessEqual: tf.lessEqual,
    equal: tf.equal,
    notEqual: tf.notEqual,
  }).flatMap(([name, of]) => broadcast(name, mask(of), distinct)),
  [
    'logicalAnd, Or, Xor, Not',
    binary((a, b) => {
      const [p, q] = [tf.greater(a, 0), tf.less(b, 0.3)];
      const all = [tf.logicalAnd(p, q), tf.logicalOr(p, q), tf.logicalXor(p, q), tf.logicalNot(q)];
      return tf.mul(a, tf.addN(all.map((x) => tf.cast(x, 'float32'))));
    }),
  ],
  [
    'any, all',
    unary((x) =>
      tf.mul(
        x,
        tf.add(
          tf.cast(tf.any(tf.greater(x, 0)), 'float32'),
          tf.cast(tf.all(tf.greater(x, 0)), 'float32'),
        ),
      ),
    ),
  ],
  ['where', binary((a, b) => tf.where(tf.greater(a, b), a, tf.square(b)), distinct)],
  [
    'where, broadcast condition',
    binary((a, b) => tf.where(tf.greater(b, 0), a, tf.square(a)), undefined, [2, 3], [3]),
  ],
  [
    'argMax as a factor',
    unary((x) => tf.mul(x, tf.cast(tf.expandDims(tf.argMax(x, 1), 1), 'float32')), distinct),
  ],

  ['matMul', matMul([2, 3], [3, 4])],
  ['matMul, both transposed', matMul([3, 2], [4, 3], true, true)],
  ['matMul, batched', matMul([2, 4, 3], [2, 3, 2])],
  ['matMul, [5, 2, 3] and [3, 4]', matMul([5, 2, 3], [3, 4])],
  ['matMul, [2, 3] and [5, 3, 4]', matMul([2, 3], [5, 3, 4])],
  ['matMul, [1, 2, 3] and [5, 3, 4]', matMul([1, 2, 3], [5, 3, 4])],
  ['matMul, [5, 2, 3] and [1, 4, 3] transposed', matMul([5, 2, 3], [1, 4, 3], false, true)],
  ['matMul, [5, 1, 3, 2] transposed and [2, 3, 4]', matMul([5, 1, 3, 2], [2, 3, 4], true)],
  ['matMul, [3, 2] and [5, 4, 3], both transposed', matMul([3, 2], [5, 4, 3], true, true)],
  [
    'einsum',
    (k) => ({
      shapes: [
        [2, 3 * k],
        [3 * k, 2],
      ],
      of: (a, b) => tf.einsum('ij,jk->ik', a, b),
    }),
  ],
  [
    'fused.matMul',
    (k) => ({
      shapes: [[2, 3 * k], [3 * k, 2], [2]],
      of: (a, b, bias) => tf.fused.matMul({ a, b, bias, activation: 'linear' }),
    }),
  ],
  [
    'fused.conv2d',
    (k) => ({
      shapes: [[1, 4, 4 * k, 2], [2, 2, 2, 3], [3]],
      of: (x, filter, bias) =>
        tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation: 'linear' }),
    }),
  ],
  [
    'fused.depthwiseConv2d',
    (k) => ({
      shapes: [[1, 4, 4 * k, 2], [2, 2, 2, 2], [4]],
      of: (x, filter, bias) =>
        tf.fused.depthwiseConv2d({
          x,
          filter,
          bias,
          strides: 1,
          pad: 'same',
          activation: 'linear',
        }),
    }),
  ],

  ...([undefined, 0, 1, [0, 2], -1] as const).flatMap((axis): [string, Make][] => {
    const reduce =
      (of: (x: T, axis?: number | number[]) => T, values?: Values): Make =>
      (k) => ({
        shapes: [[2, 3 * k, 2]],
        of: (x) => of(x, axis as number),
        values,
      });
    const where = axis === undefined ? '' : `, axis ${JSON.stringify(axis)}`;
    return [
      [`sum${where}`, reduce((x, a) => tf.sum(x, a))],
      [`mean${where}`, reduce((x, a) => tf.mean(x, a, true))],
      [`prod${where}`, reduce((x, a) => tf.prod(x, a), positive)],
      [`max${where}`, reduce((x, a) => tf.max(x, a), distinct)],
      [`min${where}`, reduce((x, a) => tf.min(x, a, true), distinct)],
      [`logSumExp${where}`, reduce((x, a) => tf.logSumExp(x, a))],
      [
        `moments${where}`,
        reduce((x, a) => {
          const { mean, variance } = tf.moments(x, a);
          return tf.add(mean, variance);
        }),
      ],
      [`norm${where}`, reduce((x, a) => tf.norm(x, 'euclidean', a))],
    ];
  }),
  ['norm 1', unary((x) => tf.norm(x, 1))],
  [
    'norm inf',
    (k) => ({
      shapes: [[3 * k]],
      of: (x) => tf.norm(x, Number.POSITIVE_INFINITY),
      values: distinct,
    }),
  ],
  [
    'prod with a zero',
    (k) => ({
      shapes: [[2, 3 * k]],
      of: (x) => tf.prod(x, 1),
      values: (u, i) => (i === 1 ? 0 : positive(u)),
    }),
  ],
  ...[0, 1, 2].flatMap((axis) =>
    [false, true].flatMap((exclusive) =>
      [false, true].flatMap((reverse): [string, Make][] => {
        const how = `axis ${axis}${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`;
        return [
          [
            `cumsum, ${how}`,
            (k) => ({ shapes: [[3, 3 * k, 3]], of: (x) => tf.cumsum(x, axis, exclusive, reverse) }),
          ],
          [
            `cumprod, ${how}`,
            (k) => ({
              shapes: [[3, 3 * k, 3]],
              of: (x) => tf.cumprod(x, axis, exclusive, reverse),
              values: positive,
            }),
          ],
        ];
      }),
    ),
  ),
  ['cumsum of a vector', (k) => ({ shapes: [[3 * k]], of: (x) => tf.cumsum(x) })],
  [
    'cumprod with a zero',
    (k) => ({
      shapes: [[2, 4 * k]],
      of: (x) => tf.cumprod(x, 1),
      values: (u, i) => (i === 1 ? 0 : positive(u)),
    }),
  ],

  ['reshape', unary((x) => tf.reshape(x, [-1]))],
  ['transpose', (k) => ({ shapes: [[2, 3 * k, 4]], of: (x) => tf.transpose(x, [2, 0, 1]) })],
  ['expandDims, squeeze', unary((x) => tf.squeeze(tf.expandDims(tf.expandDims(x, 0), -1)))],
  ['tile', (k) => ({ shapes: [[2, 3]], of: (x) => tf.tile(x, [2 * k, 3 * k]) })],
  ['broadcastTo', (k) => ({ shapes: [[2, 1]], of: (x) => tf.broadcastTo(x, [4, 2, 3 * k]) })],
  ['concat', binary((a, b) => tf.concat([a, b, a], 1))],
  ['stack, unstack', binary((a, b) => tf.add(tf.unstack(tf.stack([a, b, a], 1), 1)[1]!, a))],
  ['split', unary((x) => tf.split(x, [1, 1], 0)[1]!)],
  ['slice', (k) => ({ shapes: [[4, 3 * k, 2]], of: (x) => tf.slice(x, [1, 1], [2, 2]) })],
  [
    'stridedSlice',
    (k) => ({ shapes: [[5, 4 * k, 3]], of: (x) => tf.stridedSlice(x, [1, 0], [5, 4], [2, 3]) }),
  ],
  [
    'stridedSlice, negative',
    (k) => ({ shapes: [[5, 4 * k]], of: (x) => tf.stridedSlice(x, [-1, 3], [0, 0], [-2, -1]) }),
  ],
  [
    'stridedSlice, masks',
    (k) => ({
      shapes: [[3, 4 * k, 2]],
      of: (x) => tf.stridedSlice(x, [1, 1, 0], [2, 4, 1], [1, 1, 1], 2, 2, 0, 0, 1),
    }),
  ],
  [
    'stridedSlice, ellipsis and new axis',
    (k) => ({
      shapes: [[3, 4 * k, 2]],
      of: (x) => tf.stridedSlice(x, [0, 0, 0], [0, 0, 2], [1, 1, 2], 0, 0, 1, 2, 0),
    }),
  ],
  [
    'pad',
    (k) => ({
      shapes: [[2, 3 * k]],
      of: (x) =>
        tf.pad(
          x,
          [
            [1, 2],
            [0, 1],
          ],
          3,
        ),
    }),
  ],
  ['pad, rank 1', (k) => ({ shapes: [[3 * k]], of: (x) => tf.pad(x, [[1, 2]]) })],
  ...(['reflect', 'symmetric'] as const).flatMap((mode): [string, Make][] => [
    [
      `mirrorPad, ${mode}`,
      (k) => ({
        shapes: [[3, 4 * k]],
        of: (x) =>
          tf.mirrorPad(
            x,
            [
              [1, 2],
              [2, 0],
            ],
            mode,
          ),
      }),
    ],
    [
      `mirrorPad, ${mode}, rank 1`,
      (k) => ({ shapes: [[3 * k]], of: (x) => tf.mirrorPad(x, [[2, 1]], mode) }),
    ],
    [
      `mirrorPad, ${mode}, rank 3`,
      (k) => ({
        shapes: [[3, 4 * k, 2]],
        of: (x) =>
          tf.mirrorPad(
            x,
            [
              [2, 1],
              [3, 3],
              [0, 1],
            ],
            mode,
          ),
      }),
    ],
  ]),
  ['reverse', (k) => ({ shapes: [[2, 3 * k, 2]], of: (x) => tf.reverse(x, [0, 1]) })],
  ['gather', (k) => ({ shapes: [[4, 3 * k]], of: (x) => tf.gather(x, ids([3, 0, 3, 1])) })],
  [
    'gather, axis 1',
    (k) => ({ shapes: [[2, 4, 3 * k]], of: (x) => tf.gather(x, ids([3, 0, 3, 1], [2, 2]), 1) }),
  ],
  [
    'gather, axis -1',
    (k) => ({ shapes: [[2, 4 * k]], of: (x) => tf.gather(x, ids([3, 0, 3]), -1) }),
  ],
  [
    'gather, batchDims 1',
    (k) => ({
      shapes: [[2 * k, 4, 3]],
      of: (x) =>
        tf.gather(
          x,
          ids(
            Array.from({ length: 4 * k }, (_, i) => (i * 3) % 4),
            [2 * k, 2],
          ),
          1,
          1,
        ),
    }),
  ],
  [
    'gather, batchDims 1, axis 2',
    (k) => ({
      shapes: [[2 * k, 2, 4, 3]],
      of: (x) =>
        tf.gather(
          x,
          ids(
            Array.from({ length: 6 * k }, (_, i) => (i * 3) % 4),
            [2 * k, 3],
          ),
          2,
          1,
        ),
    }),
  ],
  [
    'gather, batchDims 2',
    (k) => ({
      shapes: [[2 * k, 2, 4]],
      of: (x) =>
        tf.gather(
          x,
          ids(
            Array.from({ length: 12 * k }, (_, i) => (i * 3) % 4),
            [2 * k, 2, 3],
          ),
          2,
          2,
        ),
    }),
  ],
  [
    'gather with computed indices',
    unary((x) => tf.gather(x, tf.cast(tf.argMax(x, 0), 'int32'), 1), distinct),
  ],
  [
    'gatherND',
    (k) => ({
      shapes: [[3, 4, 2 * k]],
      of: (x) => tf.gatherND(x, ids([2, 0, 1, 3, 2, 0], [3, 2])),
    }),
  ],
  [
    'gatherND, whole indices',
    (k) => ({ shapes: [[3, 4 * k]], of: (x) => tf.gatherND(x, ids([2, 0, 1, 3, 2, 0], [3, 2])) }),
  ],
  [
    'scatterND',
    (k) => ({
      shapes: [[3, 2 * k]],
      of: (x) => tf.scatterND(ids([4, 1, 4], [3, 1]), x, [5, 2 * k]),
    }),
  ],
  [
    'tensorScatterUpdate',
    (k) => ({
      shapes: [
        [5, 2 * k],
        [2, 2 * k],
      ],
      of: (x, updates) => tf.tensorScatterUpdate(x, ids([4, 1], [2, 1]), updates),
    }),
  ],
  ['topk', (k) => ({ shapes: [[2, 5 * k]], of: (x) => tf.topk(x, 3).values, values: distinct })],
  [
    'topk, unsorted, rank 1',
    (k) => ({ shapes: [[5 * k]], of: (x) => tf.topk(x, 2, false).values, values: distinct }),
  ],
  [
    'sparseToDense',
    (k) => ({
      shapes: [[3], []],
      of: (values, fill) => tf.sparseToDense(ids([0, 2, 4]), values, [6 * k], fill),
    }),
  ],
  [
    'sparseToDense, rank 2',
    (k) => ({
      shapes: [[3]],
      of: (values) => tf.sparseToDense(ids([0, 2, 1, 3, 2, 0], [3, 2]), values, [3, 4 * k]),
    }),
  ],
  [
    'unsortedSegmentSum',
    (k) => ({
      shapes: [[4, 3 * k]],
      of: (x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1, 2], 'int32'), 3),
    }),
  ],
  [
    'unsortedSegmentSum, ids outside',
    (k) => ({
      shapes: [[4, 3 * k]],
      of: (x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, -1, 5], 'int32'), 3),
    }),
  ],
  [
    'spaceToBatchND',
    (k) => ({
      shapes: [[1, 4, 4 * k, 2]],
      of: (x) =>
        tf.spaceToBatchND(
          x,
          [2, 2],
          [
            [0, 0],
            [0, 0],
          ],
        ),
    }),
  ],
  [
    'batchToSpaceND',
    (k) => ({
      shapes: [[4, 2, 2 * k, 1]],
      of: (x) =>
        tf.batchToSpaceND(
          x,
          [2, 2],
          [
            [0, 1],
            [1, 0],
          ],
        ),
    }),
  ],
  ['depthToSpace', (k) => ({ shapes: [[1, 2, 3 * k, 8]], of: (x: T4) => tf.depthToSpace(x, 2) })],
  ['diag', (k) => ({ shapes: [[3 * k]], of: (x) => tf.diag(x) })],
  ['linalg.bandPart', (k) => ({ shapes: [[2, 4, 3 * k]], of: (x) => tf.linalg.bandPart(x, 1, 0) })],
  [
    'linalg.qr',
    () => ({
      shapes: [[3, 3]],
      of: (x: tf.Tensor2D) => {
        const [q, r] = tf.linalg.qr(x);
        return tf.add(q, r);
      },
    }),
  ],
  [
    'linalg.gramSchmidt',
    () => ({ shapes: [[3, 4]], of: (x: tf.Tensor2D) => tf.linalg.gramSchmidt(x) as T }),
  ],
  [
    'meshgrid',
    (k) => ({
      shapes: [[3 * k], [2]],
      of: (a: T, b: T) => {
        const [p, q] = tf.meshgrid(a, b);
        return tf.add(p!, tf.square(q!));
      },
    }),
  ],

  ...poolCases(),
  ...pool3DCases(),
  [
    'maxPool of negative windows',
    (k) => ({
      shapes: [[1, 4, 4 * k, 1]],
      of: (x: T4) => tf.maxPool(x, 2, 2, 'valid'),
      values: (u, i) => distinct(u, i) - 20,
    }),
  ],
  [
    'maxPool3d of negative windows',
    (k) => ({
      shapes: [[1, 4, 4 * k, 2, 1]],
      of: (x: T5) => tf.maxPool3d(x, 2, 2, 'valid'),
      values: (u, i) => distinct(u, i) - 20,
    }),
  ],
  [
    'maxPoolWithArgmax',
    (k) => ({
      shapes: [[1, 4, 4 * k, 2]],
      of: (x: T4) => tf.maxPoolWithArgmax(x, 2, 2, 'valid')['result']!,
      values: distinct,
    }),
  ],
  ...Object.entries(convs).map(([name, of]): [string, Make] => [
    name,
    (k) => ({
      shapes: [
        [2, 6, 5 * k, 2],
        [3, 2, 2, 3],
      ],
      of,
    }),
  ]),
  ...Object.entries(depthwise).map(([name, of]): [string, Make] => [
    name,
    (k) => ({
      shapes: [
        [2, 6, 5 * k, 2],
        [3, 3, 2, 2],
      ],
      of,
    }),
  ]),
  [
    'conv2d, NCHW',
    (k) => ({
      shapes: [
        [2, 2, 6, 5 * k],
        [3, 2, 2, 3],
      ],
      of: (x: T4, f: T4) => tf.conv2d(x, f, 1, 'same', 'NCHW'),
    }),
  ],
  [
    'conv1d',
    (k) => ({
      shapes: [
        [2, 6 * k, 2],
        [3, 2, 3],
      ],
      of: (x: T3, f: T3) => tf.conv1d(x, f, 2, 'same'),
    }),
  ],
  [
    'conv1d, dilated',
    (k) => ({
      shapes: [
        [2, 6 * k, 2],
        [3, 2, 3],
      ],
      of: (x: T3, f: T3) => tf.conv1d(x, f, 1, 'same', 'NWC', 2),
    }),
  ],
  [
    'conv2dTranspose',
    (k) => ({
      shapes: [
        [2, 3, 3 * k, 2],
        [3, 3, 3, 2],
      ],
      of: (x: T4, f: T4) => tf.conv2dTranspose(x, f, [2, 6, 6 * k, 3], 2, 'same'),
    }),
  ],
  [
    'separableConv2d',
    (k) => ({
      shapes: [
        [1, 5, 5 * k, 2],
        [3, 3, 2, 2],
        [1, 1, 4, 3],
      ],
      of: (x: T4, d: T4, p: T4) => tf.separableConv2d(x, d, p, 1, 'same'),
    }),
  ],
  [
    'conv3d, valid',
    (k) => ({
      shapes: [
        [1, 3, 4, 4 * k, 2],
        [2, 2, 2, 2, 2],
      ],
      of: (x: T5, f: T5) => tf.conv3d(x, f, 1, 'valid'),
    }),
  ],
  [
    'conv3d, same',
    (k) => ({
      shapes: [
        [1, 3, 4, 4 * k, 2],
        [2, 3, 2, 2, 2],
      ],
      of: (x: T5, f: T5) => tf.conv3d(x, f, 2, 'same'),
    }),
  ],
  [
    'conv3d, same, stride larger than the filter',
    (k) => ({
      shapes: [
        [1, 3, 5, 4 * k, 2],
        [1, 2, 1, 2, 2],
      ],
      of: (x: T5, f: T5) => tf.conv3d(x, f, [2, 3, 2], 'same'),
    }),
  ],
  [
    'conv3d, dilated',
    (k) => ({
      shapes: [
        [1, 3, 5, 4 * k, 2],
        [2, 2, 2, 2, 2],
      ],
      of: (x: T5, f: T5) => tf.conv3d(x, f, 1, 'valid', 'NDHWC', [1, 2, 2]),
    }),
  ],
  [
    'conv3dTranspose',
    (k) => ({
      shapes: [
        [1, 2, 2, 2 * k, 2],
        [2, 2, 2, 2, 2],
      ],
      of: (x: T5, f: T5) => tf.conv3dTranspose(x, f, [1, 4, 4, 4 * k, 2], 2, 'same'),
    }),
  ],
  [
    'dilation2d',
    (k) => ({
      shapes: [
        [1, 5, 5 * k, 2],
        [2, 2, 2],
      ],
      of: (x: T4, f: T3) => tf.dilation2d(x, f, 1, 'same'),
      values: distinct,
    }),
  ],
  [
    'localResponseNormalization',
    (k) => ({
      shapes: [[1, 2, 2 * k, 4]],
      of: (x: T4) => tf.localResponseNormalization(x, 1, 1, 0.5, 0.7),
    }),
  ],
  [
    'batchNorm',
    (k) => ({
      shapes: [[2, 3 * k, 2], [2], [2], [2], [2]],
      of: (x, m, v, o, s) => tf.batchNorm(x, m, tf.square(v), o, s, 0.1),
    }),
  ],
  [
    'batchNorm without scale and offset',
    (k) => ({
      shapes: [[2, 3 * k], [3 * k], [3 * k]],
      of: (x, m, v) => tf.batchNorm(x, m, tf.square(v), undefined, undefined, 0.1),
    }),
  ],
  [
    'batchNorm, statistics of full shape',
    (k) => ({
      shapes: [
        [2, 3 * k],
        [2, 3 * k],
        [2, 3 * k],
        [2, 3 * k],
        [2, 3 * k],
      ],
      of: (x, m, v, o, s) => tf.batchNorm(x, m, tf.square(v), o, s, 0.1),
    }),
  ],
  ...resizes(),
  [
    'image.cropAndResize, bilinear',
    (k) => ({
      shapes: [[2, 4, 5 * k, 2]],
      of: (x: T4) =>
        tf.image.cropAndResize(
          x,
          tf.tensor2d([
            [0.1, 0.2, 0.8, 0.9],
            [0, 0, 1, 1],
            [0.9, 0.7, 0.3, 1.2],
          ]),
          tf.tensor1d([1, 0, 1], 'int32'),
          [3, 4],
          'bilinear',
          0.5,
        ),
    }),
  ],
  [
    'image.cropAndResize, nearest',
    (k) => ({
      shapes: [[2, 4, 5 * k, 2]],
      of: (x: T4) =>
        tf.image.cropAndResize(
          x,
          tf.tensor2d([
            [0.1, 0.2, 0.8, 0.9],
            [0, 0, 1, 1],
          ]),
          tf.tensor1d([1, 0], 'int32'),
          [3, 4],
          'nearest',
        ),
    }),
  ],
  [
    'image.flipLeftRight',
    (k) => ({ shapes: [[1, 2, 3 * k, 2]], of: (x: T4) => tf.image.flipLeftRight(x) }),
  ],
  [
    'image.rotateWithOffset',
    (k) => ({ shapes: [[1, 4, 4 * k, 1]], of: (x: T4) => tf.image.rotateWithOffset(x, 0.3, 0) }),
  ],
  [
    'image.transform',
    (k) => ({
      shapes: [[1, 4, 4 * k, 1]],
      of: (x: T4) =>
        tf.image.transform(x, tf.tensor2d([[0.9, 0.1, 0.2, -0.1, 1.1, 0.1, 0, 0]]), 'bilinear'),
    }),
  ],
  [
    'image.grayscaleToRGB',
    (k) => ({ shapes: [[2, 3 * k, 1]], of: (x: T3) => tf.image.grayscaleToRGB(x) }),
  ],
  [
    'image.rgbToGrayscale',
    (k) => ({ shapes: [[2, 3 * k, 3]], of: (x: T3) => tf.image.rgbToGrayscale(x) }),
  ],

  [
    'complex, real, imag',
    binary((a, b) => {
      const c = tf.complex(a, b);
      return tf.add(tf.real(c), tf.square(tf.imag(c)));
    }),
  ],
  ['abs of complex', binary((a, b) => tf.abs(tf.complex(a, b)))],
  [
    'spectral.fft',
    (k) => ({
      shapes: [
        [2, 4 * k],
        [2, 4 * k],
      ],
      of: (a, b) => {
        const c = tf.spectral.fft(tf.complex(a, b));
        return tf.add(tf.real(c), tf.square(tf.imag(c)));
      },
    }),
  ],
  [
    'spectral.ifft',
    (k) => ({
      shapes: [
        [2, 4 * k],
        [2, 4 * k],
      ],
      of: (a, b) => {
        const c = tf.spectral.ifft(tf.complex(a, b));
        return tf.add(tf.real(c), tf.square(tf.imag(c)));
      },
    }),
  ],
  [
    'spectral.rfft',
    (k) => ({
      shapes: [[2, 4 * k]],
      of: (a) => {
        const c = tf.spectral.rfft(a);
        return tf.add(tf.real(c), tf.square(tf.imag(c)));
      },
    }),
  ],
  [
    'spectral.irfft',
    (k) => ({
      shapes: [
        [2, 3 + k],
        [2, 3 + k],
      ],
      of: (a, b) => tf.spectral.irfft(tf.complex(a, b)),
    }),
  ],
  [
    'product of complex numbers',
    binary((a, b) => {
      const c = tf.mul(tf.complex(a, b), tf.complex(b, a));
      return tf.add(tf.real(c), tf.imag(c));
    }),
  ],
  [
    'signal.stft',
    (k) => ({
      shapes: [[8 * k]],
      // As many frames at every size: tfjs slices them one by one.
      of: (x: tf.Tensor1D) => {
        const c = tf.signal.stft(x, 4 * k, 2 * k, 4 * k);
        return tf.add(tf.square(tf.real(c)), tf.square(tf.imag(c)));
      },
    }),
  ],
  [
    'losses.softmaxCrossEntropy',
    (k) => ({
      shapes: [[2, 3 * k]],
      of: (x) => tf.losses.softmaxCrossEntropy(tf.oneHot([1, 0], 3 * k), x),
    }),
  ],
  ['dropout', unary((x) => tf.dropout(x, 0.5, undefined, 7))],

  ...(
    [
      ['absoluteDifference', tf.losses.absoluteDifference],
      ['cosineDistance', (a: T, b: T) => tf.losses.cosineDistance(a, b, 1)],
      ['hingeLoss', (a: T, b: T) => tf.losses.hingeLoss(tf.round(tf.sigmoid(a)), b)],
      ['huberLoss', tf.losses.huberLoss],
      ['logLoss', (a: T, b: T) => tf.losses.logLoss(tf.sigmoid(a), tf.sigmoid(b))],
      ['meanSquaredError', tf.losses.meanSquaredError],
      ['sigmoidCrossEntropy', (a: T, b: T) => tf.losses.sigmoidCrossEntropy(tf.sigmoid(a), b)],
    ] as [string, (a: T, b: T) => T][]
  ).map(([name, of]): [string, Make] => [
    `losses.${name}`,
    binary(of, name === 'absoluteDifference' ? distinct : undefined),
  ]),
]);
