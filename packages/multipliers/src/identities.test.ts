/**
 * Scaling s, all of r, all of c or W by a common factor changes W_eff in the same way, so on any network
 *
 *   s·∂L/∂s = Σ r·∂L/∂r = Σ c·∂L/∂c = ⟨W, ∂L/∂W⟩
 */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { enableTraining } from '@tfjs-lrm/kernels';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, normal, random } from '../../../test/tensors.ts';
import { sizeOf } from '../test/numbers.ts';
import { withMultipliers } from './index.ts';

const activation = fc.constantFrom(
  'linear' as const,
  'tanh' as const,
  'sigmoid' as const,
  'elu' as const,
);
const size = fc.integer({ min: 1, max: 5 });

interface Network {
  readonly inputShape: number[];
  readonly layers: (() => layers.Layer)[];
  /** Where layers without kernels come in between. */
  readonly between: (() => layers.Layer)[];
}

const dense = fc
  .record({ units: size, activation, useBias: fc.boolean() })
  .map((config) => () => layers.dense(config));
const image = fc.oneof(
  fc
    .record({
      filters: size,
      kernelSize: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 })),
      strides: fc.integer({ min: 1, max: 2 }),
      activation,
    })
    .map((config) => () => layers.conv2d({ ...config, padding: 'same' })),
  fc
    .record({ filters: size, kernelSize: fc.integer({ min: 1, max: 2 }), activation })
    .map((config) => () => layers.conv2dTranspose({ ...config, padding: 'same' })),
);
const sequence = fc
  .record({ units: size, activation: fc.constantFrom('tanh' as const, 'sigmoid' as const) })
  .chain((config) =>
    fc.constantFrom(
      () => layers.simpleRNN({ ...config, recurrentInitializer: 'zeros', returnSequences: true }),
      () =>
        layers.lstm({
          ...config,
          recurrentActivation: 'sigmoid',
          recurrentInitializer: 'zeros',
          returnSequences: true,
        }),
      () => layers.dense(config),
    ),
  );
const few = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 3 });

const network: fc.Arbitrary<Network> = fc.oneof(
  fc.record({
    inputShape: fc.tuple(size),
    layers: few(dense),
    between: fc.constant<Network['between']>([]),
  }),
  fc.record({
    inputShape: fc.tuple(size, size, size),
    layers: fc.tuple(few(image), few(dense)).map((parts) => parts.flat()),
    between: fc.constant<Network['between']>([() => layers.layerNormalization({})]),
  }),
  fc.record({
    inputShape: fc.tuple(fc.integer({ min: 2, max: 3 }), size),
    layers: few(sequence),
    between: fc.constant<Network['between']>([]),
  }),
);

function build({ inputShape, layers: made, between }: Network): LayersModel {
  return sequential({
    layers: [
      layers.inputLayer({ inputShape }),
      ...made.map((make) => withMultipliers(make(), { scalar: true })),
      ...between.map((make) => make()),
    ],
  });
}

eachBackend(() => {
  beforeAll(() => enableTraining());

  test('hold for every kernel of 60 random networks', () => {
    let kernels = 0;
    const held = tf.memory().numTensors;
    fc.assert(
      fc.property(network, fc.nat(), (given, seed) => {
        const model = build(given);
        const next = random(seed);
        tf.tidy(() => {
          for (const weight of model.weights) {
            const { shape, size: length } = weight.read();
            // Factors in [0.5, 2), everything else normal.
            const data = weight.originalName.endsWith('_multiplier')
              ? noise(next, length).map((x) => 2 ** x)
              : normal(next, length);
            (weight.read() as tf.Variable).assign(tf.tensor(data, shape));
          }
          const x = tf.tensor(normal(next, 2 * sizeOf(given.inputShape)), [2, ...given.inputShape]);
          const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
          const { grads } = tf.variableGrads(() => {
            const output = model.apply(x) as tf.Tensor;
            const weights = tf.tensor(normal(random(seed + 1), output.size), output.shape);
            return tf.sum(tf.mul(output, weights)) as tf.Scalar;
          }, variables);
          const of = new Map(
            model.weights.map(({ originalName }, at) => {
              const weight = model.weights[at]?.read() as tf.Variable;
              const terms = [...tf.mul(weight, grads[weight.name] as tf.Tensor).dataSync()];
              return [originalName, terms];
            }),
          );
          for (const [name, terms] of of) {
            const parts = ['row', 'column', 'scalar'].map((factor) =>
              of.get(`${name}/${factor}_multiplier`),
            );
            if (parts[0] === undefined) continue;
            kernels += 1;
            const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
            // What rounding is relative to: the terms may cancel.
            const scale = sum(terms.map(Math.abs)) + 1e-6;
            for (const part of parts) {
              expect(Math.abs(sum(part as number[]) - sum(terms)) / scale).toBeLessThan(1e-5);
            }
          }
        });
        model.dispose();
      }),
      { numRuns: 60 },
    );
    expect(kernels).toBeGreaterThan(120);
    expect(tf.memory().numTensors).toBe(held);
  });
});
