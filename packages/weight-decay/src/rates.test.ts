import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { byRole, setRole } from '@tfjs-lrm/core';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Passing, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { expectClose, step, values, variable } from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

const kernel = (value = 1): tf.Variable => variable([value], [1, 1], 'kernel');

/** The weight after each of some steps with a gradient of zero, which moves nothing but the decay. */
function decayed(optimizer: tf.Optimizer, steps: number, target = kernel()): number[] {
  return Array.from({ length: steps }, () => {
    step(optimizer, [[target, [0]]]);
    return values(target)[0] as number;
  });
}

/** The running product of (1 - share). */
const product = (shares: readonly number[]): number[] => {
  let w = 1;
  return shares.map((share) => {
    w *= 1 - share;
    return w;
  });
};

const HALVING = (at: number): number => 0.5 ** at;

eachBackend(() => {
  // tfjs' centered RMSProp takes the root of a negative number when the gradient is 0.
  const own = TFJS_OPTIMIZERS.filter(([name]) => name !== 'centered rmsprop');

  test.each([
    ["tfjs' own", (): tf.Optimizer[] => own.map(([, make]) => make())],
    ['ours', () => [adam({ learningRate: 0.05 }), new Passing(adam({ learningRate: 0.5 }))]],
  ] as const)('the rate is that of the inner optimizer: %s', (_, make) => {
    for (const inner of make()) {
      const rate = (inner as unknown as { learningRate: number }).learningRate;
      const shares = [rate * 0.5, rate * 0.5];
      expectClose(decayed(withWeightDecay(inner, { decay: 0.5 }), 2), product(shares), 1e-6);
    }
  });

  test('a schedule scales the decay, whether it is outside, inside, or both', () => {
    const decay = 0.5;
    const once = product([0, 1, 2].map((t) => 0.4 * 0.5 * 0.5 ** t));
    const twice = product([0, 1, 2].map((t) => 0.4 * 0.5 * 0.25 ** t));
    const sgd = (): tf.Optimizer => tf.train.sgd(0.4);
    expectClose(decayed(withSchedule(withWeightDecay(sgd(), { decay }), HALVING), 3), once, 1e-6);
    expectClose(decayed(withWeightDecay(withSchedule(sgd(), HALVING), { decay }), 3), once, 1e-6);
    const both = withSchedule(withWeightDecay(withSchedule(sgd(), HALVING), { decay }), HALVING);
    expectClose(decayed(both, 3), twice, 1e-6);
    const deep = withWeightDecay(new Passing(new Passing(withSchedule(sgd(), HALVING))), { decay });
    expectClose(decayed(deep, 3), once, 1e-6);
  });

  test('under byRole each variable decays with the rate of the optimizer that updates it', () => {
    const groups = byRole({
      matrix: tf.train.sgd(0.4),
      head: withSchedule(adam({ learningRate: 0.2 }), HALVING),
      default: tf.train.momentum(0.1, 0.9),
    });
    const optimizer = withSchedule(
      withWeightDecay(groups, { decay: { vector: 0.5, matrix: 0.5, head: 0.5 } }),
      HALVING,
    );
    const head = kernel();
    setRole(head, 'head');
    const list = [kernel(), head, variable([1], [1], 'bias')];
    for (let t = 0; t < 2; t++) {
      step(
        optimizer,
        list.map((v) => [v, [0]]),
      );
    }
    const after = (rate: number, factor: number): number =>
      (1 - rate * 0.5) * (1 - rate * 0.5 * factor);
    expectClose(list.flatMap(values), [after(0.4, 0.5), after(0.2, 0.25), after(0.1, 0.5)], 1e-6);
  });

  test('a rate set during training acts on the decay of the next step, as on the update', () => {
    const optimizer = withWeightDecay(tf.train.sgd(0.4), { decay: 0.5 });
    const target = kernel();
    decayed(optimizer, 1, target);
    optimizer.learningRate = 0.2;
    decayed(optimizer, 1, target);
    expectClose(values(target), [0.8 * 0.9], 1e-6);
  });

  test.each([
    ['learning-rate', (rate: number, factor: number, decay: number) => rate * factor * decay],
    ['independent', (_: number, factor: number, decay: number) => factor * decay],
    [
      'learning-rate-squared',
      (rate: number, factor: number, decay: number) => (rate * factor) ** 2 * decay,
    ],
  ] as const)('the coupling %s has its closed form', (coupling, share) => {
    for (const inner of [tf.train.sgd(0.4), adam({ learningRate: 0.4 })]) {
      const decay = { matrix: 0.3 };
      const optimizer = withSchedule(
        withWeightDecay(inner, { decay, coupling }),
        linear({ steps: 4 }),
      );
      const expected = product([1, 0.75, 0.5, 0.25, 0].map((factor) => share(0.4, factor, 0.3)));
      expectClose(decayed(optimizer, 5), expected, 1e-6);
    }
  });

  test('without a schedule, independent decay is not moved by the base rate', () => {
    const optimizer = withWeightDecay(tf.train.sgd(0.4), { decay: 0.25, coupling: 'independent' });
    const target = kernel();
    decayed(optimizer, 1, target);
    optimizer.learningRate = 4;
    decayed(optimizer, 1, target);
    expectClose(values(target), [0.75 * 0.75], 1e-6);
  });

  test('decay acts before the update and does not decay it', () => {
    const target = kernel(2);
    step(withWeightDecay(tf.train.sgd(0.5), { decay: 0.5 }), [[target, [1]]]);
    expectClose(values(target), [2 * (1 - 0.25) - 0.5], 1e-6);
  });

  test('a rate of 0 stops the decay, but not the independent one', () => {
    expect(decayed(withWeightDecay(tf.train.sgd(0)), 2)).toEqual([1, 1]);
    const independent = withWeightDecay(tf.train.sgd(0), { decay: 0.5, coupling: 'independent' });
    expect(decayed(independent, 2)).toEqual([0.5, 0.25]);
  });
});
