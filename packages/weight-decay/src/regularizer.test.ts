/** A layer's own L2 regularizer acts besides the decay: what that does, and the warning of it. */
import * as tf from '@tensorflow/tfjs-core';
import { layers, regularizers, type Sequential, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles } from '@tfjs-lrm/core';
import { afterEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { expectClose, values } from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

const RATE = 0.1;
const L2 = 0.2;

const warnings: string[] = [];
vi.spyOn(console, 'warn').mockImplementation((text: string) => warnings.push(text));
afterEach(() => {
  warnings.length = 0;
});

function regularizedModel(kernelRegularizer: unknown = regularizers.l2({ l2: L2 })): Sequential {
  const options = { kernelRegularizer, kernelInitializer: 'ones' } as never;
  return sequential({
    layers: [
      layers.dense({ name: 'regularized', units: 2, inputShape: [2], ...(options as object) }),
      layers.dense({ name: 'plain', units: 1 }),
    ],
  });
}

/** Steps in which nothing but decay and regularizer moves the kernels: the loss is 0. */
async function train(model: Sequential, optimizer: tf.Optimizer, steps = 1): Promise<void> {
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const [x, y] = [tf.zeros([3, 2]), tf.zeros([3, 1])];
  for (let at = 0; at < steps; at++) await model.trainOnBatch(x, y);
  tf.dispose([x, y]);
}

onCpu(() => {
  test('it warns once, and names the variable and the way out', async () => {
    const model = regularizedModel();
    assignRoles(model);
    const { name } = model.weights[0]!;
    await train(model, withWeightDecay(adam()), 3);
    expect(warnings).toEqual([
      `withWeightDecay: ${name} would shrink twice, by decay and by the L2 regularizer of the layer. Use one of the two: leave out the regularizer, or exclude the variable from decay.`,
    ]);
    // Another optimizer has not said so yet.
    await train(model, withWeightDecay(tf.train.sgd(RATE), { cautious: true }));
    expect(warnings).toHaveLength(2);
  });

  test('it is true: the kernel shrinks by both', async () => {
    const model = regularizedModel();
    assignRoles(model);
    await train(model, withWeightDecay(tf.train.sgd(RATE), { decay: 0.5 }));
    const [kernel] = model.getWeights() as [tf.Tensor];
    // The gradient is that of λ·w² at the weight before the decay.
    const expected = 1 - RATE * 0.5 - RATE * 2 * L2;
    expectClose(values(kernel), new Array(4).fill(expected), 1e-6);
  });

  test.each([
    ['has no regularizer', null, {}],
    ['has an L1 regularizer', regularizers.l1({ l1: 0.1 }), {}],
    ['does not decay', undefined, { decay: { matrix: 0 } }],
    ['is excluded', undefined, { exclude: 'matrix' as const }],
  ])('it says nothing of a kernel that %s', async (_, regularizer, options) => {
    const model = regularizedModel(regularizer);
    assignRoles(model);
    await train(model, withWeightDecay(adam(), options));
    expect(warnings).toEqual([]);
  });

  test('it cannot know of layers that assignRoles has not seen', async () => {
    await train(regularizedModel(), withWeightDecay(adam()));
    expect(warnings).toEqual([]);
  });
});
