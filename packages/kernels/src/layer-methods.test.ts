import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

onCpu(() => {
  test('causal convolutions see no later step, and give as many steps as there were', () => {
    const layer = layers.conv1d({
      filters: 1,
      kernelSize: 3,
      dilationRate: 2,
      padding: 'causal',
      kernelInitializer: 'ones',
      inputShape: [6, 1],
    });
    expect(layer.computeOutputShape([null, 6, 1])).toEqual([null, 6, 1]);
    const y = layer.apply(tf.tensor3d([1, 2, 3, 4, 5, 6], [1, 6, 1])) as tf.Tensor;
    expect([...y.dataSync()]).toEqual([1, 2, 4, 6, 9, 12]);
  });

  test('the channels of a 1D convolution are first in its result where they were first', () => {
    const options = { filters: 3, kernelSize: 2, dataFormat: 'channelsFirst' as const };
    const layer = layers.conv1d(options);
    const y = layer.apply(tf.ones([1, 2, 5])) as tf.Tensor;
    expect(y.shape).toEqual([1, 3, 4]);
    expect(layer.computeOutputShape([1, 2, 5])).toEqual([1, 3, 4]);
  });

  test.each(['channelsLast', 'channelsFirst'] as const)(
    'depthwise convolutions are dilated, %s',
    (dataFormat) => {
      const options = { kernelSize: 2, dilationRate: 2, depthwiseInitializer: 'ones' as const };
      const layer = layers.depthwiseConv2d({ ...options, dataFormat });
      const shape = dataFormat === 'channelsLast' ? [1, 5, 5, 1] : [1, 1, 5, 5];
      const y = layer.apply(tf.reshape(tf.range(0, 25), shape)) as tf.Tensor;
      expect(layer.computeOutputShape(shape)).toEqual(y.shape);
      expect(y.size).toBe(9);
      expect(y.dataSync()[0]).toBe(0 + 2 + 10 + 12);
    },
  );

  test('a softmax sums to 1 along its axis', () => {
    const layer = layers.softmax({ axis: 1 });
    const y = layer.apply(tf.randomNormal([2, 3, 4])) as tf.Tensor;
    for (const sum of tf.sum(y, 1).dataSync()) expect(sum).toBeCloseTo(1, 5);
  });

  test('batch normalization trains without scale and center', async () => {
    const model = sequential({
      layers: [
        layers.batchNormalization({ scale: false, center: false, inputShape: [3] }),
        layers.dense({ units: 1 }),
      ],
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const { history } = await model.fit(tf.randomNormal([8, 3]), tf.ones([8, 1]), {
      epochs: 5,
      verbose: 0,
    });
    expect(history['loss']!.at(-1)).toBeLessThan(history['loss']![0] as number);
    expect(model.weights).toHaveLength(4);
  });

  test('a frozen batch normalization keeps its statistics, and normalizes by them in training', () => {
    const layer = layers.batchNormalization({ inputShape: [2] });
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    layer.apply(x);
    const statistics = () => layer.getWeights().map((weight) => [...weight.dataSync()]);
    const before = statistics();
    layer.trainable = false;
    const frozen = layer.apply(x, { training: true }) as tf.Tensor;
    const predicted = layer.apply(x, { training: false }) as tf.Tensor;
    expect(frozen.dataSync()).toEqual(predicted.dataSync());
    expect(statistics()).toEqual(before);
    layer.trainable = true;
    layer.apply(x, { training: true });
    expect(statistics()).not.toEqual(before);
  });

  test('stock tfjs comes back', () => {
    const layer = layers.conv1d({ filters: 1, kernelSize: 2, padding: 'causal' });
    expect(() => layer.apply(tf.ones([1, 3, 1]))).not.toThrow();
    disableTraining();
    expect(() => layer.apply(tf.ones([1, 3, 1]))).toThrow(/CAUSAL/);
    enableTraining();
    enableTraining();
    expect(() => layer.apply(tf.ones([1, 3, 1]))).not.toThrow();
    disableTraining();
    expect(() => layer.apply(tf.ones([1, 3, 1]))).toThrow(/CAUSAL/);
  });
});

onCpu(() => {
  test('a dilated convolution trains, which stock tfjs refuses', () => {
    const train = (): tf.Tensor =>
      tf.tidy(() => {
        const layer = layers.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2 });
        const x = tf.randomNormal([1, 5, 5, 1]);
        return tf.grad((t) => tf.sum(layer.apply(t) as tf.Tensor))(x);
      });
    expect(train().shape).toEqual([1, 5, 5, 1]);
    disableTraining();
    expect(train).toThrow(/dilation rates greater than 1/);
  });
});
