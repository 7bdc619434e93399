import * as tf from '@tensorflow/tfjs-core';
import { alongChunks, byGroup, cut, type Sizes, sizesOf } from './chunks.ts';
import { addedBy, chunkSums, forward, type Sequence } from './state-space.ts';

/**
 * The same from any state, without a gradient, and the state afterwards: a single step by the recurrence, several in
 * chunks.
 *
 * @param state [batch · groups, heads / groups · width, state], or null for zeros
 */
export function nextStates(
  sequence: Sequence,
  groups: number,
  chunk: number,
  state: tf.Tensor | null,
): { output: tf.Tensor; state: tf.Tensor } {
  const sizes = sizesOf(sequence, groups, chunk);
  const { batch, time, heads, width, steps, chunks } = sizes;
  if (time === 1) return oneStep(sequence, sizes, state);
  const { value, between, sums, input } = forward(sequence, sizes, state);
  const ends = chunkSums(sums, sizes).through; // [batch · heads, chunks]
  const end = tf.slice(sums, [0, steps - 1], [-1, 1]);
  const toEnd = between?.toEnd ?? tf.reshape(tf.exp(tf.sub(end, sums)), [-1, steps, 1]);
  const weighted = byGroup(tf.mul(input, toEnd), sizes);
  const states = alongChunks(addedBy(weighted, cut(sequence.b, groups, sizes)), sizes);
  const total = tf.slice(ends, [0, chunks - 1], [-1, 1]);
  const kept = tf.reshape(tf.exp(tf.sub(total, ends)), [batch * heads, 1, chunks]);
  let last: tf.Tensor = tf.matMul(kept as tf.Tensor3D, states);
  if (state !== null) {
    const decay = tf.reshape(tf.exp(total), [batch * heads, 1, 1]);
    last = tf.add(last, tf.mul(decay, tf.reshape(state, last.shape)));
  }
  const shape = [batch * groups, (heads / groups) * width, sizes.state];
  return { output: value, state: tf.reshape(last, shape) };
}

function oneStep({ x, dt, a, b, c, d }: Sequence, sizes: Sizes, state: tf.Tensor | null) {
  const { batch, heads, groups, width, state: memory } = sizes;
  const rows = batch * groups;
  const perHead = (t: tf.Tensor): tf.Tensor => tf.reshape(t, [batch * heads, -1]);
  const channels = (heads / groups) * width;
  const input = tf.reshape(tf.mul(perHead(x), perHead(dt)), [rows, channels, 1]);
  let next: tf.Tensor = tf.matMul(input, tf.reshape(b, [rows, 1, memory]));
  if (state !== null) {
    const decayed = tf.mul(tf.exp(perHead(a)), tf.reshape(state, [batch * heads, -1]));
    next = tf.add(next, tf.reshape(decayed, next.shape));
  }
  const read = tf.reshape(tf.matMul(next, tf.reshape(c, [rows, memory, 1])), [batch, heads, width]);
  const passed = tf.mul(tf.reshape(x, [batch, heads, width]), tf.reshape(d, [heads, 1]));
  return { output: tf.reshape(tf.add(read, passed), x.shape), state: next };
}
