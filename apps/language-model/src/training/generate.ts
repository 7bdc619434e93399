import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { decoder } from '@tfjs-lrm/layers';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Corpus } from '../corpus.ts';

/** Below 1, likely characters become more likely. */
const TEMPERATURE = 0.7;

/**
 * The characters that a model writes after some others, one at a time, without end. Each is computed alone, with what
 * the decoder remembers of those before.
 *
 * @param prompt ids of the characters before, at least one
 */
export async function* continuation(
  model: LayersModel,
  prompt: readonly number[],
  seed: number,
): AsyncGenerator<number> {
  const random = xoroshiro128plus(seed);
  const writer = decoder(model);
  try {
    for (let next = prompt; ; ) {
      const probabilities = tf.tidy(() => {
        const logits = writer.step(tf.tensor2d([[...next]], undefined, 'int32'));
        const last = tf.slice(logits, [0, next.length - 1, 0], [1, 1, -1]);
        return tf.softmax(tf.div(tf.reshape(last, [-1]), TEMPERATURE));
      });
      const id = draw(await probabilities.data(), uniformFloat64(random));
      probabilities.dispose();
      next = [id];
      yield id;
    }
  } finally {
    writer.dispose();
  }
}

/** The model's continuation of the first characters of the validation text. */
export async function generate(
  model: LayersModel,
  corpus: Corpus,
  context: number,
  characters: number,
  seed: number,
): Promise<string> {
  const prompt = [...corpus.validation.subarray(0, context)];
  let text = '';
  let missing = characters;
  if (missing === 0) return text;
  for await (const id of continuation(model, prompt, seed)) {
    text += corpus.vocabulary[id];
    if (--missing === 0) break;
  }
  return text;
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
