import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { byRole } from '@tfjs-lrm/core';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { smallModel, weightsOf } from '../../../test/models.ts';
import { noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

const OPTIMIZERS: [string, () => tf.Optimizer][] = [
  ['adam', () => adam({ learningRate: 0.02 })],
  ['withWeightDecay', () => withWeightDecay(adam({ learningRate: 0.02 }))],
  ['cautious decay', () => withWeightDecay(tf.train.sgd(0.1), { cautious: true })],
  ['withSchedule', () => withSchedule(tf.train.momentum(0.05, 0.5), cosine({ steps: 100 }))],
  ['withClipping', () => withClipping(tf.train.adam(0.01), { globalNorm: 1, nonFinite: 'skip' })],
  [
    'a stack around byRole',
    () =>
      withSchedule(
        withClipping(
          withWeightDecay(
            byRole({ matrix: adam({ learningRate: 0.02 }), default: tf.train.sgd(0.1) }),
          ),
          { globalNorm: 1 },
        ),
        cosine({ steps: 100 }),
      ),
  ],
];

eachBackend(() => {
  test.each(OPTIMIZERS)(
    '%s trains by fit, trainOnBatch and minimize, and leaves its state alone',
    async (_, make) => {
      const model = smallModel();
      const optimizer = make();
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const next = random(9);
      const x = tf.tensor(noise(next, 30), [10, 3]);
      const y = tf.tensor(noise(next, 20), [10, 2]);
      const loss = (): number => {
        const value = model.evaluate(x, y, { verbose: 0 }) as tf.Scalar;
        const [number] = values(value);
        value.dispose();
        return number as number;
      };
      const calls = [
        () => model.fit(x, y, { epochs: 3, batchSize: 5, shuffle: false, verbose: 0 }),
        async () => {
          for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
        },
        () => {
          const error = (): tf.Scalar =>
            tf.mean(tf.square(tf.sub(model.apply(x) as tf.Tensor, y))) as tf.Scalar;
          for (let i = 0; i < 3; i++) optimizer.minimize(error);
        },
      ];
      let steps = 0;
      for (const call of calls) {
        const [before, weights] = [loss(), weightsOf(model)];
        await call();
        expect(loss()).toBeLessThan(before);
        expect(weightsOf(model)).not.toEqual(weights);
        expect(optimizer.iterations).toBeGreaterThan(steps);
        steps = optimizer.iterations;
        expect(await tensorsLeftBy(call)).toBe(0);
      }
      model.dispose();
      optimizer.dispose();
      tf.dispose([x, y]);
    },
  );
});
