/** One way to call an operation, and the tensors that it is called with. */
import * as tf from '@tensorflow/tfjs-core';
import { random } from '../../../../test/numbers.ts';

export type DType = 'float32' | 'int32' | 'bool';
export const DTYPES: readonly DType[] = ['float32', 'int32', 'bool'];

/** An argument: its shape and type, and the range of its values. */
export interface Argument {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly from: number;
  readonly to: number;
}

export interface Case {
  /** What is special about it: the types, an optional argument. */
  readonly label: string;
  readonly inputs: readonly Argument[];
  readonly run: (...inputs: tf.Tensor[]) => unknown;
  /** Whether results are drawn at random, so that shapes and types alone can be compared. */
  readonly isRandom?: boolean;
}

export function argument(
  shape: readonly number[],
  dtype: DType = 'float32',
  [from, to]: readonly [number, number] = dtype === 'float32' ? [-2, 2] : [-3, 4],
): Argument {
  return { shape, dtype, from, to };
}

/** An argument's tensor; each call of a step gets other values. */
export function draw({ shape, dtype, from, to }: Argument, seed: number): tf.Tensor {
  const next = random(seed);
  const size = tf.util.sizeFromShape([...shape]);
  const numbers = Array.from({ length: size }, () => {
    const value = from + (to - from) * next();
    if (dtype === 'bool') return Number(value > (from + to) / 2);
    return dtype === 'int32' ? Math.floor(value) : Math.fround(value);
  });
  return tf.tensor(numbers, [...shape], dtype);
}

/** Cases by the name of the operation: `abs`, `image.resizeBilinear`. */
export type Cases = Readonly<Record<string, readonly Case[]>>;

export function one(
  label: string,
  inputs: readonly Argument[],
  run: Case['run'],
  isRandom = false,
): Case {
  return { label, inputs, run, isRandom };
}
