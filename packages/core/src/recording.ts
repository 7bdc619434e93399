/**
 * Who records a step, so that it can be replayed as one function, and how the optimizers know of it: while a step is
 * being recorded, the outermost optimizers do not run their host half themselves. They announce themselves to the
 * recorder, which runs it at every replay.
 */
import type { TensorOptimizer } from './tensor-optimizer.ts';

interface Recorder {
  readonly roots: { add(root: TensorOptimizer): unknown };
}

// On globalThis, so that two copies of this package in one process know of each other's recordings.
const RECORDER: unique symbol = Symbol.for('tfjs-lrm/tracing');
const shared = globalThis as { [RECORDER]?: Recorder | undefined };

/**
 * True while a step is being recorded to be replayed: what JavaScript remembers or decides now would be repeated in
 * every later step.
 *
 * @example
 * if (!isRecording()) console.log('this line would run in the first steps only');
 */
export function isRecording(): boolean {
  return shared[RECORDER] !== undefined;
}

/**
 * Runs `body` as a step that is being recorded. The outermost optimizers that apply gradients in it are given to
 * `announce`, which runs their `beforeStep`, and do not run it themselves.
 */
export function whileRecording<T>(announce: (root: TensorOptimizer) => void, body: () => T): T {
  const outer = shared[RECORDER];
  shared[RECORDER] = { roots: { add: announce } };
  try {
    return body();
  } finally {
    if (outer === undefined) delete shared[RECORDER];
    else shared[RECORDER] = outer;
  }
}

/** Announces an optimizer to whoever records this step; false when nobody does. */
export function announce(root: TensorOptimizer): boolean {
  shared[RECORDER]?.roots.add(root);
  return isRecording();
}
