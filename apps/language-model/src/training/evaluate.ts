import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { crossEntropy } from '@tfjs-lrm/layers';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type Batch, type Corpus, nextBatch } from '../corpus.ts';
import type { Preset } from '../presets.ts';

const VALIDATION_SEED = 7;

/** Inputs and targets as tensors, both [batch, context]. */
export function batchTensors(
  { inputs, targets }: Batch,
  { batch, context }: Preset,
): [tf.Tensor2D, tf.Tensor2D] {
  const shape: [number, number] = [batch, context];
  return [tf.tensor2d(inputs, shape, 'int32'), tf.tensor2d(targets, shape, 'int32')];
}

/** Mean loss over `count` validation batches, which are the same in every call. */
export async function evaluate(
  model: LayersModel,
  corpus: Corpus,
  preset: Preset,
  count: number,
): Promise<number> {
  const random = xoroshiro128plus(VALIDATION_SEED);
  const total = tf.tidy(() => {
    let sum: tf.Tensor = tf.scalar(0);
    for (let i = 0; i < count; i++) {
      const previous = sum;
      sum = tf.tidy(() => {
        const batch = nextBatch(corpus.validation, preset.batch, preset.context, random);
        const [x, y] = batchTensors(batch, preset);
        return tf.add(previous, crossEntropy(y, model.apply(x) as tf.Tensor));
      });
    }
    return tf.div(sum, count);
  });
  const [value] = await total.data();
  total.dispose();
  return value as number;
}
