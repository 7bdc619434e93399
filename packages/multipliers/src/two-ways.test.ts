/** Way (a), factors in the model, and way (b), factors in the optimizer, are one training (sec. 2). */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { nodeOf } from '@tfjs-lrm/core/kit';
import { enableTraining } from '@tfjs-lrm/kernels';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Probe } from '../../../test/optimizers.ts';
import { CASES, copyCommon, modelOf, scrambleWeights } from '../test/layers.ts';
import { distance, numbers, sizeOf } from '../test/numbers.ts';
import { addMultipliers, foldMultipliers, reparametrize, withMultipliers } from './index.ts';

const STEPS = 50;
const RATE = { learningRate: 0.01 };

const LEAVES: [string, () => tf.Optimizer][] = [
  ['adam', () => adam(RATE)],
  [
    'muon',
    () =>
      muon({
        ...RATE,
        view: ({ name }) => (/^transposed/.test(name) ? { in: [0, 1, 3], out: [2] } : null),
      }),
  ],
  ['tf.train.adam', () => tf.train.adam(0.01)],
];

interface Task {
  readonly build: () => LayersModel;
  readonly input: number[];
}

const MODELS: [string, Task][] = [
  [
    'dense layers',
    {
      build: () =>
        sequential({
          layers: [
            layers.dense({ name: 'one', units: 8, activation: 'tanh', inputShape: [5] }),
            layers.dense({ name: 'two', units: 6, activation: 'tanh', useBias: false }),
            layers.dense({ name: 'out', units: 2 }),
          ],
        }),
      input: [12, 5],
    },
  ],
  [
    'convolutions',
    {
      build: () =>
        sequential({
          layers: [
            layers.conv2d({
              name: 'one',
              filters: 4,
              kernelSize: [2, 3],
              activation: 'tanh',
              inputShape: [5, 6, 2],
            }),
            layers.depthwiseConv2d({ name: 'deep', kernelSize: 2, depthMultiplier: 2 }),
            layers.conv2dTranspose({ name: 'transposed', filters: 3, kernelSize: 2, strides: 2 }),
            layers.globalAveragePooling2d({ name: 'pool' }),
            layers.dense({ name: 'out', units: 2 }),
          ],
        }),
      input: [6, 5, 6, 2],
    },
  ],
];

const FACTORS = [{ row: true, column: true }, { scalar: true }, { row: false }] as const;
// Adam's first updates are signs of gradients: random weights keep these away from 0.
const scrambled = (model: LayersModel): LayersModel => {
  scrambleWeights(model, -0.6, 0.6);
  return model;
};
const HIDDEN = ['one', 'two', 'transposed'];

async function train(model: LayersModel, optimizer: tf.Optimizer, { input }: Task): Promise<void> {
  assignRoles(model);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  for (let at = 0; at < STEPS; at++) {
    const [batch, size] = [input[0] as number, sizeOf(input)];
    const x = tf.tensor(numbers(2 * at, size, -1, 1), input);
    const y = tf.tensor(numbers(2 * at + 1, 2 * batch, -2, 2), [batch, 2]);
    await model.trainOnBatch(x, y);
    tf.dispose([x, y]);
  }
}

const weightsOf = (model: LayersModel): Map<string, number[]> =>
  new Map(model.weights.map((weight) => [weight.originalName, [...weight.read().dataSync()]]));

eachBackend(() => {
  beforeAll(() => enableTraining());

  test.each(
    CASES.filter(({ trains }) => trains ?? true).map((given) => [given.title, given] as const),
  )('%s trains the same in both ways, its axes found by name or as the layer says', (_, given) => {
    const [plain, wrapped] = [
      modelOf(given.layer()),
      modelOf(withMultipliers(given.layer(), { scalar: true, ...given.options })),
    ];
    scrambleWeights(plain, -(given.largest ?? 1), given.largest ?? 1);
    copyCommon(plain, wrapped);
    // An optimizer sees variables alone: what a layer says of them reaches it through `assignRoles`.
    if (plain.layers.some((layer) => 'kernelPlaces' in layer)) assignRoles(plain);
    const [input, start] = [given.input(), weightsOf(plain)];
    const kernels = given.kernels.map((name) => `wrapped/${name}`);
    const optimizer = reparametrize(new Probe(0.02), {
      select: ({ name }) => kernels.includes(name.replace(/_\d+$/, '')),
      scalar: true,
    });
    for (const [model, by] of [
      [wrapped, new Probe(0.02)],
      [plain, optimizer],
    ] as const) {
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      for (let at = 0; at < 3; at++) {
        by.minimize(
          () => {
            const output = model.apply(input) as tf.Tensor;
            const by = tf.tensor(numbers(at, output.size, -1, 1), output.shape);
            return tf.sum(tf.mul(output, by)) as tf.Scalar;
          },
          false,
          variables,
        );
      }
    }
    const expected = weightsOf(foldMultipliers(wrapped));
    for (const [name, values] of weightsOf(plain)) {
      expect(distance(values, expected.get(name) ?? [])).toBeLessThan(1e-5);
      if (kernels.includes(name))
        expect(distance(values, start.get(name) ?? [])).toBeGreaterThan(5e-4);
    }
    expect(nodeOf(optimizer).store.owners().length).toBe(kernels.length);
    input.dispose();
  });

  describe.each(MODELS)('%s', (_, task) => {
    describe.each(FACTORS)('with %j', (factors) => {
      test.each(LEAVES)(
        'under decay, clipping and a schedule %s takes the same way in both, to 1e-5',
        async (_, leaf) => {
          const around = (inner: tf.Optimizer): tf.Optimizer =>
            withClipping(withWeightDecay(inner, { decay: { matrix: 2, multiplier: 1 } }), {
              globalNorm: 0.5,
            });
          const placement = (layer: layers.Layer) => (HIDDEN.includes(layer.name) ? factors : null);
          const a = addMultipliers(scrambled(task.build()), { placement });
          await train(a, withSchedule(around(leaf()), cosine({ steps: 80 })), task);
          const b = scrambled(task.build());
          const start = weightsOf(b);
          const optimizer = reparametrize(around(leaf()), factors);
          await train(b, withSchedule(optimizer, cosine({ steps: 80 })), task);

          const [inModel, folded, plain] = [a, foldMultipliers(a), b].map(weightsOf) as [
            Map<string, number[]>,
            Map<string, number[]>,
            Map<string, number[]>,
          ];
          for (const [name, values] of plain) {
            expect(distance(values, folded.get(name) ?? [])).toBeLessThan(1e-5);
            expect(distance(values, start.get(name) ?? [])).toBeGreaterThan(0.05);
          }
          for (const weight of b.weights) {
            for (const [part, variable] of optimizer.slots(weight.read() as tf.Variable)) {
              const name = `${weight.originalName}${part === 'matrix' ? '' : `/${part}_multiplier`}`;
              const values = [...variable.dataSync()];
              expect(distance(values, inModel.get(name) ?? [])).toBeLessThan(1e-5);
              if (part !== 'matrix')
                expect(values.every((value) => Math.abs(value - 1) > 0.01)).toBe(true);
            }
          }
        },
      );
    });
  });
});
