import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import {
  type Data,
  type Files,
  filesOf,
  inStockTfjs,
  loadFiles,
  tensorOf,
} from '../../../test/files.ts';
import { predict, values, weightNames } from '../test/models.ts';
import { distance, numbers } from '../test/numbers.ts';
import '../test/layers.ts';
import { addMultipliers, foldMultipliers, type MultiplierOptions } from './index.ts';

interface Stock {
  readonly title: string;
  readonly files: Files;
  readonly inputs: readonly Data[];
  /** What stock tfjs predicts on cpu. */
  readonly outputs: readonly Data[];
}

const TITLES = [
  'a recurrent model',
  'a nested model',
  'shared layers, two inputs and two outputs',
  'layers of a custom class',
  'an embedding, with quantised weights',
  "a model in Keras' format, in shards",
];

const gated = (layer: layers.Layer): MultiplierOptions | null => {
  if (layer.getClassName() === 'TestGated') return { kernels: ['kernel', 'gate'] };
  return layer.getClassName() === 'Dense' ? {} : null;
};

const multiplied = (title: string, model: LayersModel): LayersModel =>
  addMultipliers(model, title === 'layers of a custom class' ? { placement: gated } : {});

/** Trains on every output until the loss is half of what it was; the number of steps. */
async function halve(model: LayersModel, inputs: tf.Tensor[]): Promise<number> {
  model.compile({ optimizer: tf.train.adam(0.02), loss: 'meanSquaredError' });
  const outputs = tf.tidy(() => [model.predict(inputs)].flat());
  // What the model says, and more.
  const targets = outputs.map((output, at) =>
    tf.tidy(() => tf.add(output, tf.tensor(numbers(at + 1, output.size, -1, 1), output.shape))),
  );
  const step = async (): Promise<number> =>
    [await model.trainOnBatch(inputs, targets)].flat()[0] as number;
  const first = await step();
  let steps = 1;
  while ((await step()) > first / 2 && steps < 300) steps += 1;
  tf.dispose(targets);
  return steps;
}

let stock: readonly Stock[];
beforeAll(async () => {
  stock = await inStockTfjs('saveAll()');
});

test('every model that the script saves is tested', () => {
  expect(stock.map(({ title }) => title)).toEqual(TITLES);
});

eachBackend((backend) => {
  beforeAll(() => {
    if (backend === 'wasm') enableTraining();
  });

  describe.each(TITLES)('%s, saved by stock tfjs in another process', (title) => {
    test('takes multipliers, trains on, folds, and predicts the same where there is only tfjs', async () => {
      const { files, inputs: given, outputs } = stock.find((at) => at.title === title) as Stock;
      const expected = outputs.flatMap((output) => output.values);
      const inputs = given.map(tensorOf);
      const loaded = await loadFiles(files);
      expect(loaded.layers.length).toBeGreaterThanOrEqual(5);
      const plain = predict(loaded, inputs);
      expect(distance(plain, expected)).toBeLessThan(backend === 'cpu' ? 1e-12 : 1e-5);
      const added = multiplied(title, loaded);
      expect(predict(added, inputs)).toEqual(plain);
      const trained = values(loaded);

      expect(await halve(added, inputs)).toBeLessThan(300);
      const factors = added.weights.filter(({ name }) => /_multiplier(_\d+)?$/.test(name));
      expect(factors.length).toBeGreaterThan(5);
      for (const factor of factors) {
        expect(
          factor
            .read()
            .dataSync()
            .every((value) => value === 1),
          factor.name,
        ).toBe(false);
      }
      expect(values(loaded)).toEqual(trained);

      const folded = foldMultipliers(added);
      const wanted = predict(added, inputs);
      expect(distance(predict(folded, inputs), wanted)).toBeLessThan(1e-6);
      expect(weightNames(folded)).toEqual(weightNames(loaded));
      expect(folded.countParams()).toBe(loaded.countParams());
      const there = await inStockTfjs<Data[]>('predictFrom(input.files, input.inputs)', {
        files: await filesOf(folded),
        inputs: given,
      });
      expect(there.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
      const found = there.flatMap((output) => output.values);
      expect(distance(found, wanted)).toBeLessThan(backend === 'cpu' ? 1e-6 : 1e-5);
      tf.dispose(inputs);
      for (const model of [loaded, added, folded]) model.dispose();
    });
  });
});
