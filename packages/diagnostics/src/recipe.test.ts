import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { byRole, setRates, setRole } from '@tfjs-lrm/core';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import {
  brownianBand,
  noiseBand,
  predictEquilibriumRms,
  recipeOf,
  simulateBrownian,
} from './index.ts';

const WALK = { steps: 5, start: 0.1 };
const RECIPE = {
  rule: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  learningRate: 1e-2,
} as const;

const kernel = (name: string): tf.Variable => tf.variable(tf.ones([8, 16]), true, name);

onCpu(() => {
  test('a recipe is found through byRole, schedules, decay and Muon’s fallback, for each variable', () => {
    const optimizer = withSchedule(
      byRole({
        matrix: withWeightDecay(muon({ learningRate: 0.02, momentum: 0.9 }), { decay: 0.5 }),
        default: withWeightDecay(adam({ learningRate: 3e-3, beta2: 0.95 }), {
          decay: { head: 0.01, vector: 0 },
          coupling: 'independent',
        }),
      }),
      linear({ steps: 10, from: 0.5, to: 0 }),
    );
    const [matrix, head, bias] = [
      kernel('a/kernel'),
      kernel('b/kernel'),
      tf.variable(tf.ones([4])),
    ];
    setRole(head, 'head');
    expect(recipeOf(optimizer, matrix)).toMatchObject({
      rule: { kind: 'orthogonal', momentum: 0.9, blocks: [{ inputs: 8, outputs: 16, count: 1 }] },
      learningRate: 0.02,
      factor: 0.5,
      decay: 0.5,
      coupling: 'learning-rate',
    });
    expect(recipeOf(optimizer, head)).toMatchObject({
      rule: { kind: 'adam', beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
      learningRate: 3e-3,
      factor: 0.5,
      decay: 0.01,
      coupling: 'independent',
    });
    expect(recipeOf(optimizer, bias)?.decay).toBe(0);
    expect(predictEquilibriumRms(recipeOf(optimizer, bias)!)).toBe(Number.POSITIVE_INFINITY);
    const rate = 3e-3 * 0.5;
    expect(predictEquilibriumRms(recipeOf(optimizer, head)!)).toBeCloseTo(
      rate / Math.sqrt(2 * 0.5 * 0.01),
      3,
    );
    const fallback = muon({ select: { name: 'a/kernel' }, fallback: adam({ learningRate: 0.07 }) });
    expect(recipeOf(fallback, head)?.learningRate).toBe(0.07);
  });

  test('factors of a variable are in its rate and its decay, those of a kernel in those of W', () => {
    const make = () => withWeightDecay(adam({ learningRate: 0.01 }), { decay: 0.5 });
    const [first, second] = [kernel('set/kernel'), kernel('unset/kernel')];
    setRates(first, { learningRate: 0.25, decay: 3 });
    const around = reparametrize(make());
    around.applyGradients([{ name: first.name, tensor: tf.onesLike(first) }]);
    for (const optimizer of [make(), around]) {
      expect(recipeOf(optimizer, first)).toMatchObject({ learningRate: 0.0025, decay: 1.5 });
      expect(recipeOf(optimizer, second)).toMatchObject({ learningRate: 0.01, decay: 0.5 });
    }
  });

  test('in reparametrize the recipe is that of W, and decay inside one another adds up', () => {
    const optimizer = reparametrize(
      withWeightDecay(withWeightDecay(adam(), { decay: 0.1 }), { decay: 0.2 }),
    );
    const variable = kernel('c/kernel');
    const before = recipeOf(optimizer, variable);
    optimizer.applyGradients({ [variable.name]: tf.ones([8, 16]) });
    expect(recipeOf(optimizer, variable)).toEqual(before);
    expect(before?.decay).toBeCloseTo(0.3);
  });

  test('of tfjs’ own optimizers, Adam has a recipe', () => {
    expect(recipeOf(tf.train.adam(0.01, 0.8, 0.99, 1e-6), kernel('d/kernel'))).toMatchObject({
      rule: { kind: 'adam', beta1: 0.8, beta2: 0.99, epsilon: 1e-6 },
      learningRate: 0.01,
      decay: 0,
    });
    expect(recipeOf(tf.train.momentum(0.01, 0.9), kernel('e/kernel'))).toBeNull();
  });

  test('couplings that do not add up, and cautious decay, are refused by name', () => {
    const twice = withWeightDecay(withWeightDecay(adam()), { coupling: 'independent' });
    expect(() => recipeOf(twice, kernel('f/kernel'))).toThrow(
      "all decay of a variable must have one coupling. Received 'independent' around 'learning-rate' for \"f/kernel\"",
    );
    const cautious = recipeOf(withWeightDecay(adam(), { cautious: true }), kernel('g/kernel'))!;
    expect(() => predictEquilibriumRms(cautious)).toThrow('must act on all coordinates');
  });

  test.each<[string, (wrong: never) => unknown, unknown, string]>([
    ['a string', predictEquilibriumRms, 'adam', 'predictEquilibriumRms: a recipe must have a rule'],
    ['an optimizer', predictEquilibriumRms, adam(), 'Received an object (Adam). Try recipeOf('],
    ['null', (wrong) => brownianBand([8], () => 1, wrong, WALK), null, 'brownianBand: a recipe'],
    ['nothing', (wrong) => simulateBrownian([8], () => 1, wrong, WALK), undefined, 'simulateBro'],
    [
      'a size',
      (wrong) => brownianBand(wrong, () => 1, RECIPE, WALK),
      64,
      'the shape must be an array',
    ],
    [
      'no steps',
      (wrong) => simulateBrownian([8], () => 1, RECIPE, wrong),
      undefined,
      'needs steps',
    ],
    [
      'a layer',
      (wrong) => recipeOf(adam(), wrong),
      {},
      'recipeOf: the second argument must be a tf.',
    ],
    [
      'a name',
      (wrong) => noiseBand(wrong),
      'kernel',
      'noiseBand: the variable must be one of a record.',
    ],
  ])('%s is refused where something else is expected', (_, attempt, wrong, message) => {
    expect(() => attempt(wrong as never)).toThrow(message);
  });

  test('a recipe costs no tensor', async () => {
    const variable = kernel('h/kernel');
    const optimizer = withWeightDecay(adam());
    expect(await tensorsLeftBy(() => void recipeOf(optimizer, variable))).toBe(0);
  });
});
