/** Traces that an independent implementation wrote: fixtures/optimizers, made by its make.py. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { type Role, setRole } from '@tfjs-lrm/core';
import { expectClose, step, values, variable } from './tensors.ts';

interface Trace<Case> {
  readonly steps: number;
  readonly variables: readonly {
    readonly name: string;
    readonly role: Role;
    readonly shape: number[];
    readonly start: number[];
  }[];
  /** What `setRates` gets for each variable. */
  readonly factors?: readonly { readonly learningRate: number; readonly decay: number }[];
  /** Step by step and variable by variable; null where there is none. */
  readonly gradients: readonly (number[] | null)[][];
  readonly cases: readonly (Case & {
    readonly name: string;
    readonly weights: readonly { readonly step: number; readonly values: number[][] }[];
  })[];
}

export function readTrace<Case>(file: string): Trace<Case> {
  const url = new URL(`../fixtures/optimizers/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Trace<Case>;
}

/**
 * Gives the optimizer the trace's gradients. At the steps that the case stores, every weight must be within
 * 1e-5 of its own size of the case's, on every backend.
 */
export async function follow<Case>(
  trace: Trace<Case>,
  { weights }: Trace<Case>['cases'][number],
  optimizer: tf.Optimizer,
  {
    prepare = () => {},
    afterStep = () => {},
    least = 0,
  }: {
    prepare?: (variables: readonly tf.Variable[]) => void;
    afterStep?: (at: number) => unknown;
    /** Smaller weights are compared with this: they are differences of larger ones. */
    least?: number;
  } = {},
): Promise<void> {
  const variables = trace.variables.map(({ name, role, shape, start }) => {
    const made = variable(start, shape, name);
    // The other roles are told by names and ranks.
    if (role === 'head') setRole(made, role);
    return made;
  });
  prepare(variables);
  for (let at = 0; at < trace.steps; at++) {
    const gradients = trace.gradients[at] as (number[] | null)[];
    step(
      optimizer,
      variables.map((v, i) => [v, gradients[i] as number[] | null]),
    );
    const stored = weights.find(({ step: number }) => number === at + 1);
    variables.forEach((v, i) => {
      if (stored !== undefined) expectClose(values(v), stored.values[i] as number[], 1e-5, least);
    });
    await afterStep(at);
  }
  tf.dispose(variables);
  optimizer.dispose();
}
