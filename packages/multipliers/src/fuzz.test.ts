/** Damaged layers: each is built or says what is wrong, and leaves no tensor. */
import * as tf from '@tensorflow/tfjs-core';
import {
  input,
  type LayersModel,
  layers,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { change, type Json, pick } from '../../../test/damage.ts';
import { random } from '../../../test/tensors.ts';
import { addMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

const start = { recurrentInitializer: 'glorotNormal' } as const;
const images = (): LayersModel =>
  sequential({
    layers: [
      layers.conv2d({ filters: 2, kernelSize: 2, inputShape: [5, 5, 1], name: 'conv' }),
      layers.batchNormalization({ name: 'norm' }),
      layers.separableConv2d({ filters: 2, kernelSize: 2, name: 'separable' }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'out' }),
    ],
  });
const sentences = (): LayersModel =>
  sequential({
    layers: [
      layers.embedding({ inputDim: 5, outputDim: 3, inputLength: 4, name: 'tokens' }),
      layers.bidirectional({
        layer: layers.lstm({ units: 2, returnSequences: true, ...start }),
        mergeMode: 'concat',
        name: 'both',
      }),
      layers.timeDistributed({ layer: layers.dense({ units: 2, name: 'each' }), name: 'every' }),
      layers.gru({ units: 2, name: 'gru', ...start }),
    ],
  });

test('of 200 damaged layers each is built or refused with a reason of ours, and leaves no tensor', () => {
  const wrapped = [images(), sentences()].flatMap((model) =>
    addMultipliers(model).layers.filter(({ name }) =>
      /^(conv|separable|tokens|both|gru)$/.test(name),
    ),
  );
  const before = tf.memory();
  let built = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const next = random(seed);
    const source = pick(next, wrapped);
    const cls = source.constructor as unknown as {
      fromConfig(cls: unknown, config: unknown): layers.Layer;
    };
    const config = JSON.parse(JSON.stringify(source.getConfig())) as Json;
    change(next, config);
    const shape = (source.input as SymbolicTensor).shape.slice(1) as number[];
    try {
      const layer = cls.fromConfig(cls, config);
      layer.apply(input({ shape }));
      layer.dispose();
      built += 1;
    } catch (error) {
      expect(String(error), `layer ${seed}`).toMatch(/Error: (withMultipliers|effective): .{20}/);
    }
    expect(tf.memory().numTensors, `layer ${seed}`).toBe(before.numTensors);
  }
  expect(built).toBeGreaterThan(20);
  expect(built).toBeLessThan(180);
});
