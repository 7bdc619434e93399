/** Micro-batches against whole batches, and against plain loops in float64. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { effectiveLearningRate } from '@tfjs-lrm/core';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import {
  loadArtifacts,
  savedArtifacts,
  smallModel,
  train,
  weightsOf,
} from '../../../test/models.ts';
import { Recorder, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { Reference } from '../../../test/reference.ts';
import { built, numbersOf, scene, variablesOf } from '../../../test/stacks.ts';
import {
  expectClose,
  hostReads,
  noise,
  random,
  step,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import { withAccumulation } from './index.ts';

type Gradients = (number[] | null)[];

/** What of each call reaches the optimizer inside; null where nothing does. */
function reaching(
  options: Parameters<typeof withAccumulation>[1],
  calls: readonly Gradients[],
  examples?: readonly number[],
): (Gradients | null)[] {
  const targets = calls[0]!.map(() => variable([0, 0], [2]));
  const recorder = new Recorder(0);
  const optimizer = withAccumulation(recorder, options);
  return calls.map((gradients, t) => {
    recorder.reached.clear();
    if (examples !== undefined) optimizer.examples = examples[t]!;
    step(
      optimizer,
      targets.map((target, i) => [target, gradients[i]!]),
    );
    if (recorder.reached.size === 0) return null;
    return targets.map((target) => recorder.reached.get(target) as number[] | null);
  });
}

const ROWS: readonly (readonly [string, () => tf.Optimizer])[] = [
  ['adam', () => adam({ learningRate: 0.05 })],
  ['muon', () => muon({ learningRate: 0.05 })],
  [
    'a stack',
    () => withClipping(withWeightDecay(muon({ learningRate: 0.05 })), { globalNorm: 0.5 }),
  ],
  ['reparametrize', () => reparametrize(adam({ learningRate: 0.05 }))],
  ...TFJS_OPTIMIZERS.filter(([name]) => !/centered/.test(name)),
];

eachBackend(() => {
  test.each(ROWS)('%s: four micro-batches are one batch', (_, make) => {
    const next = random(3);
    const start = noise(next, 12);
    const [whole, parts] = [variable(start, [3, 4], 'kernel'), variable(start, [3, 4], 'kernel')];
    const [plain, optimizer] = [make(), withAccumulation(make(), { steps: 4 })];
    for (let t = 0; t < 6; t++) {
      const micro = Array.from({ length: 4 }, () => noise(next, 12));
      step(plain, [
        [whole, micro[0]!.map((_x, i) => micro.reduce((sum, g) => sum + g[i]! / 4, 0))],
      ]);
      for (const gradient of micro) step(optimizer, [[parts, gradient]]);
      expectClose(values(parts), values(whole), 1e-6, Math.max(...values(whole).map(Math.abs)));
    }
  });

  test('100 random stacks inside follow the loops of whole batches', () => {
    const before = tf.memory().numTensors;
    fc.assert(
      fc.property(scene, fc.integer({ min: 1, max: 3 }), (given, steps) => {
        const { starts, gradients } = numbersOf(given);
        const targets = variablesOf(given, starts);
        const optimizer = withAccumulation(built(given.stack), { steps });
        const reference = new Reference(
          given.stack,
          given.variables.map((v, i) => ({ ...v, w: starts[i] as number[] })),
        );
        const largest = starts.map((w) => Math.max(...w.map(Math.abs)));
        const next = random(given.seed + 1);
        for (const here of gradients) {
          // Parts that add up to steps times the gradient.
          const parts = here.map((gradient) => {
            const shares = Array.from({ length: steps - 1 }, () => next());
            const last = steps - shares.reduce((sum, share) => sum + share, 0);
            return [...shares, last].map((share) => gradient?.map((g) => g * share) ?? null);
          });
          for (let at = 0; at < steps; at++) {
            step(
              optimizer,
              targets.map((target, i) => [target, parts[i]![at]!]),
            );
          }
          reference.step(here);
          targets.forEach((target, i) => {
            const { w } = reference.variables[i] as { w: number[] };
            largest[i] = Math.max(largest[i] as number, ...w.map(Math.abs));
            expectClose(values(target), w, 3e-5, 0.1 * (largest[i] as number));
          });
        }
        optimizer.dispose();
        tf.dispose(targets);
      }),
      { numRuns: 100, seed: 4 },
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  test('nothing waits for the device, and no tensor is left', async () => {
    const left = await tensorsLeftBy(() => {
      const target = variable([1, 2], [2]);
      const optimizer = withAccumulation(adam(), { steps: 2 });
      const reads = hostReads(() => {
        for (let t = 0; t < 5; t++) step(optimizer, [[target, [1, 1]]]);
        optimizer.flush();
      });
      expect(reads).toBe(0);
      optimizer.dispose();
      target.dispose();
    });
    expect(left).toBe(0);
  });
});

onCpu(() => {
  test('the mean goes on once in so many calls, the sum where asked for', () => {
    const calls = [[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]];
    expect(reaching({ steps: 2 }, calls)).toEqual([null, [[2, 3]], null, [[6, 7]]]);
    expect(reaching({ steps: 2, reduce: 'sum' }, calls)).toEqual([
      null,
      [[4, 6]],
      null,
      [[12, 14]],
    ]);
    expect(reaching({ steps: 1 }, calls)).toEqual(calls);
  });

  test('batches of different sizes count by their examples', () => {
    const calls = [[[1, 2]], [[5, 10]]];
    expect(reaching({ steps: 2 }, calls, [3, 1])[1]).toEqual([[2, 4]]);
    expect(reaching({ steps: 2, reduce: 'sum' }, calls, [3, 1])[1]).toEqual([[8, 16]]);
  });

  test('a micro-batch without a gradient counts as zeros; a step without one has none', () => {
    const calls = [
      [[1, 1], null],
      [
        [3, 3],
        [4, 4],
      ],
      [[1, 1], null],
      [[1, 1], null],
    ];
    expect(reaching({ steps: 2 }, calls)).toEqual([
      null,
      [
        [2, 2],
        [2, 2],
      ],
      null,
      [[1, 1], null],
    ]);
  });

  test('a weight that is frozen in between stays where it is', () => {
    const target = variable([1, 1], [2]);
    const optimizer = withAccumulation(adam({ learningRate: 0.1 }), { steps: 2 });
    for (let t = 0; t < 3; t++) step(optimizer, [[target, [1, 1]]]);
    const frozen = values(target);
    target.trainable = false;
    step(optimizer, [[target, null]]);
    expect(values(target)).toEqual(frozen);
  });

  test('schedules inside count steps, those around it micro-batches', () => {
    const [inside, around] = [variable([0], [1]), variable([0], [1])];
    const schedule = linear({ steps: 4, from: 1, to: 0 });
    const counted = withAccumulation(withSchedule(tf.train.sgd(1), schedule), { steps: 2 });
    const uncounted = withSchedule(withAccumulation(tf.train.sgd(1), { steps: 2 }), schedule);
    for (let t = 0; t < 4; t++) {
      step(counted, [[inside, [1]]]);
      step(uncounted, [[around, [1]]]);
    }
    expect(values(inside)[0]).toBeCloseTo(-(1 + 0.75), 6);
    expect(values(around)[0]).toBeCloseTo(-(0.75 + 0.25), 6);
    expect(effectiveLearningRate(counted)).toBeCloseTo(0.75, 6);
  });

  test('clipping inside cuts the mean, around it each micro-batch', () => {
    const [inside, around] = [variable([0], [1]), variable([0], [1])];
    const cut = (optimizer: tf.Optimizer) => withClipping(optimizer, { globalNorm: 1 });
    const [mean, each] = [
      withAccumulation(cut(tf.train.sgd(1)), { steps: 2 }),
      cut(withAccumulation(tf.train.sgd(1), { steps: 2 })),
    ];
    for (const gradient of [4, -1]) {
      step(mean, [[inside, [gradient]]]);
      step(each, [[around, [gradient]]]);
    }
    expect(values(inside)[0]).toBeCloseTo(-1, 5);
    expect(values(around)[0]).toBeCloseTo(0, 5);
  });

  test('flush makes a step of what is there, and the next sum begins anew', () => {
    const target = variable([0], [1]);
    const optimizer = withAccumulation(tf.train.sgd(1), { steps: 4 });
    optimizer.flush();
    for (const gradient of [1, 2, 6]) step(optimizer, [[target, [gradient]]]);
    optimizer.flush();
    optimizer.flush();
    expect(values(target)).toEqual([-3]);
    expect(optimizer.iterations).toBe(4);
    for (const gradient of [1, 1, 1, 1]) step(optimizer, [[target, [gradient]]]);
    expect(values(target)).toEqual([-4]);
  });

  test('an unfinished sum is saved and resumed bit for bit', async () => {
    const make = () =>
      withAccumulation(withClipping(adam({ learningRate: 0.05 }), { globalNorm: 1 }), { steps: 3 });
    const [whole, half] = [smallModel(), smallModel()];
    for (const model of [whole, half])
      model.compile({ optimizer: make(), loss: 'meanSquaredError' });
    await train(whole, 0, 10);
    await train(half, 0, 5);
    const loaded = await loadArtifacts(await savedArtifacts(half));
    await train(loaded, 5, 10);
    expect(weightsOf(loaded)).toEqual(weightsOf(whole));
  });

  test.each([
    [
      {},
      'withAccumulation: "steps" must say how many micro-batches make a step. Received an object',
    ],
    [undefined, 'withAccumulation: "steps" must say'],
    [
      { steps: 0 },
      'withAccumulation: "steps" must be a finite whole number >= 1. Received 0. Try 4.',
    ],
    [{ steps: 2, reduce: 'max' }, "withAccumulation: \"reduce\" must be one of 'mean', 'sum'"],
    [{ step: 2, steps: 2 }, 'Did you mean "steps"?'],
  ])('refuses %j', (options, message) => {
    expect(() => withAccumulation(tf.train.sgd(1), options as never)).toThrow(message);
  });

  test('refuses a number of examples that is none', () => {
    const optimizer = withAccumulation(tf.train.sgd(1), { steps: 2 });
    expect(() => {
      optimizer.examples = 0;
    }).toThrow(
      'withAccumulation: examples must be a finite number > 0. Received 0. Try x.shape[0].',
    );
  });
});
