import * as tf from '@tensorflow/tfjs-core';
import { isHalfPrecision } from '@tfjs-lrm/core';
import { runOnePass } from '@tfjs-lrm/core/kit';
import { type Rotation, rotate, rotationTables } from './rotary.ts';
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

/** Queries, keys and values, or some of them. */
interface Parts {
  readonly query?: tf.Tensor;
  readonly key?: tf.Tensor;
  readonly value?: tf.Tensor;
}

/** Where a query may look. */
export interface Sight {
  /** How many steps back, itself included; null for all of them. It never looks ahead. */
  readonly window: number | null;
  /** Added to the scores, [batch, 1, 1, keys]; null where no step is padding. */
  readonly padding: tf.Tensor | null;
}

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

/**
 * Splits heads or merges them, in one pass over all of them; null where the backend cannot. Queries and keys are turned and scaled on the
 * way, or turned back.
 */
function inOnePass(
  name: 'LrmSplitHeads' | 'LrmMergeHeads',
  parts: Parts,
  { heads, keyHeads, rotation, scale }: Heads,
  first: number,
  sign: 1 | -1,
): tf.Tensor3D[] | null {
  if (tf.getKernel(name, tf.getBackend()) === undefined) return null;
  const count = parts.query === undefined ? keyHeads : heads;
  const turned = parts.query ?? parts.key;
  const attributes = {
    ...{ heads, keyHeads, sign, factor: Math.sqrt(scale) },
    isHalves: rotation?.pairs === 'halves' ? 1 : 0,
  };
  const [, time, channels] = (turned?.shape ?? []) as [number, number, number];
  const width = name === 'LrmSplitHeads' ? channels / count : channels;
  const tables =
    rotation === null || turned === undefined ? {} : rotationTables(rotation, width, first, time);
  return runOnePass(name, { ...parts, ...tables }, attributes) as tf.Tensor3D[] | null;
}

/** Queries and keys as they are compared, and values: a matrix for each head. */
function split(
  { query, key, value }: Required<Parts>,
  settings: Heads,
  first: number,
): [q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D] {
  const three = inOnePass('LrmSplitHeads', { query, key, value }, settings, first, 1);
  if (three !== null) return three as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D];
  const { heads, keyHeads, rotation, scale } = settings;
  const turned = (x: tf.Tensor3D): tf.Tensor3D =>
    rotation === null ? tf.mul(x, Math.sqrt(scale)) : (rotate(x, rotation, first) as tf.Tensor3D);
  return [
    turned(splitHeads(query, heads)),
    turned(splitHeads(key, keyHeads)),
    splitHeads(value, keyHeads),
  ];
}

/** The gradients of what `split` read, from those of what it gave. */
function splitBack(
  { query, key, value }: Required<Parts>,
  settings: Heads,
): [dQuery: tf.Tensor, dKey: tf.Tensor, dValue: tf.Tensor] {
  const three = inOnePass('LrmMergeHeads', { query, key, value }, settings, 0, -1);
  if (three !== null) return three as [tf.Tensor, tf.Tensor, tf.Tensor];
  const { heads, keyHeads, rotation, scale } = settings;
  const turnedBack = (dy: tf.Tensor): tf.Tensor =>
    rotation === null ? tf.mul(dy, Math.sqrt(scale)) : rotate(dy, rotation, 0, true);
  return [
    mergeHeads(turnedBack(query), heads),
    mergeHeads(turnedBack(key), keyHeads),
    mergeHeads(value, keyHeads),
  ];
}

const AS_VALUES = { rotation: null, scale: 1 };

/** The outputs of heads, side by side. */
const merged = (out: tf.Tensor, heads: number): tf.Tensor =>
  inOnePass('LrmMergeHeads', { value: out }, { ...AS_VALUES, heads, keyHeads: heads }, 0, 1)?.[0] ??
  mergeHeads(out, heads);

const mergedBack = (dy: tf.Tensor, heads: number): tf.Tensor3D =>
  inOnePass('LrmSplitHeads', { value: dy }, { ...AS_VALUES, heads, keyHeads: heads }, 0, 1)?.[0] ??
  splitHeads(dy, heads);

/**
 * softmax(q · kᵀ) of what a query sees, where the queries of all heads that share a key head lie one after the other.
 *
 * @param q [batch · heads, time, width]
 * @param k [batch · keyHeads, keys, width]
 * @returns [batch · keyHeads, heads / keyHeads · time, keys]
 */
function probabilities(
  q: tf.Tensor3D,
  k: tf.Tensor3D,
  { window, padding }: Sight,
  heads: Heads,
): tf.Tensor3D {
  const [rows, time, width] = q.shape;
  const keys = k.shape[1];
  const shared = tf.reshape(q, [k.shape[0], -1, width]) as tf.Tensor3D;
  const scores = tf.matMul(shared, k, false, true) as tf.Tensor3D;
  if (padding === null) {
    const attributes = { time, window: window ?? keys };
    const [inOnePass] = runOnePass('LrmSoftmax', { x: scores }, attributes) ?? [];
    if (inOnePass !== undefined) return inOnePass as tf.Tensor3D;
  }
  const causal = causalMask(time, keys, window);
  const mask = causal !== null && padding !== null ? tf.add(causal, padding) : (causal ?? padding);
  if (mask === null) return tf.softmax(scores);
  const shape =
    mask.rank === 2 ? [rows, time, keys] : [rows / heads.heads, heads.heads, time, keys];
  const masked = tf.add(tf.reshape(scores, shape), mask);
  return tf.softmax(tf.reshape(masked, scores.shape)) as tf.Tensor3D;
}

/**
 * The gradient of scores from that of their softmax p: p · (dp − Σⱼ dpᵢⱼ·pᵢⱼ). The sum is Σ dOᵢ·Oᵢ for a query
 * (Dao et al., 2022, arXiv 2205.14135, eq. 4), which takes no other [time, time] product where there is no pass for all of it.
 */
function softmaxBack(dp: tf.Tensor, p: tf.Tensor, dOut: tf.Tensor, out: tf.Tensor): tf.Tensor3D {
  const [inOnePass] = runOnePass('LrmSoftmaxGradient', { dy: dp, y: p }) ?? [];
  if (inOnePass !== undefined) return inOnePass as tf.Tensor3D;
  const along = tf.sum(tf.mul(dOut, out), -1, true);
  return tf.mul(p, tf.sub(dp, along)) as tf.Tensor3D;
}

/**
 * Attention of heads that lie side by side: softmax(s · R(q) · R(k)ᵀ) · v for each. Its gradient needs the
 * probabilities alone. Keys that several heads share are never repeated.
 *
 * @param query [batch, time, heads · width]
 * @param key [batch, time, keyHeads · width]
 * @param value [batch, time, keyHeads · valueWidth]
 * @param sight where queries look; its padding is a constant
 * @returns [batch, time, heads · valueWidth]
 */
export function attention(
  query: tf.Tensor,
  key: tf.Tensor,
  value: tf.Tensor,
  { window, padding }: Sight,
  settings: Heads,
): tf.Tensor {
  const { heads } = settings;
  return withGradient(
    [query, key, value],
    (query0, key0, value0, hidden?: tf.Tensor) => {
      const [q, k, v] = split({ query: query0, key: key0, value: value0 }, settings, 0);
      const p = probabilities(q, k, { window, padding: hidden ?? null }, settings);
      const out = tf.matMul(p, v);
      const byHead = tf.reshape(out, [q.shape[0], q.shape[1], v.shape[2]]);
      return { value: merged(byHead, heads), saved: [q, k, v, p, out] };
    },
    (dy, saved) => {
      const [q, k, v, p, out] = saved as [
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor3D,
      ];
      const dOut = tf.reshape(mergedBack(dy, heads), out.shape) as tf.Tensor3D;
      const dV = tf.matMul(p, dOut, true, false);
      const dScores = softmaxBack(tf.matMul(dOut, v, false, true), p, dOut, out);
      const dQ = tf.reshape(tf.matMul(dScores, k), q.shape) as tf.Tensor3D;
      const shared = tf.reshape(q, [k.shape[0], -1, k.shape[2]]) as tf.Tensor3D;
      const dK = tf.matMul(dScores, shared, true, false) as tf.Tensor3D;
      return splitBack({ query: dQ, key: dK, value: dV }, settings);
    },
    padding === null ? [] : [padding],
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
  const [q, k, v] = split({ query, key, value }, settings, position);
  const keys = cache === null ? k : tf.concat([cache.keys, k], 1);
  const values = cache === null ? v : tf.concat([cache.values, v], 1);
  const [time, steps] = [q.shape[1], keys.shape[1]];
  const p = probabilities(q, keys, { window, padding: null }, settings);
  const out = tf.reshape(tf.matMul(p, values), [q.shape[0], time, v.shape[2]]);
  // The next query looks back on window − 1 of these.
  const kept = window === null ? steps : Math.min(steps, window - 1);
  const last = (x: tf.Tensor3D): tf.Tensor3D =>
    kept === steps ? x : tf.slice(x, [0, steps - kept, 0], [-1, kept, -1]);
  return { output: merged(out, settings.heads), cache: { keys: last(keys), values: last(values) } };
}
