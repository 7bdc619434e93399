/** The optimizers that act in a step: those with a host half, and tfjs' own, which keep numbers in JavaScript. */
import * as tf from '@tensorflow/tfjs-core';
import { isTensorOptimizer, type TensorOptimizer } from '@tfjs-lrm/core';
import { nodeOf, type Patch, treeOf, whileRecording } from '@tfjs-lrm/core/kit';
import { incrementIterations, setIterations } from './internals.ts';
import { repeated } from './mistakes.ts';

export interface Optimizers {
  /** The outermost ones that follow the contract of core. */
  readonly roots: ReadonlySet<TensorOptimizer>;
  /** tfjs' own, and how often each applies gradients in a step. */
  readonly own: ReadonlyMap<tf.Optimizer, number>;
}

const OWN = [
  tf.SGDOptimizer,
  tf.MomentumOptimizer,
  tf.AdagradOptimizer,
  tf.AdadeltaOptimizer,
  tf.AdamOptimizer,
  tf.AdamaxOptimizer,
  tf.RMSPropOptimizer,
];

/**
 * Runs `body` as a step whose host halves are called by `prepare`, when its gradients are applied, and not by the
 * optimizers themselves.
 */
export function watchOptimizers(prepare: (root: TensorOptimizer) => void): {
  optimizers: Optimizers;
  patches: readonly Patch[];
  during<T>(body: () => T): T;
} {
  const roots = new Set<TensorOptimizer>();
  const own = new Map<tf.Optimizer, number>();
  const add = (root: TensorOptimizer): void => {
    if (roots.has(root)) throw repeated(root);
    refuse(root);
    roots.add(root);
    prepare(root);
  };
  const counted = (by: number) => (former: (...args: unknown[]) => unknown) =>
    function (this: tf.Optimizer, ...args: unknown[]) {
      if (!isTensorOptimizer(this)) own.set(this, (own.get(this) ?? 0) + by);
      return former.apply(this, args);
    };
  return {
    optimizers: { roots, own },
    patches: [
      { object: tf.Optimizer.prototype, method: 'minimize', by: counted(0) },
      ...OWN.map(({ prototype }) => ({
        object: prototype,
        method: 'applyGradients',
        by: counted(1),
      })),
    ],
    during: (body) => whileRecording(add, body),
  };
}

/** Throws for an optimizer whose step cannot be replayed. */
function refuse(root: TensorOptimizer): void {
  for (const { obstacle } of treeOf(root)) {
    if (obstacle !== null) throw new Error(`compile: ${obstacle}`);
  }
}

/**
 * Runs a step that leaves all variables as they were when it throws; the step counts of the optimizers, and of those
 * inside them, are then restored as well.
 */
export function restoringCounts<T>(optimizers: Iterable<tf.Optimizer>, step: () => T): T {
  const counts = new Map<tf.Optimizer, number>();
  for (const optimizer of optimizers) {
    const all = isTensorOptimizer(optimizer) ? treeOf(optimizer) : [];
    const wrapped = all.flatMap((each) => nodeOf(each).wrapped ?? []);
    for (const each of [optimizer, ...all, ...wrapped]) counts.set(each, each.iterations);
  }
  try {
    return step();
  } catch (error) {
    for (const [optimizer, count] of counts) setIterations(optimizer, count);
    throw error;
  }
}

/** Counts a step that tfjs' own optimizer did not take itself. */
export function countStep(optimizer: tf.Optimizer, times: number): void {
  for (let i = 0; i < times; i++) incrementIterations(optimizer);
}
