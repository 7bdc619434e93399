/** Whether a later call of a step did what its recording repeats. */
import type { Recording, Source } from './recording.ts';

/** What identifies the source of an input from call to call. */
const identity = (source: Source): unknown => {
  switch (source.kind) {
    case 'argument':
      return source.index;
    case 'variable':
      return source.variable;
    case 'captured':
      return source.tensor.dataId;
    case 'counter':
      return null;
  }
};

/** The first difference, in words; null where there is none. */
function difference(actual: Recording, expected: Recording): string | null {
  const { length } = expected.operations;
  const at = actual.operations.findIndex((operation, i) => operation !== expected.operations[i]);
  if (at >= 0 && at < length) {
    return `runs ${actual.operations[at]} as operation ${at + 1} of ${actual.operations.length}, where the recording has ${expected.operations[at]} of ${length}`;
  }
  if (actual.operations.length !== length) {
    return `runs ${actual.operations.length} operations, where the recording has ${length}`;
  }
  const changes = actual.changed.map(({ name }) => name).join(', ');
  if (changes !== expected.changed.map(({ name }) => name).join(', ')) {
    return `assigns ${changes || 'no variable'}`;
  }
  const isSameInput = ({ source }: Recording['inputs'][number], i: number): boolean => {
    const other = expected.inputs[i]?.source;
    return other?.kind === source.kind && identity(other) === identity(source);
  };
  if (actual.inputs.length !== expected.inputs.length || !actual.inputs.every(isSameInput)) {
    return 'takes other tensors from outside, or the same ones in another order';
  }
  if (Buffer.compare(actual.definition, expected.definition) !== 0) {
    return 'runs the same operations with other constants, attributes or inputs';
  }
  return null;
}

/** @throws Error for a step that does not do what its recording does */
export function checkSame(actual: Recording, expected: Recording): void {
  const mismatch = difference(actual, expected);
  if (mismatch === null) return;
  throw new Error(
    `compile: a step must do the same in every call, because a recording repeats it. Received one that ${mismatch}. Try tf.where in the place of a branch of JavaScript, a step for each branch, or, in an optimizer, "obstacle" with the reason.`,
  );
}
