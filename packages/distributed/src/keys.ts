/** The numbers under which TensorFlow brings together the calls of all workers. */
import { createHash } from 'node:crypto';
import { currentRecording } from '@tfjs-lrm/core/kit';

/** All workers of a cluster; TensorFlow could have several groups. */
export const GROUP = 1;

const names = new Map<number, string>();
/** How often each call was made in a recording. */
const counts = new WeakMap<object, Map<string, number>>();

/**
 * The key of a call that waits for its result: made of what it is and not of when it is made, so that workers that have
 * made other calls before agree on it.
 */
export function keyOf(call: string): number {
  // 31 bits, since TensorFlow takes an int32.
  const key = createHash('sha256').update(call).digest().readUInt32BE() >>> 1;
  const other = names.get(key);
  if (other !== undefined && other !== call) {
    throw new Error(
      `distributed: the calls "${other}" and "${call}" must have different keys, and both have ${key}. Try a tensor of another shape.`,
    );
  }
  names.set(key, call);
  return key;
}

/**
 * The key of a call in a step. Equal calls that run operation by operation follow each other and share one. In a
 * recorded step they run at the same time, so there each has its own, by its number.
 */
export function keyInStep(call: string): number {
  const recording = currentRecording();
  if (recording === null) return keyOf(`${call} 0`);
  const known = counts.get(recording) ?? new Map<string, number>();
  counts.set(recording, known);
  const count = known.get(call) ?? 0;
  known.set(call, count + 1);
  return keyOf(`${call} ${count}`);
}
