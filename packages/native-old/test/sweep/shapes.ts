/** Operations that move, join, cut and repeat, and those that make tensors. */
import * as tf from '@tensorflow/tfjs-core';
import { type Argument, argument, type Case, type Cases, DTYPES, one } from './case.ts';

type Run = (x: tf.Tensor) => unknown;

/** One call with each type. */
const each = (shape: readonly number[], label: string, run: Run): Case[] =>
  DTYPES.map((dtype) =>
    one(`${label} of ${dtype}`, [argument(shape, dtype)], (x) => run(x as tf.Tensor)),
  );
const float = (shape: readonly number[], label: string, run: Run): Case =>
  one(label, [argument(shape)], (x) => run(x as tf.Tensor));
const pairs = (a: readonly number[], b: readonly number[]): (readonly [string, Argument[]])[] =>
  DTYPES.map((dtype) => [dtype, [argument(a, dtype), argument(b, dtype)]]);
const none = (label: string, run: () => unknown, isRandom = false): Case =>
  one(label, [argument([])], run, isRandom);

const INDICES = argument([3], 'int32', [0, 2]);

export const shapes: Cases = {
  reshape: each([2, 6], 'another shape', (x) => tf.reshape(x, [3, -1])),
  expandDims: [
    ...each([2, 3], 'first axis', (x) => tf.expandDims(x)),
    ...each([2, 3], 'last axis', (x) => tf.expandDims(x, -1)),
  ],
  squeeze: [
    ...each([1, 2, 1], 'all axes', (x) => tf.squeeze(x)),
    ...each([1, 2, 1], 'one axis', (x) => tf.squeeze(x, [0])),
  ],
  transpose: [
    ...each([2, 3, 4], 'reversed', (x) => tf.transpose(x)),
    ...each([2, 3, 4], 'axes', (x) => tf.transpose(x, [1, 0, 2])),
    one('complex', [argument([2, 3]), argument([2, 3])], (re, im) => {
      const z = tf.transpose(tf.complex(re as tf.Tensor, im as tf.Tensor));
      return [tf.real(z), tf.imag(z)];
    }),
  ],
  tile: [
    ...each([2, 3], 'both axes', (x) => tf.tile(x, [2, 3])),
    ...each([1, 3], 'one axis', (x) => tf.tile(x, [4, 1])),
  ],
  broadcastTo: each([2, 1, 3], 'a new axis', (x) => tf.broadcastTo(x, [2, 2, 4, 3])),
  broadcastArgs: [
    one('two shapes', [argument([1])], () =>
      tf.broadcastArgs(tf.tensor1d([2, 1], 'int32'), tf.tensor1d([1, 3], 'int32')),
    ),
  ],
  concat: [
    ...pairs([2, 3], [4, 3]).map(([dtype, inputs]) => one(dtype, inputs, (...x) => tf.concat(x))),
    ...pairs([2, 3], [2, 1]).map(([dtype, inputs]) =>
      one(`${dtype}, last axis`, inputs, (...x) => tf.concat(x, -1)),
    ),
    one('scalars', [argument([]), argument([])], (...x) => tf.concat(x as tf.Tensor1D[])),
    one('mixed types', [argument([2], 'int32'), argument([2])], (...x) => tf.concat(x)),
  ],
  concat1d: [one('two', [argument([2]), argument([3])], (...x) => tf.concat1d(x as tf.Tensor1D[]))],
  concat2d: [
    one('two', [argument([2, 3]), argument([2, 3])], (...x) => tf.concat2d(x as tf.Tensor2D[], 1)),
  ],
  concat3d: [
    one('two', [argument([2, 1, 3]), argument([2, 2, 3])], (...x) =>
      tf.concat3d(x as tf.Tensor3D[], 1),
    ),
  ],
  concat4d: [
    one('two', [argument([1, 2, 1, 3]), argument([1, 2, 1, 3])], (...x) =>
      tf.concat4d(x as tf.Tensor4D[], 3),
    ),
  ],
  stack: pairs([2, 3], [2, 3]).flatMap(([dtype, inputs]) =>
    [0, 1, -1].map((axis) => one(`${dtype}, axis ${axis}`, inputs, (...x) => tf.stack(x, axis))),
  ),
  unstack: [0, 1, -1].flatMap((axis) => each([2, 3], `axis ${axis}`, (x) => tf.unstack(x, axis))),
  split: [
    ...each([4, 6], 'equal parts', (x) => tf.split(x, 2)),
    ...each([4, 6], 'sizes', (x) => tf.split(x, [1, 2, 3], 1)),
    ...each([4, 6], 'the rest', (x) => tf.split(x, [1, -1], -1)),
  ],
  slice: [
    ...each([4, 5], 'from', (x) => tf.slice(x, [1, 2])),
    ...each([4, 5], 'from and size', (x) => tf.slice(x, [1, 0], [2, -1])),
    ...each([4, 5], 'one axis', (x) => tf.slice(x, 1, 2)),
  ],
  slice1d: [float([5], 'a part', (x) => tf.slice1d(x as tf.Tensor1D, 1, 3))],
  slice2d: [float([4, 5], 'a part', (x) => tf.slice2d(x as tf.Tensor2D, [1, 1], [2, 3]))],
  slice3d: [float([2, 3, 4], 'a part', (x) => tf.slice3d(x as tf.Tensor3D, [0, 1, 1], [2, 2, 2]))],
  slice4d: [
    float([2, 2, 2, 2], 'a part', (x) => tf.slice4d(x as tf.Tensor4D, [0, 1, 0, 1], [2, 1, 2, 1])),
  ],
  stridedSlice: [
    ...each([4, 6], 'strides', (x) => tf.stridedSlice(x, [0, 1], [4, 6], [2, 2])),
    ...each([4, 6], 'backwards', (x) => tf.stridedSlice(x, [3, 5], [0, 0], [-1, -2])),
    float([4, 6], 'masks', (x) => tf.stridedSlice(x, [1, 1], [3, 4], [1, 1], 1, 2)),
    float([4, 6], 'a shrunken and a new axis', (x) =>
      tf.stridedSlice(x, [1, 0], [2, 6], [1, 1], 0, 0, 0, 0, 1),
    ),
  ],
  pad: [
    ...each([2, 3], 'zeros', (x) =>
      tf.pad(x, [
        [1, 0],
        [0, 2],
      ]),
    ),
    float([2, 3], 'a value', (x) =>
      tf.pad(
        x,
        [
          [1, 1],
          [1, 1],
        ],
        7,
      ),
    ),
  ],
  pad1d: [float([3], 'zeros', (x) => tf.pad1d(x as tf.Tensor1D, [1, 2]))],
  pad2d: [
    float([2, 3], 'zeros', (x) =>
      tf.pad2d(x as tf.Tensor2D, [
        [1, 0],
        [0, 1],
      ]),
    ),
  ],
  pad3d: [
    float([1, 2, 3], 'zeros', (x) =>
      tf.pad3d(x as tf.Tensor3D, [
        [0, 0],
        [1, 0],
        [0, 1],
      ]),
    ),
  ],
  pad4d: [
    float([1, 2, 3, 1], 'zeros', (x) =>
      tf.pad4d(x as tf.Tensor4D, [
        [0, 0],
        [1, 0],
        [0, 1],
        [0, 0],
      ]),
    ),
  ],
  mirrorPad: (['reflect', 'symmetric'] as const).flatMap((mode) =>
    each([3, 4], mode, (x) =>
      tf.mirrorPad(
        x,
        [
          [1, 1],
          [2, 1],
        ],
        mode,
      ),
    ),
  ),
  reverse: [
    ...each([2, 3], 'all axes', (x) => tf.reverse(x)),
    ...each([2, 3], 'one axis', (x) => tf.reverse(x, -1)),
  ],
  reverse1d: [float([3], 'all', (x) => tf.reverse1d(x as tf.Tensor1D))],
  reverse2d: [float([2, 3], 'one axis', (x) => tf.reverse2d(x as tf.Tensor2D, 1))],
  reverse3d: [float([2, 3, 2], 'two axes', (x) => tf.reverse3d(x as tf.Tensor3D, [0, 2]))],
  reverse4d: [float([2, 1, 3, 2], 'two axes', (x) => tf.reverse4d(x as tf.Tensor4D, [1, 3]))],
  gather: [
    ...DTYPES.map((dtype) =>
      one(dtype, [argument([2, 3], dtype), INDICES], (x, at) =>
        tf.gather(x as tf.Tensor, at as tf.Tensor),
      ),
    ),
    one('another axis', [argument([3, 2]), INDICES], (x, at) =>
      tf.gather(x as tf.Tensor, at as tf.Tensor, 1),
    ),
    one('indices of rank 2', [argument([2, 3]), argument([2, 2], 'int32', [0, 2])], (x, at) =>
      tf.gather(x as tf.Tensor, at as tf.Tensor),
    ),
    one('batchDims', [argument([2, 3]), argument([2, 2], 'int32', [0, 3])], (x, at) =>
      tf.gather(x as tf.Tensor, at as tf.Tensor, 1, 1),
    ),
  ],
  gatherND: DTYPES.map((dtype) =>
    one(dtype, [argument([2, 2], dtype), argument([3, 2], 'int32', [0, 2])], (x, at) =>
      tf.gatherND(x as tf.Tensor, at as tf.Tensor),
    ),
  ),
  scatterND: (['float32', 'int32'] as const).map((dtype) =>
    one(dtype, [argument([3, 1], 'int32', [0, 4]), argument([3, 2], dtype)], (at, x) =>
      tf.scatterND(at as tf.Tensor, x as tf.Tensor, [4, 2]),
    ),
  ),
  tensorScatterUpdate: [
    one('float32', [argument([4, 2]), argument([2, 2])], (x, updates) =>
      tf.tensorScatterUpdate(
        x as tf.Tensor,
        tf.tensor2d([1, 3], [2, 1], 'int32'),
        updates as tf.Tensor,
      ),
    ),
  ],
  sparseToDense: [
    one('float32', [argument([2]), argument([])], (x, rest) =>
      tf.sparseToDense(tf.tensor1d([1, 3], 'int32'), x as tf.Tensor, [4], rest as tf.Scalar),
    ),
  ],
  oneHot: [
    one('float32', [INDICES], (x) => tf.oneHot(x as tf.Tensor, 3)),
    one('values and type', [INDICES], (x) => tf.oneHot(x as tf.Tensor, 3, 5, -1, 'int32')),
    one('rank 2', [argument([2, 3], 'int32', [0, 3])], (x) => tf.oneHot(x as tf.Tensor, 3)),
  ],
  diag: each([3], 'a vector', (x) => tf.diag(x)),
  eye: [
    none('square', () => tf.eye(3)),
    none('a batch', () => tf.eye(2, 3, [2])),
    none('int32', () => tf.eye(2, 2, undefined, 'int32')),
  ],
  batchToSpaceND: each([4, 1, 1, 2], 'blocks', (x) =>
    tf.batchToSpaceND(
      x,
      [2, 2],
      [
        [0, 0],
        [0, 0],
      ],
    ),
  ),
  spaceToBatchND: each([1, 2, 2, 2], 'blocks', (x) =>
    tf.spaceToBatchND(
      x,
      [2, 2],
      [
        [0, 0],
        [0, 0],
      ],
    ),
  ),
  depthToSpace: each([1, 2, 2, 4], 'NHWC', (x) => tf.depthToSpace(x as tf.Tensor4D, 2)),
  rand: [none('by a function', () => tf.rand([3], () => Math.random()), true)],
  randomGamma: [none('alpha', () => tf.randomGamma([3], 2), true)],
  randomNormal: [
    none('normal', () => tf.randomNormal([20], 3, 2), true),
    none('int32', () => tf.randomNormal([20], 3, 20, 'int32'), true),
    none('a seed', () => tf.randomNormal([20], 0, 1, 'float32', 3)),
  ],
  randomStandardNormal: [none('normal', () => tf.randomStandardNormal([20]), true)],
  randomUniform: [
    none('uniform', () => tf.randomUniform([20], -1, 3), true),
    none('int32', () => tf.randomUniform([20], 0, 100, 'int32'), true),
    none('a seed', () => tf.randomUniform([20], 0, 1, 'float32', 3)),
  ],
  randomUniformInt: [none('whole numbers', () => tf.randomUniformInt([20], 0, 100), true)],
  truncatedNormal: [none('normal', () => tf.truncatedNormal([20]), true)],
  dropout: [
    one('rate', [argument([20], 'float32', [1, 2])], (x) => tf.dropout(x as tf.Tensor, 0.5), true),
    one('rate 0', [argument([20])], (x) => tf.dropout(x as tf.Tensor, 0)),
    one(
      'a shape of noise and a seed',
      [argument([20, 2], 'float32', [1, 2])],
      (x) => tf.dropout(x as tf.Tensor, 0.5, [20, 1], 7),
      true,
    ),
  ],
  multinomial: [
    one('logits', [argument([50])], (x) => tf.multinomial(x as tf.Tensor1D, 20), true),
    one('a batch', [argument([2, 50])], (x) => tf.multinomial(x as tf.Tensor2D, 20), true),
    one('a seed', [argument([50])], (x) => tf.multinomial(x as tf.Tensor1D, 20, 7), true),
    one(
      'probabilities',
      [argument([50], 'float32', [0, 1])],
      (x) => tf.multinomial(x as tf.Tensor1D, 20, undefined, true),
      true,
    ),
  ],
  fill: [none('a value', () => tf.fill([2, 3], 7)), none('int32', () => tf.fill([2], 7, 'int32'))],
  linspace: [none('five', () => tf.linspace(0, 1, 5))],
  range: [
    none('upwards', () => tf.range(0, 6, 2)),
    none('int32', () => tf.range(3, 0, -1, 'int32')),
  ],
  ones: [none('float32', () => tf.ones([2, 3])), none('bool', () => tf.ones([2], 'bool'))],
  zeros: [none('float32', () => tf.zeros([2, 3])), none('int32', () => tf.zeros([2], 'int32'))],
  meshgrid: [
    one('xy', [argument([2]), argument([3])], (x, y) => tf.meshgrid(x, y)),
    one('ij', [argument([2]), argument([3])], (x, y) => tf.meshgrid(x, y, { indexing: 'ij' })),
  ],
};
