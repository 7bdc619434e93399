/** Weights of files into models that exist: the right ones, or an error that names the weight and the nearest one. */
import * as tf from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  model as modelOf,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { describe, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { type Data, filesOf, serve } from '../../../test/files.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { casesIn, free, gapOf, type SavedCase } from '../test/keras-cases.ts';
import { loadModel, loadWeights, modelToKeras } from './index.ts';

const VERSIONS = ['2.15.0', '3.0.5', '3.3.3', '3.6.0', '3.9.2', '3.12.4', '3.15.1'] as const;

const caseOf = (version: string, name: string): SavedCase =>
  casesIn(`versions/keras-${version}.zip`).find((each) => each.name === name) as SavedCase;

const fileOf = (saved: SavedCase, ending = 'weights.h5'): Uint8Array =>
  saved.files[ending] as Uint8Array;

/** Gives a model other weights. */
function scramble(model: LayersModel): void {
  for (const weight of model.weights) {
    (weight.read() as tf.Variable).assign(tf.randomUniform(weight.shape as number[], 5, 6));
  }
}

const valuesOf = (model: LayersModel): number[][] =>
  model.weights.map((weight) => [...weight.read().dataSync()]);

async function scrambled(saved: SavedCase): Promise<LayersModel> {
  const model = await loadModel(fileOf(saved, 'keras'));
  scramble(model);
  expect(gapOf(model, saved, saved.outputs)).toBeGreaterThan(0.01);
  return model;
}

onCpu(() => {
  describe.each(VERSIONS)('of Keras %s', (version) => {
    test.each(
      casesIn(`versions/keras-${version}.zip`).map((saved) => [saved.name, saved] as const),
    )('the weights of every file of it predict as it does: %s', async (_, saved) => {
      const model = await scrambled(saved);
      for (const [ending, file] of Object.entries(saved.files)) {
        scramble(model);
        expect(await tensorsLeftBy(() => loadWeights(model, file)), ending).toBe(0);
        expect(gapOf(model, saved, saved.outputs), ending).toBeLessThan(1e-5);
      }
      const multiplied = addMultipliers(model);
      scramble(model);
      await expect(loadWeights(multiplied, fileOf(saved))).rejects.toThrow(
        /^loadWeights: the file must hold values for every weight. Received none for ".*_multiplier"/,
      );
      await loadWeights(multiplied, fileOf(saved), { strict: false });
      expect(gapOf(multiplied, saved, saved.outputs)).toBeLessThan(1e-5);
      free(foldMultipliers(multiplied));
      free(multiplied);
      free(model);
    });
  });
});

type Symbolic = SymbolicTensor;

const dense = (units: number, name: string) => layers.dense({ units, name });

/** The model `several_outputs` of the fixtures, its branches called in this order. */
function branches(
  names: readonly string[],
  units: Readonly<Record<string, number>> = {},
): LayersModel {
  const x = input({ shape: [4] });
  const body = layers.dense({ units: 3, activation: 'tanh', name: 'body' }).apply(x) as Symbolic;
  const outputs = names.map((name) => dense(units[name] ?? 1, name).apply(body) as Symbolic);
  return modelOf({ inputs: x, outputs });
}

onCpu(() => {
  const mlp = caseOf('3.15.1', 'mlp');
  test.each(['weights.h5', 'keras', 'h5'])(
    'a model that was built here takes those of a .%s file by class and order, whatever the names',
    async (ending) => {
      const model = sequential({
        layers: [
          layers.dense({ units: 5, activation: 'relu', inputShape: [4], name: 'one' }),
          dense(2, 'two'),
        ],
      });
      await loadWeights(model, fileOf(mlp, ending));
      expect(gapOf(model, mlp, mlp.outputs)).toBeLessThan(1e-5);
      model.dispose();
    },
  );

  const several = casesIn('keras-3.15.1.zip').find(
    ({ name }) => name === 'several_outputs',
  ) as SavedCase;
  const file = fileOf(several, 'keras');
  const [first, second] = several.outputs.map(({ shape }) => shape[1] as number) as [
    number,
    number,
  ];

  test('layers that were given names of the file take theirs, wherever they are', async () => {
    const units = { first, second };
    const model = branches(['second', 'first'], units);
    await loadWeights(model, file);
    const [b, a] = several.outputs as [Data, Data];
    expect(gapOf(model, several, [a, b])).toBeLessThan(1e-5);
    model.dispose();
  });

  test.each<readonly [string, () => LayersModel, RegExp]>([
    [
      'another name',
      () => branches(['first', 'secnd'], { first, secnd: second }),
      /^loadWeights: the file holds values for "layers\/dense_2\/vars\/0" of layer "second", and the model has no such weight. Did you mean "secnd"\? Try \{ strict: false \}/,
    ],
    [
      'another shape',
      () => branches(['first', 'second'], { first, second: 7 }),
      /^loadWeights: weight "layers\/dense_2\/vars\/0" \("second\/kernel" in the model\) must be float32 of shape \[3,7\]. Received float32 of shape \[3,\d\]/,
    ],
    [
      'a layer more',
      () => branches(['first', 'second', 'third'], { first, second }),
      /^loadWeights: the file must hold values for every weight. Received none for "layers\/dense_3\/vars\/0" \("third\/kernel" in the model\) of shape \[3,1\] and 1 more/,
    ],
    [
      'a layer less',
      () => branches(['first'], { first }),
      /^loadWeights: the file holds values for "layers\/dense_2\/vars\/0" of layer "second", and the model has no such weight/,
    ],
  ])('a model with %s is refused by name, and nothing has changed', async (_, make, message) => {
    const model = make();
    const before = valuesOf(model);
    expect(
      await tensorsLeftBy(() => expect(loadWeights(model, file)).rejects.toThrow(message)),
    ).toBe(0);
    expect(valuesOf(model)).toEqual(before);
    model.dispose();
  });

  test('with strict: false a new head keeps its values, and the rest takes those of the file', async () => {
    const model = branches(['first', 'fresh'], { first, fresh: second });
    const head = [...(model.getLayer('fresh').getWeights()[0] as tf.Tensor).dataSync()];
    await loadWeights(model, file, { strict: false });
    expect([...(model.getLayer('fresh').getWeights()[0] as tf.Tensor).dataSync()]).toEqual(head);
    expect(
      gapOf(modelOf({ inputs: model.inputs, outputs: [model.outputs[0] as Symbolic] }), several, [
        several.outputs[0] as Data,
      ]),
    ).toBeLessThan(1e-5);
    model.dispose();
  });

  test('the weights of model.json load by name', async () => {
    const source = await loadModel(fileOf(mlp, 'keras'));
    const model = await scrambled(mlp);
    await loadWeights(model, serve(await filesOf(source)));
    expect(gapOf(model, mlp, mlp.outputs)).toBeLessThan(1e-5);
    await loadWeights(model, await modelToKeras(source));
    expect(gapOf(model, mlp, mlp.outputs)).toBeLessThan(1e-5);
  });

  test.each<readonly [string, () => Promise<void>, RegExp]>([
    [
      'no model',
      () => loadWeights({} as never, file),
      /must be a tf.LayersModel. Received an object/,
    ],
    [
      'a model without layers',
      () => loadWeights(sequential(), file),
      /must have weights. Received 0 layers/,
    ],
    [
      'a topology alone',
      async () => {
        const model = branches(['first', 'second']);
        const modelTopology = model.toJSON(null, false) as object;
        await loadWeights(model, tf.io.fromMemory({ modelTopology }));
      },
      /must hold weights. Received a topology alone/,
    ],
    [
      'a damaged file',
      () => loadWeights(branches(['first', 'second']), fileOf(mlp).subarray(0, 3000)),
      /the HDF5 file must be/,
    ],
    [
      'an unknown option',
      () => loadWeights(branches(['first']), file, { strickt: false } as never),
      /unknown option "strickt". Did you mean "strict"/,
    ],
  ])('%s is refused', async (_, load, message) => {
    await expect(load()).rejects.toThrow(message);
    await expect(load()).rejects.toThrow(/^loadWeights: /);
  });
});
