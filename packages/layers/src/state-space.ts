import * as tf from '@tensorflow/tfjs-core';
import {
  alongChunks,
  byChunk,
  byGroup,
  byHead,
  cut,
  join,
  type Sizes,
  sizesOf,
  swapChunks,
} from './chunks.ts';
import { across, decays, sumsBefore, upTo } from './running-sums.ts';
import { sumOfLast, sumOfRows, withGradient } from './with-gradient.ts';

/**
 * What the recurrence reads, for each step and head: h ← exp(a)·h + dt·x ⊗ B, y = h·C + D·x.
 * Heads lie side by side along the channels, and heads / groups neighbours share B and C.
 */
export interface Sequence {
  /** [batch, time, heads · width] */
  readonly x: tf.Tensor;
  /** Step sizes, [batch, time, heads] */
  readonly dt: tf.Tensor;
  /** Logarithms of decays, ≤ 0, [batch, time, heads] */
  readonly a: tf.Tensor;
  /** What enters the state, [batch, time, groups · state] */
  readonly b: tf.Tensor;
  /** What is read from the state, [batch, time, groups · state] */
  readonly c: tf.Tensor;
  /** What passes by the state, [heads] */
  readonly d: tf.Tensor;
}

/** What is computed on the way, and needed by the gradient. */
interface Parts {
  readonly x: tf.Tensor3D; // [rows · heads, steps, width], rows = batch · chunks
  readonly dt: tf.Tensor3D; // [rows · heads, steps, 1]
  readonly b: tf.Tensor3D; // [rows · groups, steps, state]
  readonly c: tf.Tensor3D;
  readonly d: tf.Tensor;
  readonly decay: tf.Tensor3D; // from step j to step i, [rows · heads, steps, steps]
  readonly mixing: tf.Tensor3D; // (c · bᵀ) ∘ decay
}

/** What states before and after chunks need; nothing of it where there is one chunk, and nothing before it. */
interface Between {
  readonly fromStart: tf.Tensor3D; // decay up to each step, [rows · heads, steps, 1]
  readonly toEnd: tf.Tensor3D; // decay from each step to the end
  readonly chunkDecay: tf.Tensor3D; // [batch · heads, chunks, chunks]
  readonly added: tf.Tensor3D; // to the state by each chunk, [batch · heads, chunks, width · state]
  readonly before: tf.Tensor3D; // states, [rows · groups, heads / groups · width, state]
  readonly reached: tf.Tensor3D; // what comes from before the chunk, [rows · heads, steps, width]
}

/** Sums of a over the chunk, up to each step: [rows · heads, steps]. */
const summed = (a: tf.Tensor, sizes: Sizes): tf.Tensor2D =>
  tf.matMul(
    tf.reshape(cut(a, sizes.heads, sizes), [-1, sizes.steps]) as tf.Tensor2D,
    upTo(sizes.steps),
  );

/** The states that each chunk adds by itself: [rows · groups, heads / groups · width, state]. */
export const addedBy = (weighted: tf.Tensor3D, b: tf.Tensor3D): tf.Tensor3D =>
  tf.matMul(weighted, b, true, false);

/** Sums of a over whole chunks: up to each chunk, itself included, and up to what is before it. */
export function chunkSums(
  sums: tf.Tensor2D,
  { batch, chunks, heads, steps }: Sizes,
): { through: tf.Tensor2D; before: tf.Tensor2D } {
  const last = tf.slice(sums, [0, steps - 1], [-1, 1]);
  const swapped = swapChunks(last, batch, chunks, heads);
  const totals = tf.reshape(swapped, [batch * heads, chunks]) as tf.Tensor2D;
  const through = tf.matMul(totals, upTo(chunks)) as tf.Tensor2D;
  return { through, before: tf.sub(through, totals) as tf.Tensor2D };
}

/** What a forward pass computes; `sums` of decays up to each step, [rows · heads, steps], and `input`, dt·x. */
interface Pass {
  readonly value: tf.Tensor;
  readonly parts: Parts;
  readonly between: Between | null;
  readonly sums: tf.Tensor2D;
  readonly input: tf.Tensor3D;
}

/** The recurrence over a sequence in chunks, from an initial state or from zeros. */
export function forward(sequence: Sequence, sizes: Sizes, initial: tf.Tensor | null): Pass {
  const { heads, groups, steps, chunks, batch } = sizes;
  const x = cut(sequence.x, heads, sizes);
  const dt = cut(sequence.dt, heads, sizes);
  const b = cut(sequence.b, groups, sizes);
  const c = cut(sequence.c, groups, sizes);
  const sums = summed(sequence.a, sizes);
  const decay = decays(sums, sums, (i, j) => j <= i);
  const products = tf.reshape(tf.matMul(c, b, false, true), [-1, 1, steps * steps]);
  const shared = tf.reshape(decay, [-1, heads / groups, steps * steps]);
  const mixing = tf.reshape(tf.mul(shared, products), decay.shape) as tf.Tensor3D;
  const input = tf.mul(x, dt) as tf.Tensor3D;
  const inside = tf.matMul(mixing, input) as tf.Tensor3D;
  const { d } = sequence;
  const pass = tf.reshape(
    tf.mul(tf.reshape(x, [-1, heads, steps * sizes.width]), tf.reshape(d, [heads, 1])),
    x.shape,
  );
  const parts: Parts = { x, dt, b, c, d, decay, mixing };
  if (chunks === 1 && initial === null) {
    return { value: join(tf.add(inside, pass), heads, sizes), parts, between: null, sums, input };
  }
  const fromStart = tf.reshape(tf.exp(sums), [-1, steps, 1]) as tf.Tensor3D;
  const end = tf.slice(sums, [0, steps - 1], [-1, 1]);
  const toEnd = tf.reshape(tf.exp(tf.sub(end, sums)), [-1, steps, 1]) as tf.Tensor3D;
  const weighted = byGroup(tf.mul(input, toEnd), sizes);
  const chunkwise = chunkSums(sums, sizes);
  const chunkDecay = decays(chunkwise.before, chunkwise.through, (i, j) => j < i);
  const added = alongChunks(addedBy(weighted, b), sizes);
  let states = tf.matMul(chunkDecay, added);
  if (initial !== null) {
    const kept = tf.reshape(tf.exp(chunkwise.before), [batch * heads, chunks, 1]);
    states = tf.add(states, tf.mul(kept, tf.reshape(initial, [batch * heads, 1, -1])));
  }
  const before = byChunk(states, sizes);
  const outside = byHead(tf.matMul(c, before, false, true), sizes);
  const reached = tf.mul(outside, fromStart) as tf.Tensor3D;
  const between: Between = { fromStart, toEnd, chunkDecay, added, before, reached };
  const y = tf.add(inside, reached);
  return { value: join(tf.add(y, pass), heads, sizes), parts, between, sums, input };
}

/** Sums over parts of a tensor [rows · share, ...] that share something: [rows, ...]. */
function sumOfShares(x: tf.Tensor, share: number): tf.Tensor3D {
  if (share === 1) return x as tf.Tensor3D;
  const [rows, ...rest] = x.shape as [number, number, number];
  const ones = tf.ones([rows / share, 1, share]);
  const sums = tf.matMul(ones, tf.reshape(x, [rows / share, share, -1]));
  return tf.reshape(sums, [rows / share, ...rest]);
}

/**
 * The gradients of all inputs. That of a decay sums over what it lies between, and over nothing else: differences of
 * running sums would be shorter, and lose the digits of long sequences in float32.
 */
function backward(dy0: tf.Tensor, parts: Parts, between: Between | null, sizes: Sizes) {
  const { heads, groups, steps, width, batch, chunks } = sizes;
  const { x, dt, b, c, d, decay, mixing } = parts;
  const dy = cut(dy0, heads, sizes);
  const input = tf.mul(x, dt) as tf.Tensor3D;
  const dMixing = tf.matMul(dy, input, false, true);
  const dProducts = sumOfShares(tf.mul(dMixing, decay), heads / groups);
  let dInput: tf.Tensor = tf.matMul(mixing, dy, true, false);
  let dC: tf.Tensor = tf.matMul(dProducts, b);
  let dB: tf.Tensor = tf.matMul(dProducts, c, true, false);
  let dA = across(tf.mul(dMixing, mixing), (i, k) => i >= k); // [rows · heads, steps]
  if (between !== null) {
    const { fromStart, toEnd, chunkDecay, added, before, reached } = between;
    const outside = byGroup(tf.mul(dy, fromStart), sizes);
    dC = tf.add(dC, tf.matMul(outside, before));
    const dStates = alongChunks(tf.matMul(outside, c, true, false), sizes);
    const dAdded = byChunk(tf.matMul(chunkDecay, dStates, true, false), sizes);
    dB = tf.add(dB, tf.matMul(byGroup(tf.mul(input, toEnd), sizes), dAdded));
    const dLater = tf.mul(byHead(tf.matMul(b, dAdded, false, true), sizes), toEnd);
    dInput = tf.add(dInput, dLater);
    const perStep = (t: tf.Tensor): tf.Tensor => tf.reshape(sumOfLast(t), [-1, steps]);
    const read = tf.matMul(perStep(tf.mul(dy, reached)), upTo(steps), false, true);
    const kept = tf.matMul(perStep(tf.mul(input, dLater)), sumsBefore(steps));
    const passing = across(
      tf.mul(tf.matMul(dStates, added, false, true), chunkDecay),
      (i, k) => i > k,
    );
    const whole = tf.reshape(swapChunks(passing, batch, heads, chunks), [-1, 1]);
    dA = tf.add(tf.add(dA, whole), tf.add(read, kept));
  }
  const dDt = sumOfLast(tf.mul(dInput, x)); // [rows · heads, steps, 1]
  const passed = tf.reshape(
    tf.mul(tf.reshape(dy, [-1, heads, steps * width]), tf.reshape(d, [heads, 1])),
    x.shape,
  );
  const dX = tf.add(tf.mul(dInput, dt), passed);
  const dD = sumOfLast(
    tf.reshape(sumOfRows(tf.mul(dy, x), heads * steps * width), [heads, steps * width]),
  );
  return [
    join(dX, heads, sizes),
    join(dDt, heads, sizes),
    join(tf.reshape(dA, [-1, steps, 1]), heads, sizes),
    join(dB, groups, sizes),
    join(dC, groups, sizes),
    tf.reshape(dD, [heads]),
  ];
}

/**
 * The state-space recurrence h ← exp(a)·h + dt·x ⊗ B, y = h·C + D·x from h = 0, computed chunk by chunk: inside of a
 * chunk as attention with decays, between chunks by their states. Time and memory grow with time · chunk, and
 * with (time / chunk)² for the states, which is the smaller part up to about chunk² steps.
 *
 * @param groups how many B and C there are; heads / groups neighbours share one
 * @param chunk steps of a chunk, at most
 * @returns [batch, time, heads · width]
 * @see Dao and Gu, 2024, arXiv 2405.21060, sec. 6
 */
export function stateSpace(sequence: Sequence, groups: number, chunk: number): tf.Tensor {
  const sizes = sizesOf(sequence, groups, chunk);
  const { x, dt, a, b, c, d } = sequence;
  return withGradient(
    [x, dt, a, b, c, d],
    (...inputs) => {
      const [x1, dt1, a1, b1, c1, d1] = inputs as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const given = { x: x1, dt: dt1, a: a1, b: b1, c: c1, d: d1 };
      const { value, parts, between } = forward(given, sizes, null);
      return { value, saved: [...Object.values(parts), ...Object.values(between ?? {})] };
    },
    (dy, saved) => {
      const [x1, dt1, b1, c1, d1, decay, mixing, ...rest] = saved as tf.Tensor3D[];
      const parts = { x: x1, dt: dt1, b: b1, c: c1, d: d1, decay, mixing } as Parts;
      const [fromStart, toEnd, chunkDecay, added, before, reached] = rest;
      const between = { fromStart, toEnd, chunkDecay, added, before, reached } as Between;
      return backward(dy, parts, rest.length === 0 ? null : between, sizes);
    },
  );
}
