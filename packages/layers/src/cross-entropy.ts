import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, isTapeOn, numberRule, runOnePass } from '@tfjs-lrm/core/kit';
import { withGradient } from './with-gradient.ts';

/** What `crossEntropy` adds to the plain loss. */
export interface CrossEntropyOptions {
  /** Weight of (log Σ exp(logits))², which keeps logits from drifting; 1e-4 in PaLM. */
  readonly zLoss?: number | undefined;
  /** Which part of the target is spread evenly over the vocabulary, in [0, 1). */
  readonly labelSmoothing?: number | undefined;
  /** An id that does not count, as of padding. */
  readonly ignore?: number | undefined;
}

const RULES = {
  zLoss: numberRule({ min: 0, try: '1e-4' }),
  labelSmoothing: numberRule({ min: 0, max: 1, try: '0.1' }),
  ignore: numberRule({ integer: true, try: '0' }),
};

/** Whether some elements of a tensor can be changed; else a one-hot matrix serves. tfjs has no gradient of the former. */
const canScatter = (): boolean =>
  !isTapeOn() && tf.getKernel('TensorScatterUpdate', tf.getBackend()) !== undefined;

/**
 * The mean cross-entropy between token ids and predicted logits, in nats a token:
 *
 *     log Σᵥ exp(lᵥ) − (1 − s)·l_id − s·meanᵥ(l) + z·(log Σᵥ exp(lᵥ))²
 *
 * No one-hot matrix of the vocabulary is made where the backend has `TensorScatterUpdate`, as all of tfjs' do.
 * An id outside the vocabulary gives NaN. Gradients flow to the logits. It is for `optimizer.minimize`: tfjs' `fit` demands
 * labels of the outputs' shape from a loss that is not its own.
 *
 * @param ids [...], or [..., 1], of any numeric type
 * @param logits [..., vocabulary]
 * @param options zLoss: z (0); labelSmoothing: s (0); ignore: an id that does not count (none)
 * @returns a scalar; NaN where no id counts
 * @throws TypeError for arguments that are not tensors; RangeError for shapes that do not fit, and a wrong option
 * @see Szegedy et al., 2015, arXiv 1512.00567, sec. 7 (s); Chowdhery et al., 2022, arXiv 2204.02311, sec. 5 (z)
 * @example
 * crossEntropy(tf.tensor1d([1, 0], 'int32'), tf.zeros([2, 4]), { zLoss: 1e-4 }); // log 4 + 1e-4 · (log 4)²
 */
export function crossEntropy(
  ids: tf.Tensor,
  logits: tf.Tensor,
  options: CrossEntropyOptions = {},
): tf.Scalar {
  checkOptions('crossEntropy', options, RULES);
  const vocabulary = checkShapes(ids, logits);
  const { zLoss = 0, labelSmoothing: smoothing = 0, ignore } = options;
  const attributes = {
    zLoss,
    smoothing,
    ignore: ignore ?? 0,
    hasIgnored: Number(ignore !== undefined),
  };
  const rows = ids.size;
  return tf.tidy(() => {
    return withGradient(
      [tf.reshape(logits, [rows, vocabulary])],
      (l, id) => {
        const inOnePass = runOnePass('LrmCrossEntropy', { logits: l, ids: id }, attributes);
        if (inOnePass !== null) {
          const [value, logSums] = inOnePass as [tf.Tensor, tf.Tensor];
          const backward = (dy: tf.Tensor, [logits, ids, logSums]: (tf.Tensor | undefined)[]) =>
            runOnePass(
              'LrmCrossEntropyGradient',
              { dy, logits, ids, logSums },
              attributes,
            ) as tf.Tensor[];
          return { value, saved: [l, id, logSums], backward };
        }
        const { share, place, column } = targetsOf(id as tf.Tensor1D, vocabulary, ignore);
        const largest = tf.max(l, 1, true);
        const exps = tf.exp(tf.sub(l, largest));
        const sums = tf.sum(exps, 1, true);
        const logSum = tf.reshape(tf.add(tf.log(sums), largest), [rows]);
        const at = tf.gather(tf.reshape(l, [-1]), place);
        const hit = tf.sub(logSum, smoothing === 0 ? at : tf.mul(at, 1 - smoothing));
        const smooth = smoothing === 0 ? hit : tf.sub(hit, tf.mul(tf.mean(l, 1), smoothing));
        const each = zLoss === 0 ? smooth : tf.add(smooth, tf.mul(tf.square(logSum), zLoss));
        return {
          value: tf.sum(tf.mul(each, share)),
          saved: [tf.div(exps, sums), logSum, share, place, column],
        };
      },
      (dy, saved) => {
        const [p, logSum, share, place, column] = saved as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const weighted =
          zLoss === 0 ? p : tf.mul(p, tf.reshape(tf.add(tf.mul(logSum, 2 * zLoss), 1), [rows, 1]));
        const spread = smoothing === 0 ? weighted : tf.sub(weighted, smoothing / vocabulary);
        const slope = subtractAt(spread, 1 - smoothing, place, column);
        return [tf.mul(slope, tf.reshape(tf.mul(share, dy), [rows, 1]))];
      },
      [tf.reshape(tf.cast(ids, 'int32'), [rows])],
    ) as tf.Scalar;
  });
}

/** How much each row counts, the place of its logit among all of them, and in the row. */
function targetsOf(
  id: tf.Tensor1D,
  vocabulary: number,
  ignore: number | undefined,
): { share: tf.Tensor; place: tf.Tensor1D; column: tf.Tensor1D } {
  const rows = id.size;
  const isKnown = tf.logicalAnd(tf.greaterEqual(id, 0), tf.less(id, vocabulary));
  const counts = ignore === undefined ? null : tf.cast(tf.notEqual(id, ignore), 'float32');
  const known = tf.cast(isKnown, 'float32');
  // 1 for what counts, NaN for an id that no logit belongs to, 0 for what does not count.
  const valid = tf.div(known, known);
  const share =
    counts === null
      ? tf.div(valid, rows)
      : tf.div(tf.where(tf.cast(counts, 'bool'), valid, tf.zerosLike(valid)), tf.sum(counts));
  const column = tf.mul(id, tf.cast(isKnown, 'int32')) as tf.Tensor1D;
  const first = Int32Array.from({ length: rows }, (_, row) => row * vocabulary);
  const place = tf.add(column, tf.tensor1d(first, 'int32')) as tf.Tensor1D;
  return { share, place, column };
}

/** x less `amount` at one place in each row. */
function subtractAt(
  x: tf.Tensor,
  amount: number,
  places: tf.Tensor,
  columns: tf.Tensor,
): tf.Tensor {
  const [rows, width] = x.shape as [number, number];
  if (!canScatter()) {
    return tf.sub(x, tf.mul(tf.oneHot(columns as tf.Tensor1D, width), amount));
  }
  const flat = tf.reshape(x, [-1]);
  const updates = tf.sub(tf.gather(flat, places as tf.Tensor1D), amount);
  const indices = tf.reshape(places, [rows, 1]);
  return tf.reshape(tf.tensorScatterUpdate(flat, indices, updates), x.shape);
}

function checkShapes(ids: tf.Tensor, logits: tf.Tensor): number {
  for (const [name, value] of [
    ['ids', ids],
    ['logits', logits],
  ] as const) {
    if (typeof value !== 'object' || value === null || !('shape' in value)) {
      throw new TypeError(
        `crossEntropy: the ${name} must be a tensor. Received ${String(value)}. Try crossEntropy(ids, model.apply(inputs)).`,
      );
    }
  }
  const vocabulary = logits.shape.at(-1);
  const wanted = logits.shape.slice(0, -1).join();
  const given = ids.shape.join();
  if (vocabulary === undefined || (given !== wanted && given !== `${wanted},1`)) {
    throw new RangeError(
      `crossEntropy: ids must have the shape of the logits without their last axis. Received [${ids.shape}] and [${logits.shape}]. Try crossEntropy(ids, logits), in this order.`,
    );
  }
  return vocabulary;
}
