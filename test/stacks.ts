/** Random stacks of adapters and groups around optimizers, over random variables and gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { byRole, setRates, setRole } from '@tfjs-lrm/core';
import { chain, linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import fc from 'fast-check';
import type { Adapter, Groups, Leaf, Rates, Role, Stack } from './reference.ts';
import { noise, random, variable } from './tensors.ts';

export const STEPS = 6;
const NAMES: Record<Role, string> = {
  matrix: 'kernel',
  embedding: 'embeddings',
  head: 'kernel',
  multiplier: 'row_multiplier',
  vector: 'bias',
};
const ROLES = Object.keys(NAMES) as Role[];

function optimizer(leaf: Leaf): tf.Optimizer {
  switch (leaf.kind) {
    case 'sgd':
      return tf.train.sgd(leaf.rate);
    case 'momentum':
      return tf.train.momentum(leaf.rate, leaf.momentum, leaf.nesterov);
    case 'rmsprop':
      return tf.train.rmsprop(leaf.rate, leaf.decay, leaf.momentum, leaf.epsilon, leaf.centered);
    case 'tfjs adam':
      return tf.train.adam(leaf.rate, leaf.beta1, leaf.beta2, leaf.epsilon);
    case 'adam': {
      const { rate, beta1, beta2, epsilon } = leaf;
      return adam({ learningRate: rate, beta1, beta2, epsilon });
    }
  }
}

function inside(inner: Leaf | Groups): tf.Optimizer {
  if (inner.kind !== 'by role') return optimizer(inner);
  const groups = Object.entries(inner.groups).map(([role, stack]) => [role, stack && built(stack)]);
  return byRole({ ...Object.fromEntries(groups), default: built(inner.rest) });
}

/** The stack made of the packages. */
export function built({ adapters, inner }: Stack): tf.Optimizer {
  return adapters.reduceRight((around: tf.Optimizer, adapter): tf.Optimizer => {
    if (adapter.kind === 'schedule') {
      // Constant pieces, one a step: what can be saved of a list of factors.
      const pieces = adapter.factors.map((factor) => ({
        steps: 1,
        schedule: linear({ steps: 1, from: factor, to: factor }),
      }));
      return withSchedule(around, chain(pieces));
    }
    if (adapter.kind === 'clip') {
      const { kind: _, ...options } = adapter;
      return withClipping(around, options);
    }
    const { kind: _, ...options } = adapter;
    return withWeightDecay(around, options);
  }, inside(inner));
}

const number = (min: number, max: number): fc.Arbitrary<number> =>
  fc.double({ min, max, noNaN: true });
const perhaps = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const optional = <T>(of: (role: Role) => fc.Arbitrary<T>) =>
  fc.record(
    Object.fromEntries(ROLES.map((role) => [role, of(role)])) as Record<Role, fc.Arbitrary<T>>,
    { requiredKeys: [] },
  );

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
    kind: fc.constant('rmsprop' as const),
    rate: number(0.02, 0.1),
    decay: number(0.7, 0.95),
    momentum: number(0, 0.9),
    epsilon: fc.constant(1e-10),
    centered: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('adam' as const, 'tfjs adam' as const),
    rate: number(0.02, 0.2),
    beta1: number(0, 0.95),
    // Nearer to 1 tfjs' own loses digits in its 1 − β2^t.
    beta2: number(0.5, 0.99),
    epsilon: fc.constantFrom(1e-8, 1e-3),
  }),
);

const decay: fc.Arbitrary<Adapter> = fc.record({
  kind: fc.constant('decay' as const),
  decay: fc.oneof(
    fc.constant(undefined),
    number(0.01, 0.5),
    optional(() => fc.oneof(fc.constant(0), number(0.01, 0.5))),
  ),
  coupling: perhaps(
    fc.constantFrom(
      'learning-rate' as const,
      'independent' as const,
      'learning-rate-squared' as const,
    ),
  ),
  cautious: fc.boolean(),
  exclude: perhaps(fc.subarray(ROLES)),
});

const clip: fc.Arbitrary<Adapter> = fc
  .record({
    kind: fc.constant('clip' as const),
    globalNorm: perhaps(number(0.2, 3)),
    perVariableNorm: perhaps(number(0.2, 2)),
    value: perhaps(number(0.2, 1)),
    adaptive: perhaps(number(0.1, 2)),
    exclude: perhaps(fc.subarray(ROLES)),
    excluded: perhaps(
      fc.constantFrom('untouched' as const, 'own-norm' as const, 'scaled' as const),
    ),
  })
  .filter(
    ({ globalNorm, perVariableNorm, value, adaptive }) =>
      (globalNorm ?? perVariableNorm ?? value ?? adaptive) !== undefined,
  );

const schedule: fc.Arbitrary<Adapter> = fc.record({
  kind: fc.constant('schedule' as const),
  factors: fc.array(number(0.3, 1.2), { minLength: 1, maxLength: STEPS }),
});

const adapters = (minLength: number, maxLength: number): fc.Arbitrary<Adapter[]> =>
  fc.array(fc.oneof(decay, clip, schedule), { minLength, maxLength });
const group: fc.Arbitrary<Stack> = fc.record({ adapters: adapters(0, 2), inner: leaf });
const groups: fc.Arbitrary<Groups> = fc.record({
  kind: fc.constant('by role' as const),
  groups: optional(() => group),
  rest: group,
});

export interface Scene {
  readonly stack: Stack;
  readonly variables: readonly { role: Role; shape: number[]; rates?: Rates | undefined }[];
  /** Which gradients are null, step by step. */
  readonly missing: readonly (readonly number[])[];
  readonly seed: number;
}

export const scene: fc.Arbitrary<Scene> = fc.record({
  stack: fc.oneof(
    fc.record({ adapters: adapters(1, 5), inner: leaf }),
    fc.record({ adapters: adapters(0, 4), inner: groups }),
  ),
  variables: fc.array(
    fc.record({
      role: fc.constantFrom(...ROLES),
      shape: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
      rates: perhaps(
        fc.record({
          learningRate: fc.constantFrom(0, 0.25, 0.5, 1, 2),
          decay: fc.constantFrom(0, 0.5, 1, 2),
        }),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  missing: fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }), {
    minLength: STEPS,
    maxLength: STEPS,
  }),
  seed: fc.nat(),
});

/** Numbers of a magnitude in [0.1, 1.1). */
const sizeable = (next: () => number, shape: number[]): number[] =>
  noise(next, tf.util.sizeFromShape(shape)).map((x) => Math.fround(x + Math.sign(x) * 0.1));

/** The starts of a scene's variables, and its gradients step by step. */
export function numbersOf({ variables, missing, seed }: Scene): {
  starts: number[][];
  gradients: (number[] | null)[][];
} {
  const next = random(seed);
  const starts = variables.map(({ shape }) => sizeable(next, shape));
  const gradients = missing.map((nulls) =>
    variables.map(({ shape }, i) => (nulls.includes(i) ? null : sizeable(next, shape))),
  );
  return { starts, gradients };
}

/** The variables of a scene. A head, and a matrix of rank 1, are such because someone said so. */
export function variablesOf({ variables }: Scene, starts: readonly number[][]): tf.Variable[] {
  return variables.map(({ role, shape, rates }, i) => {
    const made = variable(starts[i] as number[], shape, NAMES[role]);
    setRole(made, role);
    if (rates !== undefined) setRates(made, rates);
    return made;
  });
}

/** The kinds of adapters and optimizers in a stack. */
export function kindsOf({ adapters: around, inner }: Stack): string[] {
  const here = [...around.map(({ kind }) => kind), inner.kind];
  if (inner.kind !== 'by role') return here;
  return [...here, ...[...Object.values(inner.groups), inner.rest].flatMap((s) => kindsOf(s!))];
}
