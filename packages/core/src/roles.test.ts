import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { variable } from '../../../test/tensors.ts';
import { assignRoles, describeRoles, explainRole, roleOf, setRole } from './index.ts';
import { copyStanding, isRole, ROLES } from './kit.ts';
import { checkRole, explicitRole } from './roles.ts';

const named = (name: string, shape: number[]): tf.Variable =>
  variable(new Array(tf.util.sizeFromShape(shape)).fill(0), shape, name);

onCpu(() => {
  test.each([
    ['kernel', [4, 3], 'matrix'],
    ['kernel', [3, 3, 4, 8], 'matrix'],
    ['kernel', [4], 'vector'],
    ['scale', [], 'vector'],
    ['recurrent_kernel', [4, 8], 'matrix'],
    ['pointwise_kernel', [1, 1, 4, 8], 'matrix'],
    ['depthwise_kernel', [3, 3, 4, 1], 'vector'],
    ['bias', [2, 3], 'vector'],
    ['gamma', [4, 4, 3], 'vector'],
    ['beta', [4, 4, 3], 'vector'],
    ['alpha', [4, 4, 3], 'vector'],
    ['embeddings', [10, 4], 'embedding'],
    ['row_multiplier', [3], 'multiplier'],
    ['column_multiplier', [4, 1], 'multiplier'],
    ['scalar_multiplier', [], 'multiplier'],
    ['rowmultiplier', [3], 'vector'],
    ['my_kernel', [3, 3], 'matrix'],
  ] as const)('a variable named %s of shape %j is a %s', (name, shape, role) => {
    expect(roleOf(named(`layer/${name}`, [...shape]))).toBe(role);
    // tfjs numbers repeated names: a second model in the process must not change a role.
    expect(roleOf(named(`layer/${name}_1`, [...shape]))).toBe(role);
    expect(roleOf(named(`layer/${name}_12`, [...shape]))).toBe(role);
    expect(roleOf(named(name, [...shape]))).toBe(role);
  });

  test("a name inside the scope says nothing: only the variable's own does", () => {
    expect(roleOf(named('embeddings/kernel', [2, 2]))).toBe('matrix');
    expect(roleOf(named('bias/row_multiplier', [2]))).toBe('multiplier');
  });

  test("PReLU's slopes and a layer norm's gains over three axes are vectors", () => {
    const model = layers.sequential({
      layers: [
        layers.layers.conv2d({ filters: 2, kernelSize: 1, inputShape: [3, 3, 1] }),
        layers.layers.prelu(),
        layers.layers.layerNormalization({ axis: [1, 2, 3] }),
        layers.layers.depthwiseConv2d({ kernelSize: 1 }),
      ],
    });
    const roles = describeRoles(model).rows.map(({ shape, role }) => [shape.length, role]);
    expect(roles).toEqual([
      [4, 'matrix'],
      [1, 'vector'],
      [3, 'vector'],
      [3, 'vector'],
      [3, 'vector'],
      [4, 'vector'],
      [1, 'vector'],
    ]);
  });

  test('setRole beats an override, which beats the structure, which beats names and rank', () => {
    const model = layers.sequential({
      layers: [layers.layers.dense({ name: 'precedence', units: 2, inputShape: [3] })],
    });
    const kernel = model.layers[0]!.weights[0]!.read() as tf.Variable;
    expect(roleOf(kernel)).toBe('matrix');
    assignRoles(model);
    expect(roleOf(kernel)).toBe('head');
    assignRoles(model, { precedence: 'embedding' });
    expect(roleOf(kernel)).toBe('embedding');
    assignRoles(model);
    expect(roleOf(kernel)).toBe('head');
    setRole(kernel, 'vector');
    assignRoles(model, { precedence: 'embedding' });
    expect(roleOf(kernel)).toBe('vector');
  });

  test('a name beats the rank, and setRole beats a name', () => {
    const multiplier = named('x/row_multiplier', [3]);
    setRole(multiplier, 'matrix');
    expect(roleOf(multiplier)).toBe('matrix');
    setRole(multiplier, 'head');
    expect(roleOf(multiplier)).toBe('head');
  });

  test('only setRole and overrides are explicit: the structure is not saved', () => {
    const model = layers.sequential({
      layers: [
        layers.layers.dense({ name: 'first', units: 2, inputShape: [3] }),
        layers.layers.dense({ name: 'second', units: 2 }),
        layers.layers.dense({ name: 'third', units: 2 }),
      ],
    });
    const [first, second, third] = model.layers.map((l) => l.weights[0]!.read() as tf.Variable);
    assignRoles(model, { first: 'embedding' });
    setRole(second!, 'vector');
    expect([first, second, third].map((v) => explicitRole(v!))).toEqual([
      'embedding',
      'vector',
      null,
    ]);
    expect(roleOf(third!)).toBe('head');
  });

  test("setRole takes a variable, a layer's weight or a layer, of which it takes the kernels", () => {
    const model = layers.sequential({
      layers: [layers.layers.lstm({ units: 2, inputShape: [3, 4], recurrentInitializer: 'zeros' })],
    });
    const layer = model.layers[0] as layers.layers.Layer;
    const [kernel, recurrent, bias] = layer.weights;
    setRole(kernel!, 'embedding');
    setRole(bias!.read() as tf.Variable, 'multiplier');
    expect(layer.weights.map((w) => roleOf(w.read() as tf.Variable))).toEqual([
      'embedding',
      'matrix',
      'multiplier',
    ]);
    setRole(layer, 'head');
    expect(layer.weights.map((w) => roleOf(w.read() as tf.Variable))).toEqual([
      'head',
      'head',
      'multiplier',
    ]);
    expect(recurrent!.shape).toEqual([2, 8]);
  });

  test('setRole refuses unknown roles, layers without kernels and other things', () => {
    const kernel = named('k', [2, 2]);
    expect(() => setRole(kernel, 'Matrix' as 'matrix')).toThrow(
      /^setRole: a role is one of 'matrix', 'embedding', 'head', 'multiplier', 'vector'\. Received "Matrix"\.$/,
    );
    const dropout = layers.layers.dropout({ name: 'drop', rate: 0.5 });
    expect(() => setRole(dropout, 'head')).toThrow(
      /layer "drop" \(Dropout\) has no kernel\. Build it/,
    );
    const model = layers.sequential({
      layers: [layers.layers.flatten({ name: 'flat', inputShape: [2, 2] })],
    });
    expect(() => setRole(model.layers[0]!, 'head')).toThrow(
      /layer "flat" \(Flatten\) has no kernel\. Name a layer with weights of rank 2/,
    );
    for (const wrong of [null, undefined, 'kernel', 3, {}]) {
      expect(() => setRole(wrong as unknown as tf.Variable, 'head')).toThrow(
        /^setRole: the target must be a tf.Variable, a layer's weight or a layer\. Received/,
      );
    }
    expect(roleOf(kernel)).toBe('matrix');
  });

  test('roleOf and explainRole refuse what is no variable', () => {
    for (const [wrong, shown] of [
      [5, '5'],
      [undefined, 'undefined'],
      [null, 'null'],
      ['kernel', '"kernel"'],
      [{ name: 'kernel' }, 'an object'],
    ] as const) {
      for (const [name, ask] of Object.entries({ roleOf, explainRole })) {
        expect(() => ask(wrong as unknown as tf.Variable)).toThrow(TypeError);
        expect(() => ask(wrong as unknown as tf.Variable)).toThrow(
          `${name}: the target must be a tf.Variable. Received ${shown}`,
        );
      }
    }
  });

  test('copyStanding gives a variable the role of another, with where it comes from, or takes it away', () => {
    const [from, to] = [named('a/kernel', [2, 2]), named('b/kernel', [2, 2])];
    setRole(from, 'head');
    copyStanding(from, to);
    expect(describeRoles([to]).rows[0]).toMatchObject({ role: 'head', reason: 'setRole' });
    expect(explicitRole(to)).toBe('head');
    copyStanding(named('c/kernel', [2, 2]), to);
    expect([roleOf(to), explicitRole(to), roleOf(from)]).toEqual(['matrix', null, 'head']);
  });

  test('the order of ROLES is the saved format', () => {
    expect(ROLES).toEqual(['matrix', 'embedding', 'head', 'multiplier', 'vector']);
    expect(ROLES.every(isRole)).toBe(true);
    for (const wrong of ['Head', '', 'toString', undefined, null, 0]) {
      expect(isRole(wrong)).toBe(false);
      expect(() => checkRole('here', wrong)).toThrow(/^here: a role is one of/);
    }
  });
});
