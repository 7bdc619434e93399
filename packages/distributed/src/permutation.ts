import * as tf from '@tensorflow/tfjs-core';

/** The numbers below `length` in a random order that the seed decides, the same on all machines. */
export function permutation(length: number, seed: number): Int32Array {
  const drawn = tf.randomUniform([length], 0, 1, 'float32', seed);
  const keys = drawn.dataSync();
  drawn.dispose();
  return Int32Array.from({ length }, (_, i) => i).sort(
    (a, b) => (keys[a] as number) - (keys[b] as number),
  );
}
