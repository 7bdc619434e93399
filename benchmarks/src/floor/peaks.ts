/**
 * What a machine can do at best: its fastest product of matrices and its fastest sum of two arrays. Each is a step of a fixed
 * amount of work, so that it takes turns with the steps that are measured against it.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Side } from '../comparisons.ts';
import { FLOP_A_TURN, wasmPeaks } from './wasm-module.ts';

export type Peak = 'product' | 'sum';

/** Floating-point operations of a product step; bytes that a sum step reads and writes. */
export const WORK: Readonly<Record<Peak, number>> = { product: 2 ** 31, sum: 3 * 2 ** 27 };

/** Sizes of which the fastest is taken: sides of square matrices; floats of an array. */
const SIDES = [256, 512, 1024];
const LENGTHS = [2 ** 16, 2 ** 18, 2 ** 20, 2 ** 22];
const TRIALS = 5;

type Run = () => void;

/** The candidate that takes the least time. */
function fastest(candidates: readonly Run[]): Run {
  const timed = candidates.map((run) => {
    let least = Infinity;
    for (let i = 0; i < TRIALS; i++) {
      const began = performance.now();
      run();
      least = Math.min(least, performance.now() - began);
    }
    return { run, least };
  });
  return timed.reduce((best, each) => (each.least < best.least ? each : best)).run;
}

const repeated =
  (times: number, run: Run): Run =>
  () => {
    for (let i = 0; i < times; i++) run();
  };

async function nativeRuns(peak: Peak): Promise<Run[]> {
  const { compile } = await import('@tfjs-lrm/native');
  if (peak === 'product') {
    return SIDES.map((side) => {
      const [a, b] = [1, 2].map((seed) => tf.randomNormal([side, side], 0, 1, 'float32', seed));
      const product = compile((x: tf.Tensor, y: tf.Tensor) => tf.matMul(x, y));
      return repeated(WORK.product / (2 * side ** 3), () => {
        product(a as tf.Tensor, b as tf.Tensor).dispose();
      });
    });
  }
  return LENGTHS.map((length) => {
    const [a, b] = [tf.ones([length]), tf.ones([length])];
    return repeated(WORK.sum / (12 * length), () => void tf.add(a, b).dispose());
  });
}

async function wasmRuns(peak: Peak): Promise<Run[]> {
  const longest = 4 * Math.max(...LENGTHS);
  const peaks = await wasmPeaks(3 * longest);
  if (peak === 'product') {
    return [() => peaks.multiplyAdd(Math.round(WORK.product / FLOP_A_TURN))];
  }
  return LENGTHS.map((length) => {
    const bytes = 4 * length;
    return repeated(WORK.sum / (3 * bytes), () => peaks.add(0, bytes, 2 * bytes, bytes));
  });
}

/** A step of `WORK[peak]` at the fastest size. */
export async function peakStep({ options, backend }: Side): Promise<() => Promise<void>> {
  const peak = options['peak'] as Peak;
  const run = fastest(await (backend === 'wasm' ? wasmRuns(peak) : nativeRuns(peak)));
  return async () => run();
}
