/** How a sequence is cut into chunks, and the layouts that products of its parts need. */
import * as tf from '@tensorflow/tfjs-core';

/** Sizes of a sequence that is cut into chunks of equal length. */
export interface Sizes {
  readonly batch: number;
  readonly time: number;
  readonly chunks: number;
  /** Steps of a chunk. */
  readonly steps: number;
  readonly heads: number;
  readonly groups: number;
  /** Channels of a head. */
  readonly width: number;
  /** Numbers that each channel remembers. */
  readonly state: number;
}

export function sizesOf(
  { x, dt, b }: { x: tf.Tensor; dt: tf.Tensor; b: tf.Tensor },
  groups: number,
  chunk: number,
): Sizes {
  const [batch, time, channels] = x.shape as [number, number, number];
  const heads = dt.shape[2] as number;
  const chunks = Math.ceil(time / chunk);
  return {
    batch,
    time,
    chunks,
    // As even as possible, so that little is padded.
    steps: Math.ceil(time / chunks),
    heads,
    groups,
    width: channels / heads,
    state: (b.shape[2] as number) / groups,
  };
}

/** [batch, time, parts · n] → [batch · chunks · parts, steps, n], with zeros where the last chunk is longer. */
export function cut(
  x: tf.Tensor,
  parts: number,
  { batch, time, chunks, steps }: Sizes,
): tf.Tensor3D {
  const missing = chunks * steps - time;
  const full =
    missing === 0
      ? x
      : tf.pad(x, [
          [0, 0],
          [0, missing],
          [0, 0],
        ]);
  const split = tf.reshape(full, [batch * chunks, steps, parts, -1]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch * chunks * parts, steps, -1]);
}

/** [batch · chunks · parts, steps, n] → [batch, time, parts · n] */
export function join(
  x: tf.Tensor,
  parts: number,
  { batch, time, chunks, steps }: Sizes,
): tf.Tensor {
  const split = tf.reshape(x, [batch * chunks, parts, steps, -1]);
  const full = tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch, chunks * steps, -1]);
  return chunks * steps === time ? full : tf.slice(full, [0, 0, 0], [-1, time, -1]);
}

/** [rows · heads, steps, width] → [rows · groups, steps, heads / groups · width] */
export function byGroup(x: tf.Tensor, { heads, groups, steps, width }: Sizes): tf.Tensor3D {
  if (heads === groups) return x as tf.Tensor3D;
  const split = tf.reshape(x, [-1, heads / groups, steps, width]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [-1, steps, (heads / groups) * width]);
}

/** [rows · groups, steps, heads / groups · width] → [rows · heads, steps, width] */
export function byHead(x: tf.Tensor, { heads, groups, steps, width }: Sizes): tf.Tensor3D {
  if (heads === groups) return x as tf.Tensor3D;
  const split = tf.reshape(x, [-1, steps, heads / groups, width]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [-1, steps, width]);
}

/** [batch · chunks · groups, heads / groups · width, state] → [batch · heads, chunks, width · state] */
export function alongChunks(x: tf.Tensor, { batch, chunks, heads }: Sizes): tf.Tensor3D {
  const split = tf.reshape(x, [batch, chunks, heads, -1]);
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch * heads, chunks, -1]);
}

/** [batch · heads, chunks, width · state] → [batch · chunks · groups, heads / groups · width, state] */
export function byChunk(x: tf.Tensor, { batch, chunks, heads, groups, state }: Sizes): tf.Tensor3D {
  const split = tf.reshape(x, [batch, heads, chunks, -1]);
  const rows = batch * chunks * groups;
  return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [rows, -1, state]);
}

/** [batch · chunks · heads, n] ↔ [batch · heads, chunks, n] */
export const swapChunks = (x: tf.Tensor, batch: number, from: number, to: number): tf.Tensor =>
  tf.transpose(tf.reshape(x, [batch, from, to, -1]), [0, 2, 1, 3]);
