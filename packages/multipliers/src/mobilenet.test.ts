/** The whole life of multipliers on a model that others trained: 52 kernels, most of them frozen. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { type Data, filesOf, inStockTfjs } from '../../../test/files.ts';
import { mobilenet, photographs } from '../test/mobilenet.ts';
import { predict, weightNames } from '../test/models.ts';
import { distance } from '../test/numbers.ts';
import { addMultipliers, foldMultipliers } from './index.ts';

type Values = ReadonlyMap<string, Float32Array>;
const valuesOf = (model: LayersModel): Values =>
  new Map(
    model.weights.map((weight) => [weight.originalName, weight.read().dataSync() as Float32Array]),
  );
const changed = (before: Values, after: Values): string[] =>
  [...before.keys()].filter((name) => before.get(name)?.some((v, i) => v !== after.get(name)?.[i]));
const moves = (name: string): boolean => /moving_(mean|variance)$/.test(name);

/** Four steps on the photographs and their mirror images; moving statistics move in frozen layers too, as in stock tfjs. */
async function fineTune(model: LayersModel, x: tf.Tensor): Promise<number[]> {
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy' });
  const mirrored = tf.concat([x, tf.reverse(x, 2)]);
  const y = tf.oneHot([0, 3, 0, 3], 5);
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    losses.push((await model.trainOnBatch(mirrored, y)) as number);
  }
  tf.dispose([mirrored, y]);
  return losses;
}

beforeAll(async () => {
  await useBackend('wasm');
  enableTraining();
});

test('a pretrained MobileNetV2 takes multipliers, is fine-tuned, folds, and runs where there is only tfjs', async () => {
  const [loaded, x] = [await mobilenet(), photographs()];
  const classes = (name: string): number =>
    loaded.layers.filter((layer) => layer.getClassName() === name).length;
  expect(['Conv2D', 'DepthwiseConv2D', 'BatchNormalization'].map(classes)).toEqual([35, 17, 52]);
  const original = predict(loaded, [x]);
  const tensors = tf.memory().numTensors;

  const added = addMultipliers(loaded);
  expect(tf.memory().numTensors).toBe(tensors + added.weights.length);
  // 35 convolutions and 3 dense layers have two factors, depthwise ones have one, and the head no row factor.
  expect(added.weights.length - loaded.weights.length).toBe(2 * (35 + 3) + 17 - 1);
  expect(predict(added, [x])).toEqual(original);
  const trained = new Set(loaded.trainableWeights.map(({ originalName }) => originalName));
  const train = new Set(added.trainableWeights.map(({ originalName }) => originalName));
  expect([...train].filter((name) => !name.endsWith('_multiplier')).sort()).toEqual(
    [...trained].sort(),
  );

  const [before, source] = [valuesOf(added), valuesOf(loaded)];
  const losses = await fineTune(added, x);
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
  expect(changed(source, valuesOf(loaded))).toEqual([]);
  const touched = changed(before, valuesOf(added)).filter((name) => !moves(name));
  expect(touched.sort()).toEqual([...train].sort());
  expect(touched.filter((name) => name.endsWith('_multiplier')).length).toBeGreaterThan(10);

  const wanted = predict(added, [x]);
  expect(distance(wanted, original)).toBeGreaterThan(0.01);
  const folded = foldMultipliers(added);
  expect(distance(predict(folded, [x]), wanted)).toBeLessThan(1e-6);
  expect(weightNames(folded)).toEqual(weightNames(loaded));
  expect(folded.countParams()).toBe(loaded.countParams());

  const inputs: Data[] = [{ shape: x.shape, dtype: 'float32', values: [...x.dataSync()] }];
  const [there] = await inStockTfjs<Data[]>('predictFrom(input.files, input.inputs)', {
    files: await filesOf(folded),
    inputs,
  });
  // On cpu there, on wasm here.
  expect(distance(there?.values ?? [], wanted)).toBeLessThan(1e-4);
  for (const model of [folded, added, loaded]) model.dispose();
}, 300_000);
