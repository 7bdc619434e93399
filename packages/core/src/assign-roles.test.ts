import type * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  input,
  type LayersModel,
  layers,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { variable } from '../../../test/tensors.ts';
import { assignRoles, describeRoles, roleOf, setRole } from './index.ts';

const dense = (name: string, inputShape?: number[]) =>
  layers.dense({ name, units: 3, ...(inputShape === undefined ? {} : { inputShape }) });

/** The layers whose kernels became heads. */
function headsOf(model: LayersModel, overrides?: Parameters<typeof assignRoles>[1]): string[] {
  const { rows } = assignRoles(model, overrides);
  return rows.filter(({ role }) => role === 'head').map(({ name }) => name.replace(/_\d+$/, ''));
}

onCpu(() => {
  test('the last kernel of a Sequential is a head, the others stay what they were', () => {
    const model = sequential({
      layers: [
        layers.embedding({ name: 'table', inputDim: 5, outputDim: 4, inputLength: 2 }),
        layers.flatten(),
        dense('a'),
        dense('b'),
      ],
    });
    expect(assignRoles(model).rows.map(({ role }) => role)).toEqual([
      'embedding',
      'matrix',
      'vector',
      'head',
      'vector',
    ]);
  });

  test('activations, norms, reshapes and depthwise kernels after the last kernel are walked through', () => {
    const model = sequential({
      layers: [
        dense('first', [4]),
        dense('last'),
        layers.layerNormalization(),
        layers.batchNormalization(),
        layers.reshape({ targetShape: [1, 1, 3] }),
        layers.prelu(),
        layers.depthwiseConv2d({ kernelSize: 1 }),
        layers.flatten(),
        layers.activation({ activation: 'softmax' }),
      ],
    });
    expect(headsOf(model)).toEqual(['last/kernel']);
  });

  test('every output of a functional model has its head, through merges both branches', () => {
    const x = input({ shape: [4] });
    const trunk = dense('trunk').apply(x) as SymbolicTensor;
    const left = dense('left').apply(trunk) as SymbolicTensor;
    const right = dense('right').apply(trunk) as SymbolicTensor;
    const sum = layers.add().apply([left, right]) as SymbolicTensor;
    const other = dense('other').apply(trunk) as SymbolicTensor;
    const model = functional({ inputs: x, outputs: [sum, other] });
    expect(headsOf(model).sort()).toEqual(['left/kernel', 'other/kernel', 'right/kernel']);
  });

  test('an output in the middle makes a head of a layer that others build on', () => {
    const x = input({ shape: [4] });
    const middle = dense('middle').apply(x) as SymbolicTensor;
    const end = dense('end').apply(middle) as SymbolicTensor;
    expect(headsOf(functional({ inputs: x, outputs: [middle, end] })).sort()).toEqual([
      'end/kernel',
      'middle/kernel',
    ]);
  });

  test('nested models are walked into, and past when they hold no kernel', () => {
    const inner = sequential({ layers: [dense('inside1', [4]), dense('inside2')] });
    expect(headsOf(sequential({ layers: [inner] }))).toEqual(['inside2/kernel']);

    const plain = sequential({
      layers: [layers.activation({ activation: 'relu', inputShape: [3] })],
    });
    expect(headsOf(sequential({ layers: [dense('before', [4]), plain] }))).toEqual([
      'before/kernel',
    ]);

    const x = input({ shape: [4] });
    const deep = sequential({ layers: [sequential({ layers: [dense('deep', [4])] })] });
    const y = deep.apply(x) as SymbolicTensor;
    expect(headsOf(functional({ inputs: x, outputs: y }))).toEqual(['deep/kernel']);
  });

  test('of a nested model only the outputs that are used make heads', () => {
    const x = input({ shape: [4] });
    const outputs = ['used', 'unused'].map((name) => dense(name).apply(x) as SymbolicTensor);
    const two = functional({ inputs: x, outputs });
    const z = input({ shape: [4] });
    const [used] = two.apply(z) as SymbolicTensor[];
    expect(headsOf(functional({ inputs: z, outputs: used! }))).toEqual(['used/kernel']);
  });

  test('a layer used twice is judged by the use that leads to the output', () => {
    const twice = dense('twice');
    const x = input({ shape: [3] });
    const once = twice.apply(x) as SymbolicTensor;
    const between = dense('between').apply(once) as SymbolicTensor;
    const out = twice.apply(between) as SymbolicTensor;
    expect(headsOf(functional({ inputs: x, outputs: out }))).toEqual(['twice/kernel']);
  });

  test('the kernels of wrapper and recurrent layers are found', () => {
    const recurrent = sequential({
      layers: [
        layers.bidirectional({
          layer: layers.gru({
            units: 2,
            returnSequences: true,
            recurrentInitializer: 'zeros',
          }) as never,
          inputShape: [3, 4],
          mergeMode: 'concat',
        } as never),
      ],
    });
    expect(headsOf(recurrent)).toHaveLength(4);
    const distributed = sequential({
      layers: [layers.timeDistributed({ layer: dense('inner'), inputShape: [3, 4] } as never)],
    });
    expect(headsOf(distributed)).toHaveLength(1);
  });

  test('frozen layers are walked like others', () => {
    const model = sequential({ layers: [dense('warm', [4]), dense('frozen')] });
    model.layers[1]!.trainable = false;
    expect(headsOf(model)).toEqual([]);
    expect(roleOf(model.layers[1]!.weights[0]!.read() as tf.Variable)).toBe('head');
    expect(roleOf(model.layers[0]!.weights[0]!.read() as tf.Variable)).toBe('matrix');
  });

  test('an embedding that is the output stays an embedding', () => {
    const model = sequential({
      layers: [layers.embedding({ inputDim: 5, outputDim: 4, inputLength: 2 })],
    });
    expect(assignRoles(model).rows.map(({ role }) => role)).toEqual(['embedding']);
  });

  test('overrides give every kernel of the layer their role, in nested models too', () => {
    const inner = sequential({ layers: [dense('nested', [4]), dense('tail')] });
    const model = sequential({ layers: [inner, dense('outer')] });
    expect(headsOf(model, { nested: 'head', outer: 'matrix' })).toEqual(['nested/kernel']);
  });

  test('overrides that name nothing are errors with the nearest name, before anything changed', () => {
    const model = sequential({ layers: [dense('encoder', [4]), dense('decoder')] });
    expect(() => assignRoles(model, { encodr: 'head' })).toThrow(
      'assignRoles: the model has no layer "encodr". Did you mean "encoder"?',
    );
    expect(() => assignRoles(model, { encoder: 'haed' as 'head' })).toThrow(
      /assignRoles: a role is one of .* Received "haed"/,
    );
    const flat = sequential({
      layers: [dense('d', [4]), layers.activation({ name: 'flat', activation: 'relu' })],
    });
    expect(() => assignRoles(flat, { flat: 'head' })).toThrow(
      'assignRoles: layer "flat" (Activation) has no kernel to give a role.',
    );
    expect(describeRoles(model).rows.map(({ role }) => role)).not.toContain('head');
  });

  test('what is no model, or has no layers, is refused', () => {
    expect(() => assignRoles(sequential())).toThrow(/model "sequential_\d+" has no layers yet/);
    expect(() => assignRoles(null as unknown as LayersModel)).toThrow(
      'assignRoles: the model must be a tf.LayersModel. Received null. Try assignRoles(tf.sequential({ layers })).',
    );
    expect(() => describeRoles(5 as unknown as LayersModel)).toThrow(
      'describeRoles: the target must be a tf.LayersModel or an array of variables. Received 5.',
    );
  });

  test('the table has a row a trainable variable with the reason, and prints aligned columns', () => {
    const model = sequential({
      layers: [dense('table1', [4]), dense('t2')],
    });
    setRole(model.layers[0]!.weights[1]!, 'multiplier');
    const table = assignRoles(model, { table1: 'embedding' });
    expect(String(table).replace(/_\d+(?= )/g, '')).toBe(
      [
        'variable       shape   role        reason',
        'table1/kernel  [4, 3]  embedding   assignRoles override for layer "table1"',
        'table1/bias    [3]     multiplier  setRole',
        't2/kernel      [3, 3]  head        kernel of an output layer',
        't2/bias        [3]     vector      named "bias"',
      ].join('\n'),
    );
    expect(table.rows[0]).toEqual({
      name: 'table1/kernel',
      shape: [4, 3],
      rates: { learningRate: 1, decay: 1 },
      role: 'embedding',
      reason: 'assignRoles override for layer "table1"',
    });
  });

  test('the table of an array of variables keeps its order', () => {
    const list = [variable([1], [1], 'b'), variable([1, 2], [1, 2], 'a')];
    expect(describeRoles(list).rows.map(({ name, reason }) => [name, reason])).toEqual([
      [list[0]!.name, 'rank 1'],
      [list[1]!.name, 'rank 2'],
    ]);
    expect(String(describeRoles([]))).toBe('variable  shape  role  reason');
  });
});
