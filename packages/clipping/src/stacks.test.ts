/** Random stacks of adapters, over random variables and gradients, against plain loops in float64. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { setRole } from '@tfjs-lrm/core';
import { withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import {
  type Adapter,
  type Leaf,
  Reference,
  type Role,
  type Stack,
} from '../../../test/reference.ts';
import { expectClose, noise, random, step, values, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

const STEPS = 6;
const NAMES: Record<Role, string> = {
  matrix: 'kernel',
  embedding: 'embeddings',
  head: 'kernel',
  multiplier: 'row_multiplier',
  vector: 'bias',
};
const ROLES = Object.keys(NAMES) as Role[];

function built(stack: Stack): tf.Optimizer {
  const { leaf } = stack;
  let optimizer: tf.Optimizer =
    leaf.kind === 'sgd'
      ? tf.train.sgd(leaf.rate)
      : leaf.kind === 'momentum'
        ? tf.train.momentum(leaf.rate, leaf.momentum, leaf.nesterov)
        : adam({
            learningRate: leaf.rate,
            beta1: leaf.beta1,
            beta2: leaf.beta2,
            epsilon: leaf.epsilon,
          });
  for (const adapter of stack.adapters.toReversed()) {
    if (adapter.kind === 'schedule') {
      const { factors } = adapter;
      optimizer = withSchedule(optimizer, (at) => factors[at % factors.length] as number);
    } else {
      const { kind, ...options } = adapter;
      optimizer =
        kind === 'clip'
          ? withClipping(optimizer, options as Parameters<typeof withClipping>[1])
          : withWeightDecay(optimizer, options as Parameters<typeof withWeightDecay>[1]);
    }
  }
  return optimizer;
}

const number = (min: number, max: number): fc.Arbitrary<number> =>
  fc.double({ min, max, noNaN: true });
const perhaps = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

// Rates, factors and gradients are large enough that no update drowns in the rounding of its weight.
const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.record({ kind: fc.constant('sgd' as const), rate: number(0.05, 0.3) }),
  fc.record({
    kind: fc.constant('momentum' as const),
    rate: number(0.05, 0.3),
    momentum: number(0, 0.95),
    nesterov: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('adam' as const),
    rate: number(0.02, 0.2),
    beta1: number(0, 0.95),
    beta2: number(0.5, 0.999),
    epsilon: fc.constantFrom(1e-8, 1e-3),
  }),
);

const decays = fc.record(
  Object.fromEntries(
    ROLES.map((role) => [role, fc.oneof(fc.constant(0), number(0.01, 0.5))]),
  ) as Record<Role, fc.Arbitrary<number>>,
);

const clip = fc
  .record({
    kind: fc.constant('clip' as const),
    globalNorm: perhaps(number(0.2, 3)),
    perVariableNorm: perhaps(number(0.2, 2)),
    value: perhaps(number(0.2, 1)),
    exclude: fc.subarray(ROLES),
    excluded: fc.constantFrom('untouched' as const, 'own-norm' as const, 'scaled' as const),
  })
  .filter(
    ({ globalNorm, perVariableNorm, value }) =>
      (globalNorm ?? perVariableNorm ?? value) !== undefined,
  );

const adapter: fc.Arbitrary<Adapter> = fc.oneof(
  clip,
  fc.record({
    kind: fc.constant('decay' as const),
    decay: decays,
    coupling: fc.constantFrom(
      'learning-rate' as const,
      'independent' as const,
      'learning-rate-squared' as const,
    ),
    cautious: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('schedule' as const),
    factors: fc.array(number(0.3, 1.2), { minLength: 1, maxLength: 4 }),
  }),
);

const scene = fc.record({
  stack: fc.record({ adapters: fc.array(adapter, { minLength: 1, maxLength: 5 }), leaf }),
  variables: fc.array(
    fc.record({
      role: fc.constantFrom(...ROLES),
      shape: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  // Which gradients are null, step by step.
  missing: fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }), {
    minLength: STEPS,
    maxLength: STEPS,
  }),
  seed: fc.nat(),
});

/** Numbers of a magnitude in [0.1, 1.1). */
const sizeable = (next: () => number, length: number): number[] =>
  noise(next, length).map((x) => Math.fround(x + Math.sign(x) * 0.1));

eachBackend(() => {
  test('60 random stacks follow the loops', () => {
    const seen = new Set<string>();
    const property = fc.property(scene, ({ stack, variables, missing, seed }) => {
      const next = random(seed);
      const starts = variables.map(({ role, shape }) => ({
        role,
        w: sizeable(next, tf.util.sizeFromShape(shape)),
      }));
      const targets = variables.map(({ role, shape }, i) => {
        const target = variable((starts[i] as { w: number[] }).w, shape, NAMES[role]);
        // A head, and a matrix of rank 1, are such because someone said so.
        setRole(target, role);
        return target;
      });
      const [optimizer, reference] = [built(stack), new Reference(stack, starts)];
      // The largest number that each variable has held: what rounding is relative to.
      const largest = starts.map(() => 0);
      for (const nulls of missing) {
        const gradients = targets.map(({ size }, i) =>
          nulls.includes(i) ? null : sizeable(next, size),
        );
        step(
          optimizer,
          targets.map((v, i) => [v, gradients[i] as number[] | null]),
        );
        reference.step(gradients);
        targets.forEach((target, i) => {
          const { w } = reference.variables[i] as { w: number[] };
          largest[i] = Math.max(largest[i] as number, ...w.map(Math.abs));
          expectClose(values(target), w, 1e-5, 0.1 * (largest[i] as number));
        });
      }
      for (const { kind } of stack.adapters) seen.add(kind);
      seen.add(stack.leaf.kind);
      optimizer.dispose();
      tf.dispose(targets);
    });
    const before = tf.memory().numTensors;
    fc.assert(property, { numRuns: 60, seed: 20 });
    expect(tf.memory().numTensors).toBe(before);
    expect([...seen].sort()).toEqual(['adam', 'clip', 'decay', 'momentum', 'schedule', 'sgd']);
  });
});
