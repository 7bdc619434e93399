import type * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { addMultipliers, foldMultipliers } from '@tfjs-lrm/multipliers';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { loadSafetensors, modelToSafetensors, readSafetensors, writeSafetensors } from './index.ts';

/** A model with random weights, of which some are not trained. */
const small = (units = 2): tfl.Sequential =>
  tfl.sequential({
    layers: [
      tfl.layers.dense({ units: 3, inputShape: [4], name: 'hidden' }),
      tfl.layers.batchNormalization({ name: 'norm' }),
      tfl.layers.dense({ units, name: 'output' }),
    ],
  });

const valuesOf = (model: tfl.LayersModel): number[][] =>
  model.getWeights().map((weight) => [...weight.dataSync()]);

eachBackend(() => {
  test('weights go into a file by layer and name, and come back bit for bit, multipliers too', async () => {
    for (const make of [
      small,
      () => addMultipliers(small()),
      () => foldMultipliers(addMultipliers(small())),
    ]) {
      const [model, other] = [make(), make()];
      const file = await modelToSafetensors(model, { metadata: { format: 'tfjs' } });
      const { tensors, metadata } = readSafetensors(file);
      expect(metadata).toEqual({ format: 'tfjs' });
      expect([...tensors.keys()]).toEqual(model.weights.map(({ originalName }) => originalName));
      expect([...tensors.keys()]).toEqual(
        expect.arrayContaining(['hidden/kernel', 'norm/moving_mean']),
      );
      expect(valuesOf(other)).not.toEqual(valuesOf(model));
      expect(await tensorsLeftBy(() => loadSafetensors(other, file))).toBe(0);
      expect(await tensorsLeftBy(() => modelToSafetensors(model))).toBe(0);
      expect(valuesOf(other)).toEqual(valuesOf(model));
      model.dispose();
      other.dispose();
    }
  });

  test('names can be others in the file, both ways', async () => {
    const [model, other] = [small(), small()];
    const name = (own: string): string => own.replaceAll('/', '.').replace('kernel', 'weight');
    const file = await modelToSafetensors(model, { name });
    expect([...readSafetensors(file).tensors.keys()][0]).toBe('hidden.weight');
    loadSafetensors(other, file, { name });
    expect(valuesOf(other)).toEqual(valuesOf(model));
  });
});

test('a constraint does not change what was saved', async () => {
  const make = (): tfl.Sequential =>
    tfl.sequential({
      layers: [
        tfl.layers.dense({ units: 1, inputShape: [2], name: 'd', kernelConstraint: 'unitNorm' }),
      ],
    });
  const file = writeSafetensors(
    new Map([
      ['d/kernel', { dtype: 'float32', shape: [2, 1], values: new Float32Array([3, 4]) }],
      ['d/bias', { dtype: 'float32', shape: [1], values: new Float32Array([5]) }],
    ]),
  );
  const model = make();
  loadSafetensors(model, file);
  expect(valuesOf(model)).toEqual([[3, 4], [5]]);
});

test('a file that does not fit is refused before a weight has changed', async () => {
  const model = small();
  const before = valuesOf(model);
  const file = await modelToSafetensors(small());
  const { tensors } = readSafetensors(file);
  const without = new Map([...tensors].filter(([name]) => name !== 'output/bias'));
  const bias = { dtype: 'int32', shape: [2], values: new Int32Array(2) } as const;
  for (const [wrong, message] of [
    [
      await modelToSafetensors(small(5)),
      'tensor "output/kernel" must be float32 of shape [3,2], as in the model. Received float32 of shape [3,5].',
    ],
    [
      writeSafetensors(without),
      'Received a file without "output/bias". Try the option "name", or strict: false.',
    ],
    [
      writeSafetensors(new Map([...tensors, ['more', bias]])),
      'Received one with "more", which the model has not.',
    ],
    [
      writeSafetensors(new Map([...tensors, ['output/bias', bias]])),
      'tensor "output/bias" must be float32 of shape [2]',
    ],
    [file.subarray(0, 100), 'readSafetensors: '],
  ] as const) {
    expect(
      await tensorsLeftBy(() => expect(() => loadSafetensors(model, wrong)).toThrow(message)),
    ).toBe(0);
    expect(valuesOf(model)).toEqual(before);
  }
  loadSafetensors(model, writeSafetensors(without), { strict: false });
  expect(valuesOf(model).slice(0, -3)).not.toEqual(before.slice(0, -3));
});

test('what is no model, a name of two weights and wrong options are refused', async () => {
  await expect(modelToSafetensors({} as never)).rejects.toThrow('must be a tf.LayersModel');
  await expect(modelToSafetensors(small(), { name: () => 'a' })).rejects.toThrow(
    'modelToSafetensors: each weight must have a name of its own. Received "a" for two of them.',
  );
  await expect(modelToSafetensors(small(), { name: () => 1 as never })).rejects.toThrow(
    'must return a text',
  );
  await expect(modelToSafetensors(small(), { metadata: { a: 1 as never } })).rejects.toThrow(
    '"metadata" must be an object of texts',
  );
  expect(() => loadSafetensors(small(), new Uint8Array(), { strict: 1 as never })).toThrow(
    '"strict" must',
  );
});

test('weights of every dtype keep it', async () => {
  class Kinds extends tfl.layers.Layer {
    static readonly className = 'Kinds';
    override build(): void {
      for (const dtype of ['int32', 'bool'] as const) {
        this.addWeight(dtype, [2], dtype, tfl.initializers.ones(), undefined, false);
      }
      this.built = true;
    }
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
      return inputs;
    }
  }
  const model = tfl.sequential({ layers: [new Kinds({ inputShape: [1], name: 'k' })] });
  const { tensors } = readSafetensors(await modelToSafetensors(model));
  expect([...tensors.values()].map(({ dtype }) => dtype)).toEqual(['int32', 'bool']);
  const zeros = { int32: new Int32Array(2), bool: new Uint8Array(2) };
  const file = new Map(
    [...tensors].map(([name, stored]) => [
      name,
      { ...stored, values: zeros[stored.dtype as 'int32' | 'bool'] },
    ]),
  );
  loadSafetensors(model, writeSafetensors(file));
  expect(valuesOf(model)).toEqual([
    [0, 0],
    [0, 0],
  ]);
});
