import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles, roleOf } from '@tfjs-lrm/core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { crossEntropy } from '@tfjs-lrm/layers';
import { foldMultipliers } from '@tfjs-lrm/multipliers';
import { warmupStableDecay } from '@tfjs-lrm/schedule';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eachBackend } from '../../../../test/backends.ts';
import { optimizerOf } from '../training/optimizer.ts';
import { DEFAULT_RECIPE } from '../training/recipe.ts';
import { languageModel } from './language-model.ts';

type Nested = number | readonly Nested[];
interface Case {
  readonly weights: Record<string, Nested>;
  readonly logits: Nested;
  readonly loss: number;
  readonly gradients: Record<string, Nested>;
  readonly losses: readonly number[];
  readonly trained: Record<string, Nested>;
}

/** Made by apps/demo/reference/fixtures.py with PyTorch in float64. */
const fixture = JSON.parse(
  readFileSync(new URL('../../../../fixtures/lm/model.json', import.meta.url), 'utf8'),
) as {
  config: { vocabulary: number; width: number; blocks: number; heads: number; mlp: number };
  recipe: { learningRate: number; decay: number; warmUp: number; steps: number };
  ids: number[][];
  targets: number[][];
  plain: Case;
  multipliers: Case;
};

const flat = (nested: Nested): number[] =>
  typeof nested === 'number' ? [nested] : (nested as Nested[]).flatMap(flat);

/** Largest difference over the largest magnitude. */
function difference(actual: ArrayLike<number>, expected: Nested): number {
  const wanted = flat(expected);
  const scale = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((value, i) => Math.abs(value - (actual[i] as number)))) / scale;
}

function build(multipliers: boolean): LayersModel {
  const model = languageModel(fixture.config, fixture.config.vocabulary, multipliers, 1);
  const { weights } = multipliers ? fixture.multipliers : fixture.plain;
  expect(model.weights.map(({ originalName }) => originalName).sort()).toEqual(
    Object.keys(weights).sort(),
  );
  for (const weight of model.weights) {
    const values = weights[weight.originalName] as Nested;
    tf.tidy(() => {
      weight.write(tf.tensor(flat(values), weight.shape as number[]));
    });
  }
  return model;
}

const variablesOf = (model: LayersModel): Map<string, tf.Variable> =>
  new Map(
    model.trainableWeights.map((weight) => [weight.originalName, weight.read() as tf.Variable]),
  );

eachBackend(() => {
  let before = 0;

  beforeAll(() => enableTraining());
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(before);
  });

  describe.each([
    ['without multipliers', false],
    ['with multipliers', true],
  ])('%s', (_, multipliers) => {
    const expected = multipliers ? fixture.multipliers : fixture.plain;

    it("computes PyTorch's logits, loss and gradients", () => {
      const model = build(multipliers);
      const variables = variablesOf(model);
      tf.tidy(() => {
        const ids = tf.tensor2d(fixture.ids, undefined, 'int32');
        const targets = tf.tensor2d(fixture.targets, undefined, 'int32');
        expect(
          difference((model.apply(ids) as tf.Tensor).dataSync(), expected.logits),
        ).toBeLessThan(1e-5);
        const { value, grads } = tf.variableGrads(
          () => crossEntropy(targets, model.apply(ids, { training: true }) as tf.Tensor),
          [...variables.values()],
        );
        expect(difference(value.dataSync(), expected.loss)).toBeLessThan(1e-6);
        for (const [name, variable] of variables) {
          const gradient = grads[variable.name] as tf.Tensor;
          expect(
            difference(gradient.dataSync(), expected.gradients[name] as Nested),
            name,
          ).toBeLessThan(2e-5);
        }
      });
      model.dispose();
    });

    it("follows PyTorch's losses and weights through training", () => {
      const model = build(multipliers);
      const variables = variablesOf(model);
      const { learningRate, decay, warmUp, steps } = fixture.recipe;
      assignRoles(model);
      const optimizer = optimizerOf(
        { ...DEFAULT_RECIPE, learningRate, decay },
        warmupStableDecay({ warmup: warmUp, stable: steps, decay: 0 }),
      );
      const ids = tf.tensor2d(fixture.ids, undefined, 'int32');
      const targets = tf.tensor2d(fixture.targets, undefined, 'int32');
      const losses = Array.from({ length: steps }, () =>
        tf.tidy(() => {
          const loss = () =>
            crossEntropy(targets, model.apply(ids, { training: true }) as tf.Tensor);
          return (
            optimizer.minimize(loss, true, [...variables.values()]) as tf.Scalar
          ).dataSync()[0] as number;
        }),
      );
      expect(difference(losses, expected.losses)).toBeLessThan(1e-5);
      for (const [name, variable] of variables) {
        expect(
          difference(variable.dataSync(), expected.trained[name] as Nested),
          name,
        ).toBeLessThan(1e-5);
      }
      tf.dispose([ids, targets]);
      optimizer.dispose();
      model.dispose();
    });
  });

  it('folds to the plain model with the same outputs', () => {
    const model = build(true);
    const folded = foldMultipliers(model);
    const plain = build(false);
    expect(folded.countParams()).toBe(plain.countParams());
    tf.tidy(() => {
      const ids = tf.tensor2d(fixture.ids, undefined, 'int32');
      const logits = Array.from((model.apply(ids) as tf.Tensor).dataSync());
      expect(difference((folded.apply(ids) as tf.Tensor).dataSync(), logits)).toBeLessThan(1e-6);
    });
    for (const each of [model, folded, plain]) each.dispose();
  });

  it.each(['adamw', 'muon'] as const)(
    'keeps the number of tensors over training steps: %s',
    (name) => {
      const model = build(true);
      assignRoles(model);
      const variables = [...variablesOf(model).values()];
      const optimizer = optimizerOf(
        { ...DEFAULT_RECIPE, learningRate: 1e-3, decay: 0.1, optimizer: name },
        warmupStableDecay({ warmup: 1, stable: 10, decay: 0 }),
      );
      const ids = tf.tensor2d(fixture.ids, undefined, 'int32');
      const step = () =>
        optimizer.minimize(
          () => crossEntropy(ids, model.apply(ids, { training: true }) as tf.Tensor),
          false,
          variables,
        );
      step();
      const after = tf.memory().numTensors;
      for (let i = 0; i < 3; i++) step();
      expect(tf.memory().numTensors).toBe(after);
      ids.dispose();
      optimizer.dispose();
      model.dispose();
    },
  );

  it('calls the head a head and the tables embeddings', () => {
    const model = build(true);
    assignRoles(model);
    const roles = [...variablesOf(model)].map(([name, variable]) => [name, roleOf(variable)]);
    expect(roles.filter(([, role]) => role === 'head')).toEqual([['head/kernel', 'head']]);
    expect(roles.filter(([, role]) => role === 'embedding')).toEqual([
      ['embedding/embeddings', 'embedding'],
    ]);
    expect(roles.filter(([, role]) => role === 'matrix')).toHaveLength(14);
    expect(
      roles.filter(
        ([name, role]) => (role === 'multiplier') !== /multiplier$/.test(name as string),
      ),
    ).toEqual([]);
    model.dispose();
  });
});
