import type * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

/** Numbers in [from, to) that are the same in every run. */
export function numbers(seed: number, size: number, from = 0.5, to = 2): number[] {
  let state = seed * 2654435761 + 12345;
  return Array.from({ length: size }, () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return from + ((to - from) * state) / 2 ** 32;
  });
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Largest difference, relative to the largest expected magnitude (at least 1e-3). */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(1e-3, ...Array.from(expected, Math.abs));
  return (
    Math.max(0, ...Array.from(expected, (value, at) => Math.abs(value - (actual[at] ?? NaN)))) /
    largest
  );
}

export function expectClose(
  actual: tf.Tensor,
  expected: ArrayLike<number>,
  tolerance = 1e-6,
): void {
  expect(distance(actual.dataSync(), expected)).toBeLessThan(tolerance);
}

export interface Scaling {
  readonly row?: readonly number[] | undefined;
  readonly column?: readonly number[] | undefined;
  readonly scalar?: number | undefined;
}

/**
 * Eq. 4 written out, in float64: the effective kernel and, for a gradient of it, the gradients of W, r, c
 * and s, by one loop over all elements.
 */
export function byHand(
  kernel: ArrayLike<number>,
  shape: readonly number[],
  { row, column, scalar = 1 }: Scaling,
  gradient: ArrayLike<number> = kernel,
  axes: { row: number; column: number } = { row: shape.length - 1, column: shape.length - 2 },
): { effective: number[]; kernel: number[]; row: number[]; column: number[]; scalar: number } {
  const index = (at: number, axis: number): number =>
    Math.floor(at / sizeOf(shape.slice(axis + 1))) % (shape[axis] ?? 1);
  const result = {
    effective: [] as number[],
    kernel: [] as number[],
    row: new Array(shape[axes.row] ?? 1).fill(0) as number[],
    column: new Array(shape[axes.column] ?? 1).fill(0) as number[],
    scalar: 0,
  };
  for (let at = 0; at < sizeOf(shape); at++) {
    const [i, j] = [index(at, axes.row), index(at, axes.column)];
    const r = row?.[i] ?? 1;
    const c = column?.[j] ?? 1;
    const w = kernel[at] as number;
    const g = gradient[at] as number;
    result.effective.push(scalar * r * c * w);
    result.kernel.push(scalar * r * c * g);
    result.row[i] = (result.row[i] ?? 0) + scalar * c * w * g;
    result.column[j] = (result.column[j] ?? 0) + scalar * r * w * g;
    result.scalar += r * c * w * g;
  }
  return result;
}
