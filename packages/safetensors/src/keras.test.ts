/** Names of Keras 3, both ways: those that Python gives the weights of the same models. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { loadModel } from '@tfjs-lrm/loading';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { casesIn } from '../../loading/test/keras-cases.ts';
import { loadSafetensors, modelToSafetensors, readSafetensors, writeSafetensors } from './index.ts';

const paths: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(new URL('../../../fixtures/keras/paths.json', import.meta.url), 'utf8'),
).models;

const cases = casesIn('keras-3.15.1.zip').map((saved) => [saved.name, saved] as const);

const valuesOf = (model: tf.LayersModel): number[][] =>
  model.weights.map((weight) => [...weight.read().dataSync()]);

/** Keras shares a name between cells of one class, and numbers it in later models. */
const named = (path: string): string => path.replace(/_cell_\d+/, '_cell');

onCpu(() => {
  test.each(cases)('the weights of %s have the names of Keras', async (name, { files }) => {
    const model = await loadModel(files['keras'] as Uint8Array);
    const file = await modelToSafetensors(model, { name: 'keras' });
    const { tensors } = readSafetensors(file);
    const wanted = paths[name] as readonly string[];
    expect([...tensors.keys()].map(named).toSorted()).toEqual(wanted.map(named).toSorted());

    const before = valuesOf(model);
    for (const weight of model.weights) {
      (weight.read() as tf.Variable).assign(tf.zerosLike(weight.read()));
    }
    loadSafetensors(model, file);
    expect(valuesOf(model)).toEqual(before);
    tf.disposeVariables();
  });

  test('an error names the weight and the nearest one', async () => {
    const model = tf.sequential({
      name: 'mlp',
      layers: [tf.layers.dense({ units: 2, inputShape: [3], name: 'out' })],
    });
    const { tensors } = readSafetensors(await modelToSafetensors(model, { name: 'keras' }));
    const [[, kernel], [, bias]] = [...tensors] as [[string, never], [string, never]];
    const file = writeSafetensors(
      new Map([
        ['mlp/out/bias', bias],
        ['mlp/outt/kernel', kernel],
      ]),
    );
    expect(() => loadSafetensors(model, file)).toThrow(
      /^loadSafetensors: .* a file without "out\/kernel", and one with "mlp\/outt\/kernel", which the model has not. Did you mean "out\/kernel"\?/,
    );
    await expect(modelToSafetensors(model, { name: 'keres' as never })).rejects.toThrow(
      /"name" must be a function or 'keras'. Received "keres"/,
    );
  });
});
