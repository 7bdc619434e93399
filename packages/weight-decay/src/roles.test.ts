import * as tf from '@tensorflow/tfjs-core';
import { type Role, setRole } from '@tfjs-lrm/core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { smallModel, train } from '../../../test/models.ts';
import { expectClose, step, values, variable } from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

type Options = Parameters<typeof withWeightDecay>[1];

const RATE = 0.5;

/** The decay that a step with a gradient of zero shows: w becomes (1 - rate · decay) · w. */
function decayOf(target: tf.Variable, options?: Options): number {
  const [before] = values(target) as [number];
  step(withWeightDecay(tf.train.sgd(RATE), options), [[target, new Array(target.size).fill(0)]]);
  const [after] = values(target) as [number];
  return (1 - after / before) / RATE;
}

/** A variable of each role, by name, shape or setRole. */
const OF_ROLE: Record<Role, () => tf.Variable> = {
  matrix: () => variable([1, 2], [2, 1], 'kernel'),
  embedding: () => variable([1, 2], [2, 1], 'embeddings'),
  head: () => {
    const head = variable([1, 2], [2, 1], 'kernel');
    setRole(head, 'head');
    return head;
  },
  multiplier: () => variable([1, 2], [2, 1], 'column_multiplier'),
  vector: () => variable([1, 2], [2], 'bias'),
};
const ROLES = Object.keys(OF_ROLE) as Role[];

/** The decay of every role under the same options. */
const decays = (options?: Options): Record<string, unknown> =>
  Object.fromEntries(ROLES.map((role) => [role, decayOf(OF_ROLE[role](), options)]));

const close = (expected: Record<Role, number>): Record<string, unknown> =>
  Object.fromEntries(ROLES.map((role) => [role, expect.closeTo(expected[role], 6)]));

const PAPER = { matrix: 0.1, embedding: 0.1, head: 0.1, multiplier: 2e-3, vector: 0 };

eachBackend(() => {
  test("the defaults are the paper's, and a multiplier's beats its rank", () => {
    expect(decays()).toEqual(close(PAPER));
    expect(decays({})).toEqual(close(PAPER));
    for (const [name, shape] of [
      ['row_multiplier', [2]],
      ['column_multiplier', [2, 1]],
      ['scalar_multiplier', []],
      ['row_multiplier_1', [1, 2, 1]],
    ] as const) {
      const target = variable(
        new Array(tf.util.sizeFromShape([...shape])).fill(1),
        [...shape],
        name,
      );
      expect(decayOf(target)).toBeCloseTo(2e-3, 6);
    }
  });

  test('a vector keeps its bits', () => {
    const bias = variable([0.1, -3.3], [2], 'bias');
    const before = values(bias);
    decayOf(bias);
    expect(values(bias)).toEqual(before);
  });

  test('one number is that of matrices, embeddings and heads', () => {
    expect(decays({ decay: 0.4 })).toEqual(
      close({ ...PAPER, matrix: 0.4, embedding: 0.4, head: 0.4 }),
    );
    expect(decays({ decay: 0 })).toEqual(close({ ...PAPER, matrix: 0, embedding: 0, head: 0 }));
  });

  test('a record changes the roles that it names, and no other', () => {
    expect(decays({ decay: { head: 0.5, vector: 0.01, multiplier: 0 } })).toEqual(
      close({ ...PAPER, head: 0.5, vector: 0.01, multiplier: 0 }),
    );
    expect(decays({ decay: { matrix: undefined } })).toEqual(close(PAPER));
  });

  test('a role set by hand decides, and may change between steps', () => {
    const bias = variable([1], [1], 'bias');
    expect(decayOf(bias)).toBe(0);
    setRole(bias, 'matrix');
    expect(decayOf(bias)).toBeCloseTo(0.1, 6);
  });

  test('excluded variables keep their bits, by role, name, variable, predicate and lists', () => {
    const kernel = (): tf.Variable => variable([1, 2], [2, 1], 'kernel');
    const named = kernel();
    const itself = kernel();
    const excluded: [tf.Variable, NonNullable<Options>['exclude']][] = [
      [kernel(), 'matrix'],
      [named, { name: named.name }],
      [itself, itself],
      [kernel(), (v) => v.rank === 2],
      [kernel(), ['head', [{ name: 'x' }, 'matrix']]],
    ];
    for (const [target, exclude] of excluded) {
      expect(decayOf(target, { exclude })).toBe(0);
      expect(values(target)).toEqual([1, 2]);
    }
    expect(decayOf(kernel(), { exclude: ['head', { name: named.name }, itself] })).toBeCloseTo(
      0.1,
      6,
    );
    // What is excluded is still updated.
    const moved = kernel();
    step(withWeightDecay(tf.train.sgd(1), { exclude: 'matrix' }), [[moved, [1, 1]]]);
    expect(values(moved)).toEqual([0, 1]);
  });

  test('without a gradient in this step there is no decay', () => {
    for (const cautious of [false, true]) {
      const [moving, still] = [
        variable([1, 2], [2, 1], 'kernel'),
        variable([1, 2], [2, 1], 'kernel'),
      ];
      const optimizer = withWeightDecay(tf.train.sgd(1), { decay: 0.5, cautious });
      step(optimizer, [
        [moving, [0.5, 0.5]],
        [still, null],
      ]);
      step(optimizer, [[moving, [0.5, 0.5]]]);
      expect(values(still)).toEqual([1, 2]);
      expect(values(moving)[0]).toBeLessThan(0.1);
    }
  });

  test('a frozen layer does not decay', async () => {
    const model = smallModel();
    const optimizer = withWeightDecay(tf.train.sgd(0.1), { decay: 1 });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    model.layers[0]!.trainable = false;
    const read = (index: number): number[] => values(model.layers[index]!.weights[0]!.read());
    const [frozen, moving] = [read(0), read(1)];
    await train(model, 0, 2);
    expect(read(0)).toEqual(frozen);
    expect(read(1)).not.toEqual(moving);
    model.dispose();
    optimizer.dispose();
  });

  test('two decays around each other both act', () => {
    const target = variable([1], [1, 1], 'kernel');
    const optimizer = withWeightDecay(withWeightDecay(tf.train.sgd(0.5), { decay: 0.2 }), {
      decay: 0.4,
    });
    step(optimizer, [[target, [0]]]);
    expectClose(values(target), [0.8 * 0.9], 1e-6);
  });
});
