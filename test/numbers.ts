/** Numbers from seeds and in and out of tensors. Free of test tools, so that a page can use it. */
import type * as tf from '@tensorflow/tfjs-core';

/** The elements of a tensor as plain numbers. */
export function values(tensor: tf.Tensor): number[] {
  return Array.from(tensor.dataSync());
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An array of numbers in [-scale, scale), each of them what float32 can hold. */
export function noise(next: () => number, length: number, scale = 1): number[] {
  return Array.from({ length }, () => Math.fround((2 * next() - 1) * scale));
}

/** An array of normal numbers of variance 1 (Box and Muller, 1958). */
export function normal(next: () => number, length: number): Float32Array {
  const out = new Float32Array(length);
  for (let i = 0; i < length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    const angle = 2 * Math.PI * next();
    out[i] = radius * Math.cos(angle);
    // Beyond the end of an odd length this writes nothing.
    out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}
