import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { whileRecording } from '@tfjs-lrm/core/kit';
import { describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Gated, weightOf } from '../test/layers.ts';
import { expectClose, numbers } from '../test/numbers.ts';
import { withMultipliers } from './index.ts';

const wrapped = (): LayersModel =>
  sequential({
    layers: [
      withMultipliers(layers.dense({ units: 5, name: 'a', inputShape: [3] })),
      withMultipliers(layers.dense({ units: 2, name: 'b' }), { row: false, scalar: true }),
    ],
  });
const plain = (): LayersModel =>
  sequential({ layers: [layers.dense({ units: 5, inputShape: [3] }), layers.dense({ units: 2 })] });

async function kernelsRun(model: LayersModel, x: tf.Tensor, isRecorded = false): Promise<string[]> {
  const predict = (): void => tf.dispose(model.predict(x));
  const profile = await tf.profile(() => {
    if (isRecorded) whileRecording(() => {}, predict);
    else predict();
    return [] as unknown as tf.TensorContainer;
  });
  return profile.kernels.map(({ name }) => name).sort();
}

const predicted = (model: LayersModel, x: tf.Tensor): number[] =>
  tf.tidy(() => [...(model.predict(x) as tf.Tensor).dataSync()]);

eachBackend(() => {
  test('predicting again runs no operation that the plain model does not run', async () => {
    const [model, reference, x] = [wrapped(), plain(), tf.ones([4, 3])];
    const [first, second] = [await kernelsRun(model, x), await kernelsRun(model, x)];
    expect(second).toEqual(await kernelsRun(reference, x));
    expect(first.length).toBeGreaterThan(second.length);
    expect(first).toContain('Multiply');
    expect(second).not.toContain('Multiply');
    tf.dispose(x);
    model.dispose();
    reference.dispose();
  });

  test('one more tensor for each kernel after the first prediction, and no other', () => {
    const [model, x] = [wrapped(), tf.ones([4, 3])];
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      tf.dispose(model.predict(x));
      expect(tf.memory().numTensors).toBe(before + 2);
    }
    tf.dispose(x);
    model.dispose();
  });

  test.each([
    'a/kernel',
    'a/kernel/row_multiplier',
    'a/kernel/column_multiplier',
    'b/kernel/scalar_multiplier',
  ])('assigning to %s is noticed', (name) => {
    const [model, x] = [wrapped(), tf.ones([4, 3])];
    const before = predicted(model, x);
    const tensors = tf.memory().numTensors;
    const weight = weightOf(model, name);
    tf.tidy(() => weight.assign(tf.mul(weight, 2)));
    const expected = before.map((value) => value * 2);
    tf.tidy(() => expectClose(tf.tensor(predicted(model, x)), expected));
    expect(tf.memory().numTensors).toBe(tensors);
    tf.dispose(x);
    model.dispose();
  });

  test('a gradient sees the factors after a prediction as before it', () => {
    const [model, x] = [wrapped(), tf.ones([4, 3])];
    const row = weightOf(model, 'a/kernel/row_multiplier');
    const gradient = (): number[] =>
      tf.tidy(() => {
        const { grads } = tf.variableGrads(
          () => tf.sum(model.apply(x) as tf.Tensor) as tf.Scalar,
          [row],
        );
        return [...(grads[row.name] as tf.Tensor).dataSync()];
      });
    const before = gradient();
    expect(before.some((value) => value !== 0)).toBe(true);
    predicted(model, x);
    const tensors = tf.memory().numTensors;
    expect(gradient()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
    tf.dispose(x);
    model.dispose();
  });

  describe('training and predicting by turns', () => {
    test('fit with validation leaves no tensor behind, and every prediction is of the newest weights', async () => {
      const model = wrapped();
      const sgd = tf.train.sgd(0.05);
      model.compile({ optimizer: sgd, loss: 'meanSquaredError' });
      const x = tf.tensor2d(numbers(1, 24, -1, 1), [8, 3]);
      const y = tf.tensor2d(numbers(2, 16, -1, 1), [8, 2]);
      const round = async (): Promise<number[]> => {
        const { history } = await model.fit(x, y, {
          epochs: 2,
          batchSize: 8,
          validationData: [x, y],
          verbose: 0,
        });
        const loss = tf.tidy(
          () => tf.losses.meanSquaredError(y, model.predict(x) as tf.Tensor).dataSync()[0],
        );
        expect((history['val_loss'] as number[]).at(-1)).toBeCloseTo(loss as number, 5);
        return history['val_loss'] as number[];
      };
      const first = await round();
      const tensors = tf.memory().numTensors;
      const last = await round();
      expect(tf.memory().numTensors).toBe(tensors);
      expect(last[1]).toBeLessThan(first[0] as number);
      tf.dispose([x, y]);
      model.dispose();
      sgd.dispose();
    });

    test('trainOnBatch leaves no tensor behind, and frees what it made useless', async () => {
      const model = wrapped();
      const sgd = tf.train.sgd(0.05);
      model.compile({ optimizer: sgd, loss: 'meanSquaredError' });
      const [x, y] = [tf.ones([8, 3]), tf.ones([8, 2])];
      await model.trainOnBatch(x, y);
      const tensors = tf.memory().numTensors;
      tf.dispose(model.predict(x));
      expect(tf.memory().numTensors).toBe(tensors + 2);
      await model.trainOnBatch(x, y);
      await model.trainOnBatch(x, y);
      expect(tf.memory().numTensors).toBe(tensors);
      tf.dispose([x, y]);
      model.dispose();
      sgd.dispose();
    });
  });

  test('nothing is remembered, and nothing remembered is used, while a step is being recorded', async () => {
    const [model, x] = [wrapped(), tf.ones([4, 3])];
    const recorded = (): Promise<string[]> => kernelsRun(model, x, true);
    const before = tf.memory().numTensors;
    const cold = await recorded();
    expect(cold).toContain('Multiply');
    expect(tf.memory().numTensors).toBe(before);
    predicted(model, x);
    expect(await recorded()).toEqual(cold);
    expect(await kernelsRun(model, x)).not.toContain('Multiply');
    tf.dispose(x);
    model.dispose();
  });

  test('a remembered kernel that someone else disposed of is made again', () => {
    // Its output is the kernel itself, which the model frees after use.
    class Table extends Gated {
      static override readonly className: string = 'TestTable';
      override call(): tf.Tensor {
        return this.kernel.read();
      }
    }
    const layer = withMultipliers(new Table({ units: 5, inputShape: [3], name: 't' }), {
      kernels: ['kernel'],
    });
    const model = sequential({ layers: [layer, layers.activation({ activation: 'relu' })] });
    const x = tf.ones([3, 3]);
    const first = predicted(model, x);
    expect(predicted(model, x)).toEqual(first);
    tf.dispose(x);
    model.dispose();
  });
});
