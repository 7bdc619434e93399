/** Constraints against Keras, which applies them after every update, in float64. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { constraints, type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { deserializeOptimizer, variableOf } from '@tfjs-lrm/core/kit';
import { addMultipliers, reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { loadArtifacts, savedArtifacts, train, weightsOf } from '../../../test/models.ts';
import { expectClose, step, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { withConstraints } from './index.ts';

const url = new URL('../../../fixtures/constraints/constraints.json', import.meta.url);
const golden = JSON.parse(readFileSync(url, 'utf8')) as {
  shape: [number, number];
  start: number[];
  gradients: number[][];
  cases: {
    constraint: string;
    config: Record<string, number>;
    optimizer: 'sgd' | 'adam';
    weights: number[][];
  }[];
};

/** A constraint by its name in the fixture, where options are spelt as in Python. */
function constraintOf(name: string, config: Record<string, number>) {
  const options = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key.replace(/_./g, (letter) => letter[1]!.toUpperCase()),
      value,
    ]),
  );
  const make = constraints[name.split(' ')[0] as 'maxNorm'] as (args: object) => unknown;
  return make(options) as ReturnType<typeof constraints.maxNorm>;
}

const OPTIMIZERS = {
  sgd: () => tf.train.sgd(0.2),
  adam: () => adam({ learningRate: 0.1, epsilon: 1e-12 }),
};

function dense(kernelConstraint: ReturnType<typeof constraints.maxNorm>): LayersModel {
  const [inputs, units] = golden.shape;
  const layer = layers.dense({ units, inputShape: [inputs], useBias: false, kernelConstraint });
  return sequential({ layers: [layer] });
}

eachBackend(() => {
  test.each(golden.cases.map((each) => [`${each.constraint}, ${each.optimizer}`, each] as const))(
    '%s: as Keras, step by step',
    (_, { constraint, config, optimizer: name, weights }) => {
      const model = dense(constraintOf(constraint, config));
      const kernel = variableOf(model.weights[0]!);
      tf.tidy(() => kernel.assign(tf.tensor(golden.start, golden.shape)));
      const optimizer = withConstraints(OPTIMIZERS[name](), model);
      golden.gradients.forEach((gradient, t) => {
        step(optimizer, [[kernel, gradient]]);
        expectClose(values(kernel), weights[t]!, 1e-5, 0.1);
      });
    },
  );
});

/** Two layers with constraints on kernel and bias. */
function model(): LayersModel {
  return sequential({
    layers: [
      layers.dense({
        name: 'hidden_1',
        units: 4,
        activation: 'tanh',
        inputShape: [3],
        kernelConstraint: constraints.maxNorm({ maxValue: 0.5, axis: 0 }),
        kernelInitializer: 'ones',
      }),
      layers.dense({ name: 'out', units: 2, biasConstraint: 'nonNeg', kernelInitializer: 'ones' }),
    ],
  });
}

/** The largest norm of a column of the first kernel, and the least bias of the second layer. */
function extremes(of: LayersModel): { norm: number; bias: number } {
  const [kernel, , , bias] = of.weights.map((weight) => values(variableOf(weight)));
  const norms = [0, 1, 2, 3].map((j) => Math.hypot(...[0, 1, 2].map((i) => kernel![4 * i + j]!)));
  return { norm: Math.max(...norms), bias: Math.min(...bias!) };
}

onCpu(() => {
  test('tfjs applies no constraint in training; with the adapter they hold', async () => {
    const [plain, held] = [model(), model()];
    plain.compile({ optimizer: tf.train.sgd(0.5), loss: 'meanSquaredError' });
    held.compile({
      optimizer: withConstraints(tf.train.sgd(0.5), held),
      loss: 'meanSquaredError',
    });
    for (const each of [plain, held]) await train(each, 0, 5);
    expect(extremes(plain).norm).toBeGreaterThan(0.6);
    expect(extremes(plain).bias).toBeLessThan(0);
    expect(extremes(held).norm).toBeLessThan(0.5 + 1e-5);
    expect(extremes(held).bias).toBeGreaterThanOrEqual(0);
  });

  test('they hold around decay and Muon, and on W of a layer with multipliers', async () => {
    const multiplied = addMultipliers(model());
    const optimizer = withConstraints(withWeightDecay(muon({ learningRate: 0.5 })), multiplied);
    multiplied.compile({ optimizer, loss: 'meanSquaredError' });
    await train(multiplied, 0, 5);
    const kernel = multiplied.weights.find(
      ({ originalName }) => originalName === 'hidden_1/kernel',
    );
    const w = values(variableOf(kernel!));
    const norms = [0, 1, 2, 3].map((j) => Math.hypot(...[0, 1, 2].map((i) => w[4 * i + j]!)));
    expect(Math.max(...norms)).toBeLessThan(0.5 + 1e-5);
  });

  test('they are saved with the optimizer and hold after loading', async () => {
    const [whole, half] = [model(), model()];
    for (const each of [whole, half]) {
      const optimizer = withConstraints(adam({ learningRate: 0.1 }), each);
      each.compile({ optimizer, loss: 'meanSquaredError' });
    }
    await train(whole, 0, 8);
    await train(half, 0, 4);
    const loaded = await loadArtifacts(await savedArtifacts(half));
    await train(loaded, 4, 8);
    // tfjs applies them once more where it sets the loaded weights, which changes their last bits.
    weightsOf(loaded).forEach((weights, w) => {
      expectClose(weights, weightsOf(whole)[w]!, 1e-6, 1);
    });
  });

  test('a loaded constraint of w does not hold for w_1 where there is a variable named exactly w', () => {
    const saved = {
      className: 'LrmConstraints',
      config: {
        constraints: [{ name: 'exact/w', className: 'NonNeg', config: {} }],
        inner: { className: 'SGD', config: { learningRate: 1 } },
      },
    };
    const optimizer = deserializeOptimizer('test', saved);
    const [w, second] = ['exact/w', 'exact/w_1'].map((name) =>
      tf.tidy(() => tf.variable(tf.tensor1d([1]), true, name)),
    ) as [tf.Variable, tf.Variable];
    step(optimizer, [[second, [3]]]);
    expect(values(second)).toEqual([0]);
    step(optimizer, [
      [second, [3]],
      [w, [3]],
    ]);
    expect([w, second].map(values)).toEqual([[0], [-3]]);
  });

  test('around reparametrize it is refused', () => {
    const constrained = model();
    expect(() => withConstraints(reparametrize(adam()), constrained)).toThrow('reparametrize');
  });

  test('no tensor is left', async () => {
    const left = await tensorsLeftBy(() => {
      const constrained = model();
      const optimizer = withConstraints(adam(), constrained);
      const kernel = variableOf(constrained.weights[0]!);
      for (let t = 0; t < 3; t++) step(optimizer, [[kernel, new Array(12).fill(1)]]);
      optimizer.dispose();
      constrained.dispose();
    });
    expect(left).toBe(0);
  });

  test('says what is wrong', () => {
    expect(() => withConstraints(adam(), undefined as never)).toThrow(
      'withConstraints: the model must be a tf.LayersModel. Received undefined. Try withConstraints(adam(), model).',
    );
    const free = sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })] });
    expect(() => withConstraints(adam(), free)).toThrow(
      'withConstraints: a layer of the model must have a constraint. Received model',
    );
  });
});
