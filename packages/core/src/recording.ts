/**
 * The link between optimizers and whoever records a step to replay it as one function. While a step is being recorded,
 * the outermost optimizers do not run their host half. They announce themselves to the recorder, which runs it at
 * every replay.
 */
import type { Member } from './node.ts';

interface Recorder {
  readonly roots: { add(root: Member): unknown };
}

// On globalThis, so that two copies of this package in one process see each other's recordings.
const RECORDER: unique symbol = Symbol.for('tfjs-lrm/tracing');
const shared = globalThis as { [RECORDER]?: Recorder | undefined };

let isInTensorHalf = false;

/**
 * True while a step is being recorded to be replayed: what JavaScript remembers or decides now would be repeated in
 * every later step.
 *
 * @example
 * if (!isRecording()) console.log('this line runs while nothing is being recorded');
 */
export function isRecording(): boolean {
  return shared[RECORDER] !== undefined;
}

/** The identity of the recording that is being made; null while nothing is being recorded. */
export function currentRecording(): object | null {
  return shared[RECORDER] ?? null;
}

/**
 * Runs `body` as a step that is being recorded. The outermost optimizers that apply gradients in it are passed to
 * `announce`, which must run their `beforeStep`: they do not run it themselves.
 */
export function whileRecording<T, Root extends Member>(
  announce: (root: Root) => void,
  body: () => T,
): T {
  const outer = shared[RECORDER];
  shared[RECORDER] = { roots: { add: announce as (root: Member) => void } };
  try {
    return body();
  } finally {
    if (outer === undefined) delete shared[RECORDER];
    else shared[RECORDER] = outer;
  }
}

/** Announces an optimizer to the recorder of this step; false if no step is being recorded. */
export function announce(root: Member): boolean {
  shared[RECORDER]?.roots.add(root);
  return isRecording();
}

function within<T>(isTensorHalf: boolean, body: () => T): T {
  const outer = isInTensorHalf;
  isInTensorHalf = isTensorHalf;
  try {
    return body();
  } finally {
    isInTensorHalf = outer;
  }
}

/** Runs the tensor half of a step. */
export const tensorHalf = <T>(body: () => T): T => within(true, body);

/** Runs code inside a step that may read JavaScript numbers, because a replay handles it correctly. */
export const hostHalf = <T>(body: () => T): T => within(false, body);

/**
 * Throws if the tensor half of a recorded step reads a JavaScript number, which every replay would repeat.
 *
 * @param instead what to read or do instead
 */
export function refuseHostNumber(className: string, name: string, instead: string): void {
  if (!(isInTensorHalf && isRecording())) return;
  throw new Error(
    `${className}: "update" must not read "${name}" in a step that is recorded, because each replay would repeat its value. ${instead}`,
  );
}
