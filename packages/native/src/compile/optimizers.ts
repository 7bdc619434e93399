/** The optimizers that act in a step: those with a host half, and tfjs' own, which keep numbers in JavaScript. */
import * as tf from '@tensorflow/tfjs-core';
import { isTensorOptimizer, type TensorOptimizer } from '@tfjs-lrm/core';
import { type Patch, whileRecording } from '@tfjs-lrm/core/kit';
import { incrementIterations, setIterations } from './internals.ts';

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
    if (roots.has(root)) return;
    refuse(root, null);
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
function refuse(optimizer: TensorOptimizer, schedule: TensorOptimizer | null): void {
  const { obstacle } = optimizer;
  if (obstacle !== null) throw new Error(`compile: ${obstacle}`);
  const around = optimizer.getClassName() === 'LrmSchedule' ? optimizer : schedule;
  if (around !== null && optimizer.getClassName() === 'LrmTfjsOptimizer') {
    const [inner] = optimizer.inners() as [tf.Optimizer];
    throw new Error(
      `compile: ${inner.getClassName()} of tfjs cannot stand under a schedule, because its learning rate is a ` +
        'number of JavaScript, which a recorded step repeats. Try adam() of @tfjs-lrm/adam, whose rate is a variable.',
    );
  }
  for (const child of optimizer.distinctChildren()) refuse(child, around);
}

/**
 * Runs a step that leaves all variables as they were when it throws; the step counts of the optimizers, and of those
 * inside them, are then restored as well.
 */
export function restoringCounts<T>(optimizers: Iterable<tf.Optimizer>, step: () => T): T {
  const counts = new Map<tf.Optimizer, number>();
  const note = (optimizer: tf.Optimizer): void => {
    counts.set(optimizer, optimizer.iterations);
    if (isTensorOptimizer(optimizer)) optimizer.inners().forEach(note);
  };
  for (const optimizer of optimizers) note(optimizer);
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
