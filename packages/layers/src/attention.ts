import * as tf from '@tensorflow/tfjs-core';
import { isHalfPrecision } from '@tfjs-lrm/core';
import { type Rotation, rotate } from './rotary.ts';
import { withGradient } from './with-gradient.ts';

/** How heads attend. */
export interface Heads {
  readonly heads: number;
  readonly keyHeads: number;
  /** Rotates queries and keys, and scales both by the root of `scale`; null without positions. */
  readonly rotation: Rotation | null;
  /** Multiplies the scores. */
  readonly scale: number;
}

/** Keys after rotation, [batch · keyHeads, steps, keyWidth], and values of the steps so far. */
export interface Cache {
  readonly keys: tf.Tensor3D;
  readonly values: tf.Tensor3D;
}

/** Added to scores that must not count, so that their exponential is 0. */
export const blockedScore = (): number => (isHalfPrecision() ? -3e4 : -1e9);

/** [batch, time, heads · width] → [batch · heads, time, width] */
export function splitHeads(x: tf.Tensor, heads: number): tf.Tensor3D {
  const [batch, time, width] = x.shape as [number, number, number];
  const byHead = tf.transpose(tf.reshape(x, [batch, time, heads, width / heads]), [0, 2, 1, 3]);
  return tf.reshape(byHead, [batch * heads, time, width / heads]);
}

/** [batch · heads, time, width] → [batch, time, heads · width] */
export function mergeHeads(x: tf.Tensor, heads: number): tf.Tensor {
  const [rows, time, width] = x.shape as [number, number, number];
  const byTime = tf.transpose(tf.reshape(x, [rows / heads, heads, time, width]), [0, 2, 1, 3]);
  return tf.reshape(byTime, [rows / heads, time, heads * width]);
}

/**
 * What is added to the scores of queries at `first`, first + 1, … for the keys of the last steps up to them: 0 where a
 * query may look, a large negative number at later keys and at those `window` or more steps back. Null where
 * a query may look everywhere.
 *
 * @returns [time, keys]
 */
export function causalMask(time: number, keys: number, window: number | null): tf.Tensor2D | null {
  const isBounded = window !== null && keys > window;
  if (time === 1 && !isBounded) return null;
  const range = (length: number, from: number) => Float32Array.from({ length }, (_, i) => from + i);
  const query = tf.tensor2d(range(time, keys - time), [time, 1]);
  const key = tf.tensor2d(range(keys, 0), [1, keys]);
  const distance = tf.sub(query, key) as tf.Tensor2D;
  const later = tf.less(distance, 0);
  const isBlocked = isBounded ? tf.logicalOr(later, tf.greaterEqual(distance, window)) : later;
  return tf.mul(tf.cast(isBlocked, 'float32'), blockedScore()) as tf.Tensor2D;
}

/** [batch, keys] of what may be looked at → what is added to scores, [batch, 1, 1, keys]. */
export function paddingMask(mask: tf.Tensor): tf.Tensor4D {
  const hidden = tf.mul(tf.sub(1, tf.cast(mask, 'float32')), blockedScore());
  return tf.reshape(hidden, [mask.shape[0] as number, 1, 1, mask.shape[1] as number]);
}

/** Queries or keys as they are compared. */
function turned(x: tf.Tensor3D, { rotation, scale }: Heads, first: number): tf.Tensor3D {
  return rotation === null
    ? tf.mul(x, Math.sqrt(scale))
    : (rotate(x, rotation, first) as tf.Tensor3D);
}

/** The gradient of what `turned` read, from that of what it gave. */
function turnedBack(dy: tf.Tensor3D, { rotation, scale }: Heads): tf.Tensor {
  return rotation === null ? tf.mul(dy, Math.sqrt(scale)) : rotate(dy, rotation, 0, true);
}

/**
 * softmax(q · kᵀ + mask), where the queries of all heads that share a key head lie one after the other.
 *
 * @param q [batch · heads, time, width]
 * @param k [batch · keyHeads, keys, width]
 * @param mask broadcast to [batch, heads, time, keys], or null
 * @returns [batch · keyHeads, heads / keyHeads · time, keys]
 */
function probabilities(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  mask: tf.Tensor | null,
  heads: Heads,
): tf.Tensor3D {
  const [rows, time, width] = q.shape;
  const keys = k.shape[1];
  const shared = tf.reshape(q, [k.shape[0], -1, width]) as tf.Tensor3D;
  const scores = tf.matMul(shared, k, false, true) as tf.Tensor3D;
  if (mask === null) return tf.softmax(scores);
  const shape =
    mask.rank === 2 ? [rows, time, keys] : [rows / heads.heads, heads.heads, time, keys];
  const masked = tf.add(tf.reshape(scores, shape), mask);
  return tf.softmax(tf.reshape(masked, scores.shape)) as tf.Tensor3D;
}

/**
 * Attention of heads that lie side by side: softmax(s · R(q) · R(k)ᵀ + mask) · v for each. Its gradient needs the
 * probabilities alone, and Σⱼ dPᵢⱼ·Pᵢⱼ = Σ dOᵢ·Oᵢ for a query (Dao et al., 2022, arXiv 2205.14135, eq. 4) in place
 * of another [time, time] product. Keys that several heads share are never repeated.
 *
 * @param query [batch, time, heads · width]
 * @param key [batch, time, keyHeads · width]
 * @param value [batch, time, keyHeads · valueWidth]
 * @param mask added to the scores, broadcast to [batch, heads, time, time]; a constant
 * @returns [batch, time, heads · valueWidth]
 */
export function attention(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  mask: tf.Tensor | null,
  settings: Heads,
): tf.Tensor {
  const { heads, keyHeads } = settings;
  return withGradient(
    [query, key, value],
    (query0, key0, value0, added?: tf.Tensor) => {
      const q = turned(splitHeads(query0, heads), settings, 0);
      const k = turned(splitHeads(key0, keyHeads), settings, 0);
      const v = splitHeads(value0, keyHeads);
      const p = probabilities(q, k, added ?? null, settings);
      const out = tf.matMul(p, v);
      const byHead = tf.reshape(out, [q.shape[0], q.shape[1], v.shape[2]]);
      return { value: mergeHeads(byHead, heads), saved: [q, k, v, p, out] };
    },
    (dy, saved) => {
      const [q, k, v, p, out] = saved as [
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor3D,
      ];
      const dOut = tf.reshape(splitHeads(dy, heads), out.shape) as tf.Tensor3D;
      const dV = tf.matMul(p, dOut, true, false);
      const along = tf.sum(tf.mul(dOut, out), -1, true);
      const dScores = tf.mul(p, tf.sub(tf.matMul(dOut, v, false, true), along)) as tf.Tensor3D;
      const dQ = tf.reshape(tf.matMul(dScores, k), q.shape) as tf.Tensor3D;
      const shared = tf.reshape(q, [k.shape[0], -1, k.shape[2]]) as tf.Tensor3D;
      const dK = tf.matMul(dScores, shared, true, false) as tf.Tensor3D;
      return [
        mergeHeads(turnedBack(dQ, settings), heads),
        mergeHeads(turnedBack(dK, settings), keyHeads),
        mergeHeads(dV, keyHeads),
      ];
    },
    mask === null ? [] : [mask],
  );
}

/**
 * The same for the next steps of a sequence, without a gradient: earlier steps are in the cache.
 *
 * @param position how many steps came before
 * @param window how many steps back a query looks, itself included; null for all
 * @returns the output for the new steps, and the cache with them
 */
export function nextAttention(
  [query, key, value]: readonly [tf.Tensor, tf.Tensor, tf.Tensor],
  settings: Heads,
  { cache, position, window }: { cache: Cache | null; position: number; window: number | null },
): { output: tf.Tensor; cache: Cache } {
  const { heads, keyHeads } = settings;
  const q = turned(splitHeads(query, heads), settings, position);
  const k = turned(splitHeads(key, keyHeads), settings, position);
  const v = splitHeads(value, keyHeads);
  const keys = cache === null ? k : tf.concat([cache.keys, k], 1);
  const values = cache === null ? v : tf.concat([cache.values, v], 1);
  const [time, steps] = [q.shape[1], keys.shape[1]];
  const p = probabilities(q, keys, causalMask(time, steps, window), settings);
  const out = tf.reshape(tf.matMul(p, values), [q.shape[0], time, v.shape[2]]);
  // The next query looks back on window − 1 of these.
  const kept = window === null ? steps : Math.min(steps, window - 1);
  const last = (x: tf.Tensor3D): tf.Tensor3D =>
    kept === steps ? x : tf.slice(x, [0, steps - kept, 0], [-1, kept, -1]);
  return { output: mergeHeads(out, heads), cache: { keys: last(keys), values: last(values) } };
}
