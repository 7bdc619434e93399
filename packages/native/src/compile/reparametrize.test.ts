import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, it } from 'vitest';
import { values } from '../../../../test/tensors.ts';
import {
  batchOf,
  makeModel,
  onTensorFlow,
  type Step,
  stepOf,
  type Task,
} from '../../test/training.ts';
import type { Addon } from './addon.ts';
import { type CompiledStep, compile } from './compile.ts';
import type { NodeBackend } from './internals.ts';

const task: Task = {
  layers: () => [
    layers.dense({ units: 6, activation: 'tanh', inputShape: [4] }),
    layers.dense({ units: 5, activation: 'tanh' }),
    layers.dense({ units: 3 }),
  ],
  input: [8, 4],
};
const STEPS = 100;

const around = (inner: tf.Optimizer): tf.Optimizer =>
  withSchedule(
    reparametrize(withClipping(withWeightDecay(inner, { decay: 0.5 }), { globalNorm: 0.5 })),
    linear({ steps: 2 * STEPS }),
  );

/** Weights after training in which a kernel is doubled from outside half-way. */
async function train(
  optimizer: tf.Optimizer,
  wrap: (step: Step) => Step & Partial<Pick<CompiledStep<never, never>, 'dispose'>>,
): Promise<{ weights: number[][]; adopted: number }> {
  const model = makeModel(task);
  assignRoles(model);
  const kernel = model.trainableWeights[0]?.read() as tf.Variable;
  const step = wrap(stepOf(model, optimizer));
  const factors = (): Promise<number> =>
    optimizer.getWeights().then((saved) => {
      const row = saved.find(({ name }) => /row$/.test(name))?.tensor as tf.Tensor;
      return Math.max(...values(row).map((factor) => Math.abs(factor - 1)));
    });
  let adopted = 0;
  for (let at = 0; at < STEPS; at++) {
    if (at === STEPS / 2) {
      expect(await factors()).toBeGreaterThan(0.01);
      tf.tidy(() => kernel.assign(tf.mul(kernel, 2)));
    }
    const [x, y] = batchOf(task, [8, 3], at);
    tf.dispose([x, y, step(x, y) as tf.Tensor]);
    if (at === STEPS / 2) adopted = await factors();
  }
  const weights = model.getWeights().map(values);
  step.dispose?.();
  optimizer.dispose();
  model.dispose();
  return { weights, adopted };
}

onTensorFlow(() => {
  it.each([
    ['adam', () => adam({ learningRate: 0.02 })],
    ['muon', () => muon({ learningRate: 0.02 })],
    ['tf.train.adam', () => tf.train.adam(0.02)],
  ])(
    'compiled steps of reparametrize around %s are those taken operation by operation, a kernel assigned from outside among them',
    async (name, make) => {
      const stack = name === 'tf.train.adam' ? () => reparametrize(make()) : () => around(make());
      const plain = await train(stack(), (step) => step);
      const compiled = await train(stack(), compile);
      // The doubled kernel became W, with factors that one step took from 1.
      expect(plain.adopted).toBeLessThan(0.03);
      expect(compiled.adopted).toBeLessThan(0.03);
      plain.weights.forEach((expected, i) => {
        const largest = Math.max(...expected.map(Math.abs));
        for (const [j, value] of (compiled.weights[i] as number[]).entries()) {
          expect(Math.abs(value - (expected[j] as number)) / largest).toBeLessThan(1e-5);
        }
      });
    },
  );

  it('a compiled step runs no operation beside the recorded one while nothing is assigned', () => {
    const model = makeModel(task);
    const optimizer = reparametrize(adam());
    const step = compile(stepOf(model, optimizer));
    const [x, y] = batchOf(task, [8, 3], 0);
    for (let at = 0; at < 4; at++) (step(x, y) as tf.Tensor).dispose();
    const { binding } = tf.backend() as NodeBackend;
    const ran: string[] = [];
    const { executeOp, callFunction } = binding;
    Object.assign(binding, {
      executeOp(...args: Parameters<Addon['executeOp']>) {
        ran.push(args[0]);
        return executeOp.apply(binding, args);
      },
      callFunction(...args: Parameters<Addon['callFunction']>) {
        ran.push(args[0]);
        return callFunction.apply(binding, args);
      },
    });
    (step(x, y) as tf.Tensor).dispose();
    Object.assign(binding, { executeOp, callFunction });
    expect(ran.filter((name) => !name.startsWith('tfjs_lrm_step'))).toEqual([]);
    expect(ran).toHaveLength(1);
    tf.dispose([x, y]);
    step.dispose();
    optimizer.dispose();
    model.dispose();
  });
});
