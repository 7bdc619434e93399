import * as tf from '@tensorflow/tfjs-core';
import { model as functional, input, type LayersModel, layers } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { filesOf, loadFiles } from '../../../test/files.ts';
import { scrambleWeights } from '../test/layers.ts';
import { predict } from '../test/models.ts';
import { numbers } from '../test/numbers.ts';
import { addMultipliers, foldMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

type Symbolic = ReturnType<typeof input>;
const dense = (name: string): layers.Layer => layers.dense({ units: 3, name });
const on = (layer: layers.Layer, x: Symbolic): Symbolic => layer.apply(x) as Symbolic;

/** One layer called on two results and on its own; its file has it before the first of them. */
function late(): LayersModel {
  const x = input({ shape: [3], name: 'x' });
  const shared = dense('shared');
  const [p, q] = [on(dense('a'), x), on(dense('c'), on(dense('b'), x))] as const;
  const [first, second] = [on(shared, p), on(shared, q)] as const;
  return functional({ inputs: x, outputs: [on(shared, second), first, second] });
}

/** One layer called on its own result, and after that on an input. */
function crossed(): LayersModel {
  const inputs = ['x', 'y'].map((name) => input({ shape: [3], name })) as [Symbolic, Symbolic];
  const shared = dense('shared');
  const twice = on(shared, on(dense('between'), on(shared, inputs[0])));
  return functional({ inputs, outputs: [twice, on(shared, inputs[1])], name: 'crossed' });
}

const inputs = (model: LayersModel): tf.Tensor[] =>
  model.inputs.map((_, at) => tf.tensor2d(numbers(at, 6, -1, 1), [2, 3]));

test('a shared layer is called in the order of the source, where tfjs loads its file in another', async () => {
  const source = late();
  scrambleWeights(source, -1);
  const x = inputs(source);
  const expected = predict(source, x);
  expect(predict(await loadFiles(await filesOf(source)), x)).not.toEqual(expected);
  expect(predict(addMultipliers(source), x)).toEqual(expected);
  expect(predict(foldMultipliers(addMultipliers(source)), x)).toEqual(expected);
});

test('so is one that tfjs can save but not load as it was', async () => {
  const source = crossed();
  scrambleWeights(source, -1);
  const x = inputs(source);
  const expected = predict(source, x);
  expect(predict(await loadFiles(await filesOf(source)), x)).not.toEqual(expected);
  expect(predict(addMultipliers(source), x)).toEqual(expected);
  expect(predict(foldMultipliers(addMultipliers(source)), x)).toEqual(expected);
});

test('a frozen Bidirectional stays frozen, which tfjs forgets when it builds one from its configuration', async () => {
  const x = input({ shape: [3, 2] });
  const layer = layers.simpleRNN({ units: 2, recurrentInitializer: 'glorotNormal' });
  const both = layers.bidirectional({ layer, mergeMode: 'sum', name: 'both' });
  const source = functional({ inputs: x, outputs: on(dense('out'), on(both, x)) });
  both.trainable = false;
  expect((await loadFiles(await filesOf(source))).getLayer('both').trainable).toBe(true);
  const added = addMultipliers(source);
  for (const copy of [added, foldMultipliers(source), foldMultipliers(added)]) {
    expect(copy.getLayer('both').trainable).toBe(false);
    const trained = copy.trainableWeights.map(({ originalName }) => originalName);
    expect(trained.filter((name) => !name.startsWith('out/'))).toEqual([]);
  }
});
