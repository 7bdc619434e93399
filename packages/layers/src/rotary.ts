import * as tf from '@tensorflow/tfjs-core';
import { runOnePass } from '@tfjs-lrm/core/kit';

/** Which channels of a head a position turns: i with i + width/2, 2i with 2i + 1, or none. */
export type Rotary = 'halves' | 'neighbours' | 'none';

/** How queries and keys turn with their position. */
export interface Rotation {
  readonly pairs: 'halves' | 'neighbours';
  /** Pair i turns by position · base^(−2i/width). */
  readonly base: number;
  /** Multiplies the result, so that the scores come out scaled. */
  readonly scale: number;
}

/** Cosines and signed sines of positions 0, 1, …, [positions · width] each. */
interface Tables {
  readonly positions: number;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

// Computed once for the longest sequence so far: they depend on the settings alone.
const tables = new Map<string, Tables>();

function tablesFor(rotation: Rotation, width: number, positions: number): Tables {
  const { pairs, base, scale } = rotation;
  const key = `${pairs} ${base} ${scale} ${width}`;
  const known = tables.get(key);
  if (known !== undefined && known.positions >= positions) return known;
  // Generation asks for one position more each time.
  const length = Math.max(positions, 2 * (known?.positions ?? 0));
  const half = width / 2;
  const [cos, sin] = [new Float32Array(length * width), new Float32Array(length * width)];
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * base ** (-i / half);
      const [c, s] = [scale * Math.cos(angle), scale * Math.sin(angle)];
      const first = position * width + (pairs === 'halves' ? i : 2 * i);
      const second = first + (pairs === 'halves' ? half : 1);
      cos[first] = c;
      cos[second] = c;
      sin[first] = -s;
      sin[second] = s;
    }
  }
  const computed = { positions: length, cos, sin };
  tables.set(key, computed);
  return computed;
}

/** The tables of positions `first` and after, [time, width] each: what channels are multiplied by, and their partners. */
export function rotationTables(
  rotation: Rotation,
  width: number,
  first: number,
  time: number,
): { cosine: tf.Tensor2D; sine: tf.Tensor2D } {
  const { cos, sin } = tablesFor(rotation, width, first + time);
  const part = (table: Float32Array): tf.Tensor2D =>
    tf.tensor2d(table.slice(first * width, (first + time) * width), [time, width]);
  return { cosine: part(cos), sine: part(sin) };
}

/**
 * Turns each pair of channels by its position: (a, b) → (a·cos − b·sin, a·sin + b·cos), times the scale.
 *
 * @param x [rows, time, width]
 * @param first the position of the first step
 * @param back whether to turn the other way, as gradients do
 * @see Su et al., 2021, arXiv 2104.09864, eq. 34
 */
export function rotate(x: tf.Tensor, rotation: Rotation, first = 0, back = false): tf.Tensor {
  const [, time, width] = x.shape as [number, number, number];
  const isHalves = rotation.pairs === 'halves';
  const { cosine, sine } = rotationTables(rotation, width, first, time);
  const [inOnePass] =
    runOnePass(
      'LrmRotate',
      { x, cosine, sine },
      { isHalves: isHalves ? 1 : 0, sign: back ? -1 : 1 },
    ) ?? [];
  if (inOnePass !== undefined) return inOnePass;
  const partners = tf.reshape(x, isHalves ? [-1, 2, width / 2] : [-1, width / 2, 2]);
  const swapped = tf.reshape(tf.reverse(partners, isHalves ? 1 : 2), x.shape);
  const [straight, across] = [tf.mul(x, cosine), tf.mul(swapped, sine)];
  return back ? tf.sub(straight, across) : tf.add(straight, across);
}
