import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { decoder } from '@tfjs-lrm/layers';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Corpus } from '../text.ts';

/** Below 1, likely characters become more likely. */
const TEMPERATURE = 0.7;

/**
 * The model's continuation of the first characters of the validation text; each step computes its character alone, with
 * what the decoder remembers of those before.
 */
export function generate(
  model: LayersModel,
  corpus: Corpus,
  context: number,
  characters: number,
  seed: number,
): string {
  const random = xoroshiro128plus(seed);
  const writer = decoder(model);
  let next = [...corpus.validation.subarray(0, context)];
  const written: number[] = [];
  while (written.length < characters) {
    const probabilities = tf.tidy(() => {
      const logits = writer.step(tf.tensor2d([next], undefined, 'int32'));
      const last = tf.slice(logits, [0, next.length - 1, 0], [1, 1, -1]);
      return tf.softmax(tf.div(tf.reshape(last, [-1]), TEMPERATURE)).dataSync();
    });
    next = [draw(probabilities, uniformFloat64(random))];
    written.push(...next);
  }
  writer.dispose();
  return written.map((id) => corpus.vocabulary[id]).join('');
}

/** The first index at which the running sum of probabilities exceeds u. */
function draw(probabilities: ArrayLike<number>, u: number): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    sum += probabilities[i] as number;
    if (u < sum) return i;
  }
  return probabilities.length - 1;
}
