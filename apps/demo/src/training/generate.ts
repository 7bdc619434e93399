import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Corpus } from '../text.ts';

/** Below 1, likely characters become more likely. */
const TEMPERATURE = 0.7;

/** The model's continuation of the first characters of the validation text. */
export function generate(
  model: LayersModel,
  corpus: Corpus,
  context: number,
  characters: number,
  seed: number,
): string {
  const random = xoroshiro128plus(seed);
  const ids = [...corpus.validation.subarray(0, context)];
  for (let i = 0; i < characters; i++) {
    const probabilities = tf.tidy(() => {
      const logits = model.apply(
        tf.tensor2d(ids.slice(-context), [1, context], 'int32'),
      ) as tf.Tensor3D;
      const last = tf.slice(logits, [0, context - 1, 0], [1, 1, -1]);
      return tf.softmax(tf.div(tf.reshape(last, [-1]), TEMPERATURE)).dataSync();
    });
    ids.push(draw(probabilities, uniformFloat64(random)));
  }
  return ids
    .slice(context)
    .map((id) => corpus.vocabulary[id])
    .join('');
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
