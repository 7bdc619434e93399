import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { type Inputs, type OnePassCase, onePassCaseTests } from '../../../test/one-pass.ts';
import { expectClose, values } from '../../../test/tensors.ts';
import { exponentialKernels } from './exponential-passes.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

const TIME = 3;

/** A softmax where a step sees those before it, at most `window` of them; what it does not see does not matter. */
const softmax = (window: number | null): [string, OnePassCase] => [
  'LrmSoftmax',
  {
    // As many steps came before as there are columns but one.
    inputs: (rows, width) => ({ x: [rows, TIME, TIME + width - 1] }),
    attrs: { time: window === null ? 0 : TIME, window: window ?? 1000 },
    formula({ x }, rows, width) {
      const keys = TIME + width - 1;
      const query = tf.reshape(tf.range(0, TIME), [TIME, 1]);
      const distance = tf.sub(tf.add(query, width - 1), tf.range(0, keys));
      const isSeen = tf.logicalAnd(tf.greaterEqual(distance, 0), tf.less(distance, window ?? 1000));
      const seen = tf.broadcastTo(window === null ? tf.onesLike(isSeen) : isSeen, x!.shape);
      const [zeros, least] = [tf.zerosLike(x!), tf.fill(x!.shape, Number.NEGATIVE_INFINITY)];
      if (rows === 0) return [zeros];
      const mask = tf.cast(seen, 'bool');
      return [tf.where(mask, tf.softmax(tf.where(mask, x!, least)), zeros)];
    },
  },
];

/** An id of padding; a test of its own has some. */
const IGNORED = -5;
const oneHot = (ids: tf.Tensor, width: number): tf.Tensor =>
  tf.cast(tf.equal(tf.expandDims(ids, 1), tf.range(0, width, 1, 'int32')), 'float32');
/** The share of each row in the mean. */
function shares(ids: tf.Tensor, isIgnoring: boolean): tf.Tensor {
  if (!isIgnoring) return tf.fill([ids.size], 1 / ids.size);
  const counts = tf.cast(tf.notEqual(ids, IGNORED), 'float32');
  return tf.div(counts, tf.sum(counts));
}

const entropy = (
  smoothing: number,
  zLoss: number,
  hasIgnored: boolean,
): [string, OnePassCase][] => {
  const attrs = { smoothing, zLoss, ignore: IGNORED, hasIgnored: Number(hasIgnored) };
  return [
    [
      'LrmCrossEntropy',
      {
        inputs: (rows, width) => ({ logits: [rows, width + 2], ids: [rows] }),
        ids: 'ids',
        attrs,
        formula({ logits, ids }, _, width) {
          const logSums = tf.logSumExp(logits!, 1);
          // No product with what is not there: NaN would get from one column to another.
          const picked = tf.where(
            tf.cast(oneHot(ids!, width + 2), 'bool'),
            logits!,
            tf.zerosLike(logits!),
          );
          const hit = tf.mul(tf.sum(picked, 1), 1 - smoothing);
          const smooth = smoothing === 0 ? 0 : tf.mul(tf.mean(logits!, 1), smoothing);
          const each = tf.add(
            tf.sub(tf.sub(logSums, hit), smooth),
            tf.mul(tf.square(logSums), zLoss),
          );
          return [tf.sum(tf.mul(each, shares(ids!, hasIgnored))), logSums];
        },
      },
    ],
    [
      'LrmCrossEntropyGradient',
      {
        inputs: (rows, width) => ({
          ...{ dy: [], logits: [rows, width + 2], ids: [rows], logSums: [rows] },
        }),
        ids: 'ids',
        attrs,
        formula({ dy, logits, ids, logSums }, _, width) {
          const sums = tf.expandDims(logSums!, 1);
          const p = tf.mul(tf.exp(tf.sub(logits!, sums)), tf.add(tf.mul(sums, 2 * zLoss), 1));
          const target = tf.add(
            tf.mul(oneHot(ids!, width + 2), 1 - smoothing),
            smoothing / (width + 2),
          );
          return [
            tf.mul(tf.sub(p, target), tf.expandDims(tf.mul(shares(ids!, hasIgnored), dy!), 1)),
          ];
        },
      },
    ],
  ];
};

const turned = (
  x: tf.Tensor,
  { cosine, sine }: Inputs,
  isHalves: boolean,
  sign: number,
  factor: number,
): tf.Tensor => {
  if (cosine === undefined) return tf.mul(x, factor);
  const [rows, , width] = x.shape as [number, number, number];
  const pairs = isHalves ? [rows, TIME, 2, width / 2] : [rows, TIME, width / 2, 2];
  const partners = tf.reshape(tf.reverse(tf.reshape(x, pairs), isHalves ? 2 : 3), x.shape);
  return tf.add(tf.mul(x, cosine), tf.mul(tf.mul(partners, sine!), sign));
};
const split = (x: tf.Tensor, heads: number): tf.Tensor => {
  const [batch, time, channels] = x.shape as [number, number, number];
  const apart = tf.reshape(x, [batch, time, heads, channels / heads]);
  const shape = [batch * heads, time, channels / heads];
  // tfjs cannot transpose what is empty.
  return batch === 0 ? tf.zeros(shape) : tf.reshape(tf.transpose(apart, [0, 2, 1, 3]), shape);
};
const merged = (x: tf.Tensor, heads: number): tf.Tensor => {
  const [rows, time, width] = x.shape as [number, number, number];
  const apart = tf.reshape(x, [rows / heads, heads, time, width]);
  const shape = [rows / heads, time, heads * width];
  return rows === 0 ? tf.zeros(shape) : tf.reshape(tf.transpose(apart, [0, 2, 1, 3]), shape);
};

/** Two heads of queries share one of keys and values; heads of values are half as wide. */
const heads = (hasTables: boolean, isHalves: boolean, sign: number): [string, OnePassCase][] => {
  const attrs = { ...{ heads: 2, keyHeads: 1, factor: 0.7 }, isHalves: Number(isHalves), sign };
  const tables = (width: number) =>
    hasTables ? { cosine: [TIME, 2 * width], sine: [TIME, 2 * width] } : {};
  return [
    [
      'LrmSplitHeads',
      {
        inputs: (rows, width) => ({
          ...{ query: [rows, TIME, 4 * width], key: [rows, TIME, 2 * width] },
          ...{ value: [rows, TIME, width], ...tables(width) },
        }),
        attrs,
        formula: ({ query, key, value, ...rest }) => [
          turned(split(query!, 2), rest, isHalves, sign, 0.7),
          turned(split(key!, 1), rest, isHalves, sign, 0.7),
          value!,
        ],
      },
    ],
    [
      'LrmMergeHeads',
      {
        inputs: (rows, width) => ({
          ...{ query: [2 * rows, TIME, 2 * width], key: [rows, TIME, 2 * width] },
          ...{ value: [rows, TIME, width], ...tables(width) },
        }),
        attrs,
        formula: ({ query, key, value, ...rest }) => [
          merged(turned(query!, rest, isHalves, sign, 0.7), 2),
          merged(turned(key!, rest, isHalves, sign, 0.7), 1),
          value!,
        ],
      },
    ],
  ];
};

const CASES: readonly (readonly [string, OnePassCase])[] = [
  softmax(null),
  softmax(1000),
  softmax(2),
  [
    'LrmSoftmaxGradient',
    {
      inputs: (rows, width) => ({ dy: [rows, 2, width], y: [rows, 2, width] }),
      formula: ({ dy, y }) => [tf.mul(y!, tf.sub(dy!, tf.sum(tf.mul(dy!, y!), -1, true)))],
    },
  ],
  ...entropy(0, 0, false),
  ...entropy(0.2, 0.1, true),
  ...heads(true, true, 1),
  ...heads(true, false, -1),
  ...heads(false, false, 1),
];

test('every kernel has a case', () => {
  expect([...new Set(CASES.map(([name]) => name))].sort()).toEqual(Object.keys(exponentialKernels));
});

onePassCaseTests(CASES);

const ids = (list: number[]): tf.Tensor => tf.tensor1d(list, 'int32');
const lossOf = (list: number[], logits: tf.Tensor, ignore?: number): number[][] => {
  const attrs = {
    smoothing: 0,
    zLoss: 0,
    ignore: ignore ?? 0,
    hasIgnored: Number(ignore !== undefined),
  };
  const run = (name: string, inputs: Inputs): tf.Tensor[] =>
    tf.engine().runKernel(name, inputs, attrs) as unknown as tf.Tensor[];
  const [loss, logSums] = run('LrmCrossEntropy', { logits, ids: ids(list) });
  const dy = tf.scalar(1);
  const [gradient] = run('LrmCrossEntropyGradient', {
    dy,
    logits,
    ids: ids(list),
    logSums: logSums!,
  });
  return [values(loss!), values(gradient!)];
};

test('an id that no logit belongs to gives NaN in its row, unless it is ignored', () => {
  tf.tidy(() => {
    const logits = tf.zeros([2, 4]);
    const [loss, gradient] = lossOf([7, 0], logits);
    expect(loss).toEqual([Number.NaN]);
    expect(gradient!.map(Number.isNaN)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    const [ignoring, plain] = lossOf([7, 0], logits, 7);
    expectClose(ignoring!, [Math.log(4)], 1e-6);
    expectClose(plain!, [0, 0, 0, 0, -0.75, 0.25, 0.25, 0.25], 1e-6);
    expect(lossOf([7, 7], logits, 7)[0]).toEqual([Number.NaN]);
  });
});

test('large logits do not overflow, and small ones leave nothing of a large one', () => {
  tf.tidy(() => {
    const [loss, gradient] = lossOf([0], tf.tensor2d([[1e4, -1e4, 0]]));
    expect(loss).toEqual([0]);
    expect(gradient).toEqual([0, 0, 0]);
  });
});

test('exponentials are those of float64 to 3 in the last place, from the smallest to the largest', () => {
  const x = Float32Array.from({ length: 40_001 }, (_, i) => -104 + i / 200);
  const actual = tf.tidy(() => values(tf.exp(tf.tensor1d(x))));
  actual.forEach((value, i) => {
    const expected = Math.exp(x[i]!);
    // Below 2⁻¹²⁶, the distance of neighbours no longer shrinks.
    const unit = Math.max(expected, 2 ** -126) * 2 ** -23;
    if (expected > 3.4028e38) expect(value).toBeGreaterThan(3.4e38);
    else expect(Math.abs(value - expected), `e^${x[i]}`).toBeLessThanOrEqual(3 * unit);
  });
});

test('exponentials of NaN, infinities and nothing', () => {
  tf.tidy(() => {
    const x = tf.tensor1d([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
      1e30,
    ]);
    expect(values(tf.exp(x))).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      0,
      1,
      Number.POSITIVE_INFINITY,
    ]);
    expect(values(tf.exp(tf.zeros([0])))).toEqual([]);
    expect(values(tf.exp(tf.tensor1d([0, 1], 'int32')))[0]).toBe(1);
  });
});
