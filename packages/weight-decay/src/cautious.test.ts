/** Cautious decay against a plain loop in float64. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import {
  expectClose,
  noise,
  random,
  step,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

const RATE = 0.1;
const DECAY = 0.5;

/** The update that plain descent, or descent with momentum, would make of a gradient. */
function updater(momentum: number, size: number): (gradient: number[]) => number[] {
  const m = new Array<number>(size).fill(0);
  return (gradient) =>
    gradient.map((g, i) => {
      m[i] = momentum * m[i]! + g;
      return -RATE * m[i]!;
    });
}

eachBackend(() => {
  test.each([0, 0.9])(
    'with momentum %s it decays where the update shrinks the weight',
    (momentum) => {
      const next = random(11);
      const start = noise(next, 12);
      const target = variable(start, [3, 4], 'kernel');
      const optimizer = withWeightDecay(tf.train.momentum(RATE, momentum), {
        decay: DECAY,
        cautious: true,
      });
      const w = [...start];
      const update = updater(momentum, w.length);
      let decayed = 0;
      for (let t = 0; t < 20; t++) {
        const gradient = noise(next, w.length);
        step(optimizer, [[target, gradient]]);
        update(gradient).forEach((delta, i) => {
          const shrinks = delta * w[i]! < 0;
          if (shrinks) decayed += 1;
          w[i] = w[i]! + delta - (shrinks ? RATE * DECAY * w[i]! : 0);
        });
        expectClose(values(target), w, 1e-5);
      }
      // Both cases occurred.
      expect(decayed).toBeGreaterThan(40);
      expect(decayed).toBeLessThan(200);
    },
  );

  test('the direction is that of the whole update, not that of the gradient', () => {
    const target = variable([1], [1, 1], 'kernel');
    const optimizer = withWeightDecay(tf.train.momentum(RATE, 0.9), {
      decay: DECAY,
      cautious: true,
    });
    step(optimizer, [[target, [1]]]);
    const before = values(target)[0] as number;
    // The gradient now pushes the weight up, the momentum still carries it down.
    step(optimizer, [[target, [-0.5]]]);
    expectClose(values(target), [before - RATE * 0.4 - RATE * DECAY * before], 1e-5);
  });

  test('a coordinate that the update does not move does not decay, and neither does 0', () => {
    const target = variable([1, 0, -1], [3, 1], 'kernel');
    step(withWeightDecay(tf.train.sgd(RATE), { decay: DECAY, cautious: true }), [
      [target, [0, 1, 0]],
    ]);
    expectClose(values(target), [1, -RATE, -1], 1e-6);
  });

  test('variables without decay, and excluded ones, are updated as by the inner optimizer alone', () => {
    const make = (): tf.Variable[] => [
      variable([1, 2], [2], 'bias'),
      variable([1, 2], [2, 1], 'kernel'),
      variable([1, 2], [2], 'row_multiplier'),
    ];
    const [bare, cautious] = [make(), make()];
    const optimizer = withWeightDecay(adam({ learningRate: RATE }), {
      cautious: true,
      decay: { multiplier: 0 },
      exclude: 'matrix',
    });
    const plain = adam({ learningRate: RATE });
    for (let t = 0; t < 3; t++) {
      step(
        plain,
        bare.map((v) => [v, [1, 1]]),
      );
      step(
        optimizer,
        cautious.map((v) => [v, [1, 1]]),
      );
    }
    expect(cautious.map(values)).toEqual(bare.map(values));
  });

  test('the copies that it needs live no longer than the step', async () => {
    const target = variable([1, 2], [2, 1], 'kernel');
    const optimizer = withWeightDecay(tf.train.sgd(RATE), { cautious: true });
    step(optimizer, [[target, [1, 1]]]);
    expect(await tensorsLeftBy(() => step(optimizer, [[target, [1, 1]]]))).toBe(0);
  });
});
