/** The layers that stand for those of Keras say where their kernels are, so each kernel takes multipliers. */
import * as tf from '@tensorflow/tfjs';
import { assignRoles } from '@tfjs-lrm/core';
import { kernelAxes } from '@tfjs-lrm/core/kit';
import { enableTraining } from '@tfjs-lrm/kernels';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { tensorOf } from '../../../../test/files.ts';
import { noise, random } from '../../../../test/tensors.ts';
import { casesIn, type SavedCase } from '../../test/keras-cases.ts';
import { loadModel } from '../index.ts';

const NAMES = ['causal', 'gated', 'transformer', 'cross_attention', 'masked_tagger', 'zeroed'];
const cases = casesIn('keras-3.15.1.zip')
  .filter(({ name }) => NAMES.includes(name))
  .map((saved) => [saved.name, saved] as const);

const load = (saved: SavedCase) => loadModel(saved.files['keras'] as Uint8Array);

interface Named {
  readonly name: string;
  readonly variable: tf.Variable;
}

const variablesOf = (model: tf.LayersModel, pattern: RegExp): Named[] =>
  model.trainableWeights
    .filter(({ originalName }) => pattern.test(originalName))
    .map((weight) => ({ name: weight.originalName, variable: weight.read() as tf.Variable }));

/** Gives each factor values between a half and one and a half. */
function scramble(model: tf.LayersModel): void {
  variablesOf(model, /_multiplier$/).forEach(({ variable }, i) => {
    const values = noise(random(i), variable.size).map((value) => 1 + Math.tanh(value) / 2);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  });
}

/** The sum of the outputs, each times a number of its own. */
const lossOf = (model: tf.LayersModel, saved: SavedCase): tf.Scalar =>
  tf.tidy(() => {
    const outputs = [model.apply(saved.inputs.map(tensorOf)) as tf.Tensor | tf.Tensor[]].flat();
    const sums = outputs.map((output) =>
      tf.sum(tf.mul(output, tf.tensor(noise(random(9), output.size), output.shape))),
    );
    return tf.addN(sums) as tf.Scalar;
  });

onCpu(() => {
  // Without it, tfjs lacks gradients of dilated convolutions.
  beforeAll(() => enableTraining());
  afterEach(() => tf.disposeVariables());

  test('every name is a case', () =>
    expect(cases.map(([name]) => name).sort()).toEqual(NAMES.sort()));

  test.each(cases)('%s: every kernel has factors, with the sizes of its axes', async (_, saved) => {
    const plain = await load(saved);
    const kernels = variablesOf(plain, /(kernel|embeddings)$/).map(({ name }) => name);
    const multiplied = addMultipliers(plain);
    const columns = variablesOf(multiplied, /column_multiplier$/).map(({ name }) => name);
    expect(columns.sort()).toEqual(kernels.map((name) => `${name}/column_multiplier`).sort());
  });

  test('attention has a factor for each feature of each head, and tells its axes to Muon and µP', async () => {
    const model = await load(cases.find(([name]) => name === 'cross_attention')?.[1] as SavedCase);
    assignRoles(model);
    const axesOf = Object.fromEntries(
      variablesOf(model, /cross\/.*kernel$/).map(({ name, variable }) => [
        name.split('/')[1],
        kernelAxes(variable),
      ]),
    );
    const split = { row: [-2, -1], column: [-3] };
    const join = { row: [-1], column: [-3, -2] };
    expect(axesOf).toEqual({ query: split, key: split, value: split, attention_output: join });
    const shapes = variablesOf(addMultipliers(model), /cross\/.*multiplier$/).map(
      ({ name, variable }) => [name.split('/').slice(1).join('/'), variable.shape],
    );
    expect(Object.fromEntries(shapes)).toEqual({
      'query/kernel/row_multiplier': [2, 4],
      'query/kernel/column_multiplier': [6],
      'key/kernel/row_multiplier': [2, 4],
      'key/kernel/column_multiplier': [3],
      'value/kernel/row_multiplier': [2, 3],
      'value/kernel/column_multiplier': [3],
      'attention_output/kernel/row_multiplier': [5],
      'attention_output/kernel/column_multiplier': [2, 3],
    });
  });

  test.each(cases)('%s: folding trained factors changes no output', async (_, saved) => {
    const multiplied = addMultipliers(await load(saved));
    const before = lossOf(multiplied, saved).dataSync()[0] as number;
    scramble(multiplied);
    const scrambled = lossOf(multiplied, saved).dataSync()[0] as number;
    expect(Math.abs(scrambled - before)).toBeGreaterThan(1e-2);
    const folded = lossOf(foldMultipliers(multiplied), saved).dataSync()[0] as number;
    expect(Math.abs(folded - scrambled)).toBeLessThan(1e-5 * Math.max(1, Math.abs(scrambled)));
  });

  test.each(cases)('%s: gradients of the factors are finite differences', async (_, saved) => {
    const model = addMultipliers(await load(saved));
    scramble(model);
    const factors = variablesOf(model, /_multiplier$/);
    const { grads } = tf.variableGrads(
      () => lossOf(model, saved),
      factors.map(({ variable }) => variable),
    );
    for (const { name, variable } of factors) {
      const gradient = grads[variable.name]?.dataSync() as Float32Array;
      const values = variable.dataSync();
      const at = Math.floor(values.length / 2);
      const lossWith = (shift: number): number => {
        const shifted = values.slice();
        shifted[at] = (values[at] as number) + shift;
        tf.tidy(() => variable.assign(tf.tensor(shifted, variable.shape)));
        return lossOf(model, saved).dataSync()[0] as number;
      };
      const difference = (lossWith(1e-2) - lossWith(-1e-2)) / 2e-2;
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
      const scale = Math.max(1, Math.abs(difference));
      expect(Math.abs((gradient[at] as number) - difference), name).toBeLessThan(2e-3 * scale);
    }
  });
});
