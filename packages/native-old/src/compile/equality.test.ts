import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { describe, expect, it } from 'vitest';
import { multiplied, OF_TFJS, OURS, perceptron, wholeStack } from '../../test/optimizers.ts';
import { onTensorFlow, type Run, type Task, train } from '../../test/training.ts';
import { compile } from './compile.ts';

const { dense } = layers.layers;
const STEPS = 100;

const tasks: readonly (readonly [string, Task])[] = [
  [
    'batch norm',
    {
      layers: () => [
        // A bias before it has no gradient but rounding, which adam makes as large as any other.
        dense({ units: 6, inputShape: [4], useBias: false }),
        layers.layers.batchNormalization(),
        dense({ units: 2 }),
      ],
      input: [8, 4],
    },
  ],
  [
    'layer norm',
    {
      layers: () => [
        dense({ units: 6, inputShape: [4] }),
        layers.layers.layerNormalization(),
        layers.layers.prelu({}),
        dense({ units: 2 }),
      ],
      input: [8, 4],
    },
  ],
  [
    'LSTM',
    {
      layers: () => [layers.layers.lstm({ units: 4, inputShape: [3, 2] }), dense({ units: 2 })],
      input: [5, 3, 2],
    },
  ],
  [
    'GRU in both directions',
    {
      layers: () => [
        layers.layers.bidirectional({
          layer: layers.layers.gru({ units: 3 }) as never,
          inputShape: [3, 2],
        }),
        dense({ units: 2 }),
      ],
      input: [5, 3, 2],
    },
  ],
  [
    'convolution',
    {
      layers: () => [
        layers.layers.conv2d({
          filters: 3,
          kernelSize: 3,
          activation: 'relu',
          padding: 'same',
          inputShape: [6, 6, 2],
        }),
        layers.layers.maxPooling2d({}),
        layers.layers.flatten(),
        dense({ units: 2 }),
      ],
      input: [4, 6, 6, 2],
    },
  ],
  [
    'separable convolution',
    {
      layers: () => [
        layers.layers.separableConv2d({ filters: 3, kernelSize: 2, inputShape: [4, 4, 2] }),
        layers.layers.globalAveragePooling2d({} as never),
        dense({ units: 2 }),
      ],
      input: [4, 4, 4, 2],
    },
  ],
  [
    'convolution over time',
    {
      layers: () => [
        layers.layers.conv1d({ filters: 3, kernelSize: 2, inputShape: [5, 2] }),
        layers.layers.globalMaxPooling1d(),
        dense({ units: 2 }),
      ],
      input: [4, 5, 2],
    },
  ],
  [
    'embedding',
    {
      layers: () => [
        layers.layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 3 }),
        layers.layers.flatten(),
        dense({ units: 2, activation: 'softmax' }),
      ],
      input: [5, 3],
      classes: 7,
    },
  ],
  [
    'regularizers',
    {
      layers: () => [
        dense({
          units: 6,
          inputShape: [4],
          kernelRegularizer: layers.regularizers.l1l2({ l1: 0.01, l2: 0.1 }),
          biasRegularizer: 'l1l2',
        }),
        dense({ units: 2 }),
      ],
      input: [8, 4],
    },
  ],
  [
    'multipliers of LSTM',
    {
      layers: () => [
        withMultipliers(layers.layers.lstm({ units: 4, inputShape: [3, 2] })),
        dense({ units: 2 }),
      ],
      input: [5, 3, 2],
    },
  ],
  [
    'multipliers of a convolution',
    {
      layers: () => [
        withMultipliers(layers.layers.conv2d({ filters: 3, kernelSize: 3, inputShape: [5, 5, 2] })),
        layers.layers.flatten(),
        dense({ units: 2 }),
      ],
      input: [4, 5, 5, 2],
    },
  ],
];

function largestDifference(a: Run, b: Run): number {
  const flat = ({ losses, weights }: Run): number[] => [...losses, ...weights.flat()];
  const other = flat(b);
  return Math.max(...flat(a).map((value, i) => Math.abs(value - (other[i] as number))));
}

async function difference(task: Task, make: () => tf.Optimizer, xla = false): Promise<number> {
  const plain = await train(task, make(), (step) => step, { steps: STEPS });
  let traces = 0;
  const compiled = await train(
    task,
    make(),
    (step) => {
      const made = compile(step, { xla });
      const counted = (...batch: Parameters<typeof step>) => {
        const result = made(...batch);
        traces = made.traces;
        return result;
      };
      return Object.assign(counted, { dispose: made.dispose });
    },
    { steps: STEPS },
  );
  expect(traces).toBe(1);
  // A run that learns nothing would be equal too.
  expect(plain.losses.at(-1)).not.toBe(plain.losses[0]);
  return largestDifference(plain, compiled);
}

onTensorFlow(() => {
  describe.each([
    ['a perceptron', perceptron],
    ['a perceptron with multipliers', multiplied],
  ])('a hundred compiled steps of %s are those taken operation by operation', (_, task) => {
    it.each([...OURS, ...OF_TFJS])('with %s', async (_name, make) => {
      expect(await difference(task, make)).toBeLessThan(1e-5);
    });
  });

  describe('a hundred compiled steps of adam are those taken operation by operation', () => {
    it.each(tasks)('with %s', async (_name, task) => {
      expect(await difference(task, () => adam({ learningRate: 0.01 }))).toBeLessThan(1e-5);
    });
  });

  describe('a hundred steps compiled by XLA are those taken operation by operation', () => {
    it.each([
      ['adam', perceptron, () => adam({ learningRate: 0.01 })],
      ['the whole stack', multiplied, wholeStack],
      ['tf.train.adam', multiplied, () => tf.train.adam(0.01)],
      ['batch norm', (tasks[0] as (typeof tasks)[number])[1], () => adam({ learningRate: 0.01 })],
      ['embedding', tasks.find(([name]) => name === 'embedding')?.[1] as Task, () => adam()],
    ])('with %s', async (_name, task, make) => {
      expect(await difference(task, make, true)).toBeLessThan(1e-5);
    });
  });
});
