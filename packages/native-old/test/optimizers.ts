/** Optimizers and adapters of all kinds, and the models that they train in tests. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { byRole } from '@tfjs-lrm/core';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { chain, cosine, linear, warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import type { Task } from './training.ts';

const { dense } = layers.layers;

export const perceptron: Task = {
  layers: () => [
    dense({ units: 6, activation: 'tanh', inputShape: [4] }),
    dense({ units: 5, activation: 'relu' }),
    dense({ units: 3 }),
  ],
  input: [8, 4],
};
export const multiplied: Task = {
  layers: () => [
    withMultipliers(dense({ units: 6, activation: 'tanh', inputShape: [4] })),
    withMultipliers(dense({ units: 5, activation: 'tanh' }), { scalar: true }),
    withMultipliers(dense({ units: 3 }), { row: false }),
  ],
  input: [8, 4],
};

type Named = readonly (readonly [name: string, make: () => tf.Optimizer])[];

/** A schedule around clipping around decay around Muon. */
export const wholeStack = (): tf.Optimizer =>
  withSchedule(
    withClipping(withWeightDecay(muon({ learningRate: 0.02 })), { globalNorm: 0.5 }),
    chain([
      { steps: 20, schedule: linear({ steps: 20, from: 0.1, to: 1 }) },
      { steps: 80, schedule: cosine({ steps: 80 }) },
    ]),
  );

/** Each optimizer and adapter of this repository. */
export const OURS: Named = [
  ['adam', () => adam({ learningRate: 0.01 })],
  ['muon', () => muon({ learningRate: 0.01 })],
  [
    'muon with a fallback',
    () => muon({ learningRate: 0.01, fallback: withWeightDecay(adam({ learningRate: 0.02 })) }),
  ],
  ['by role', () => byRole({ matrix: muon(), multiplier: tf.train.sgd(0.1), default: adam() })],
  ['weight decay', () => withWeightDecay(adam({ learningRate: 0.01 }), { decay: 0.5 })],
  ['cautious decay', () => withWeightDecay(adam({ learningRate: 0.01 }), { cautious: true })],
  ['decay of tfjs adam', () => withWeightDecay(tf.train.adam(0.01))],
  [
    'clipping by the common norm',
    () => withClipping(adam({ learningRate: 0.01 }), { globalNorm: 0.1 }),
  ],
  [
    'every clipping',
    () =>
      withClipping(adam({ learningRate: 0.01 }), {
        ...{ globalNorm: 1, perVariableNorm: 0.5, value: 0.1, adaptive: 0.2 },
        ...{ excluded: 'own-norm', nonFinite: 'zero' },
      }),
  ],
  [
    'schedule',
    () =>
      withSchedule(
        adam({ learningRate: 0.05 }),
        warmupStableDecay({ warmup: 10, stable: 40, decay: 40 }),
      ),
  ],
  ['the whole stack', wholeStack],
];

/** Each of tfjs' own. */
export const OF_TFJS: Named = [
  // tfjs subtracts epsilon under the root, so a small gradient makes NaN of it; a negative one does not.
  ...TFJS_OPTIMIZERS.filter(([name]) => name !== 'centered rmsprop'),
  ['centered rmsprop', () => tf.train.rmsprop(0.01, 0.9, 0.5, -1e-2, true)],
];
