/** Compares what an operation returns, and its gradient, when it runs by itself and when it was recorded. */
import * as tf from '@tensorflow/tfjs-core';
import { values } from '../../../../test/numbers.ts';
import { compile } from '../../src/compile/compile.ts';
import { type Case, draw } from './case.ts';

export type Verdict =
  /** Equal in values, shapes and types; for random numbers in the last two, with new numbers in each call. */
  | { readonly kind: 'equal' }
  /** tfjs-node itself refuses it. */
  | { readonly kind: 'no'; readonly why: string }
  /** `compile` refuses it. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'wrong'; readonly why: string };

interface Result {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly values: readonly number[];
}

const CALLS = 4;
const EQUAL = { kind: 'equal' } as const;

const tensorsIn = (result: unknown): tf.Tensor[] => {
  if (result instanceof tf.Tensor) return [result];
  return Object.values(result as object).flatMap(tensorsIn);
};
const read = (tensors: readonly tf.Tensor[]): Result[] =>
  tensors.map((tensor) => ({ shape: tensor.shape, dtype: tensor.dtype, values: values(tensor) }));
function reading(make: () => readonly tf.Tensor[]): Result[] {
  let results: Result[] = [];
  tf.tidy(() => {
    results = read(make());
  });
  return results;
}
const messageOf = (error: unknown): string => String((error as Error)?.message ?? error);

/** What differs between results; null where nothing does. */
function difference(
  actual: readonly Result[],
  expected: readonly Result[],
  isRandom: boolean,
): string | null {
  if (actual.length !== expected.length) return `${actual.length} results, not ${expected.length}`;
  for (const [i, { shape, dtype, values: numbers }] of actual.entries()) {
    const other = expected[i] as Result;
    if (dtype !== other.dtype) return `${dtype}, not ${other.dtype}`;
    if (String(shape) !== String(other.shape)) return `shape [${shape}], not [${other.shape}]`;
    if (isRandom) continue;
    const at = numbers.findIndex((value, k) => {
      const wanted = other.values[k] as number;
      return (
        !Object.is(value, wanted) && !(Math.abs(value - wanted) <= 1e-5 * (1 + Math.abs(wanted)))
      );
    });
    if (at >= 0) return `${numbers[at]}, not ${other.values[at]}`;
  }
  return null;
}

/** `run` with other values in each call, by itself and compiled. */
function compare(each: Case, run: Case['run']): Verdict {
  const inputs = (call: number): tf.Tensor[] =>
    each.inputs.map((argument, i) => draw(argument, 100 * call + i));
  const step = (...batch: tf.Tensor[]): tf.Tensor[] => tensorsIn(run(...batch));
  let eager: Result[][];
  try {
    eager = Array.from({ length: CALLS }, (_, call) => reading(() => step(...inputs(call))));
  } catch (error) {
    return { kind: 'no', why: messageOf(error) };
  }
  const compiled = compile(step);
  try {
    const results = eager.map((_, call) => reading(() => compiled(...inputs(call))));
    if (compiled.traces !== 1) return { kind: 'wrong', why: `${compiled.traces} recordings` };
    for (const [call, result] of results.entries()) {
      const mismatch = difference(result, eager[call] as Result[], each.isRandom === true);
      if (mismatch !== null) return { kind: 'wrong', why: `call ${call + 1}: ${mismatch}` };
    }
    const last = results.slice(-2).map((result) => JSON.stringify(result.map((one) => one.values)));
    if (each.isRandom === true && last[0] === last[1])
      return { kind: 'wrong', why: 'the same numbers again' };
    return EQUAL;
  } catch (error) {
    const why = messageOf(error);
    return { kind: why.startsWith('compile: ') ? 'refused' : 'wrong', why };
  } finally {
    compiled.dispose();
  }
}

/** The gradients of a weighted sum of all results, with respect to the inputs that are floats. */
function gradientOf(each: Case): Case['run'] {
  return (...inputs) => {
    const at = each.inputs.flatMap(({ dtype }, i) => (dtype === 'float32' ? [i] : []));
    const gradients = tf.grads((...floats: tf.Tensor[]) => {
      const all = [...inputs];
      for (const [k, i] of at.entries()) all[i] = floats[k] as tf.Tensor;
      const sums = tensorsIn(each.run(...all)).map((result) => {
        const size = tf.util.sizeFromShape(result.shape);
        const weights = tf.reshape(tf.range(1, size + 1, 1), result.shape);
        return tf.sum(tf.mul(tf.cast(result, 'float32'), weights));
      });
      return tf.addN(sums) as tf.Scalar;
    });
    return gradients(at.map((i) => inputs[i] as tf.Tensor));
  };
}

/** The results of a call, and its gradients; null where it takes no floats. */
export function sweep(each: Case): { results: Verdict; gradients: Verdict | null } {
  const hasFloats = each.inputs.some(({ dtype }) => dtype === 'float32');
  return {
    results: compare(each, each.run),
    gradients: hasFloats && each.isRandom !== true ? compare(each, gradientOf(each)) : null,
  };
}
