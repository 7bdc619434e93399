/** The numbers under which TensorFlow brings together the calls of all workers. */
import { createHash } from 'node:crypto';
import { currentRecording } from '@tfjs-lrm/core/kit';

/** All workers of a cluster; TensorFlow could have several groups. */
export const GROUP = 1;

const names = new Map<number, string>();
/** How often each call was made in a recording. */
const counts = new WeakMap<object, Map<string, number>>();

/** A call of all workers. */
export interface Call {
  /** What the call is, for messages. */
  readonly name: string;
  readonly key: number;
}

/**
 * A call that waits for its result. Its key is made of what it is and not of when it is made, so that workers that have
 * made other calls before agree on it.
 */
export function callOf(name: string): Call {
  // 31 bits, since TensorFlow takes an int32.
  const key = createHash('sha256').update(name).digest().readUInt32BE() >>> 1;
  const other = names.get(key);
  if (other !== undefined && other !== name) {
    throw new Error(
      `distributed: the calls "${other}" and "${name}" must have different keys, and both have ${key}. Try a tensor of another shape.`,
    );
  }
  names.set(key, name);
  return { name, key };
}

/**
 * A call in a step. Equal calls that run operation by operation follow each other and share a key. In a recorded step
 * they run at the same time, so there each has its own, by its number.
 */
export function callInStep(name: string): Call {
  const recording = currentRecording();
  if (recording === null) return callOf(name);
  const known = counts.get(recording) ?? new Map<string, number>();
  counts.set(recording, known);
  const count = (known.get(name) ?? 0) + 1;
  known.set(name, count);
  return callOf(count === 1 ? name : `${name}, number ${count}`);
}
