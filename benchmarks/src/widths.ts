/** Which learning rate is best at each width, with µP and without: an MLP that learns from a random teacher. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { mean } from '@tfjs-lrm/language-model';
import { mup } from '@tfjs-lrm/mup';
import { indexOfLeast, lowestRate } from './lowest-rate.ts';

export type Parametrization = 'µP' | 'standard';

const [INPUTS, OUTPUTS, BATCH] = [16, 10, 64];

/** The student: three hidden layers of one width. */
export function build(width: number, seed: number): tfl.LayersModel {
  const units = [width, width, width, OUTPUTS];
  return tfl.sequential({
    layers: units.map((size, i) =>
      tfl.layers.dense({
        name: i < units.length - 1 ? `hidden${i + 1}` : 'head',
        units: size,
        ...(i === 0 ? { inputShape: [INPUTS] } : {}),
        ...(i < units.length - 1 ? { activation: 'relu' as const } : {}),
        kernelInitializer: tfl.initializers.heNormal({ seed: 100 * seed + i }),
      }),
    ),
  });
}

/** A compiled student with Adam. Its hyper-parameters are meant for `base`. */
export function student(
  parametrization: Parametrization,
  width: number,
  rate: number,
  seed: number,
  base: tfl.LayersModel,
): tfl.LayersModel {
  const model = build(width, seed);
  model.compile({ optimizer: adam({ learningRate: rate }), loss: 'meanSquaredError' });
  if (parametrization === 'µP') mup(model, { base });
  return model;
}

/** A batch of Gaussian inputs, and what a fixed random network answers; those of each seed are others. */
export function batchOf(at: number, seed = 0): [x: tf.Tensor2D, y: tf.Tensor2D] {
  return tf.tidy(() => {
    const number = 1000 + 100_000 * seed + at;
    const x = tf.randomNormal([BATCH, INPUTS], 0, 1, 'float32', number) as tf.Tensor2D;
    const [first, second, third] = [
      [INPUTS, 32],
      [32, 32],
      [32, OUTPUTS],
    ].map(([rows, columns], i) =>
      tf.randomNormal(
        [rows as number, columns as number],
        0,
        2 / Math.sqrt(rows as number),
        'float32',
        i + 1,
      ),
    ) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const hidden = tf.tanh(tf.matMul(tf.tanh(tf.matMul(x, first)), second)) as tf.Tensor2D;
    const y = tf.matMul(hidden, third) as tf.Tensor2D;
    return [x, y];
  });
}

/** The mean loss over the last quarter of the steps, each on a batch that it has not seen; NaN where it diverges. */
async function lossOf(
  model: tfl.LayersModel,
  batches: readonly (readonly [tf.Tensor, tf.Tensor])[],
): Promise<number> {
  const losses: number[] = [];
  for (const [x, y] of batches) {
    const loss = (await model.trainOnBatch(x, y)) as number;
    if (!Number.isFinite(loss)) return Number.NaN;
    losses.push(loss);
  }
  return mean(losses.slice(-Math.ceil(losses.length / 4)));
}

export interface Sweep {
  readonly widths: readonly number[];
  readonly rates: readonly number[];
  readonly steps: number;
  readonly seeds: number;
}

/** The losses of one width at each rate. */
export interface Curve {
  readonly parametrization: Parametrization;
  readonly width: number;
  /** Means over the seeds. */
  readonly losses: readonly number[];
  /** The index of the best rate. */
  readonly best: number;
  /** The rate at the lowest point of a parabola through the losses. */
  readonly lowest: number;
  /** The losses of each seed. */
  readonly ofSeeds: readonly (readonly number[])[];
}

/** Trains a student of each width at each rate. */
export async function sweep(
  parametrization: Parametrization,
  { widths, rates, steps, seeds }: Sweep,
  report: (curve: Curve) => void = () => {},
): Promise<Curve[]> {
  const curves: Curve[] = [];
  for (const width of widths) {
    const ofSeeds: number[][] = [];
    for (let seed = 0; seed < seeds; seed++) {
      const batches = Array.from({ length: steps }, (_, at) => batchOf(at, seed));
      const base = build(Math.min(...widths), seed);
      const losses: number[] = [];
      for (const rate of rates) {
        const model = student(parametrization, width, rate, seed, base);
        losses.push(await lossOf(model, batches));
        model.optimizer.dispose();
        model.dispose();
      }
      ofSeeds.push(losses);
      base.dispose();
      tf.dispose(batches);
    }
    const losses = rates.map((_, i) => mean(ofSeeds.map((each) => each[i] as number)));
    const curve: Curve = {
      ...{ parametrization, width, losses, ofSeeds },
      best: indexOfLeast(losses),
      lowest: lowestRate(rates, losses),
    };
    curves.push(curve);
    report(curve);
  }
  return curves;
}

/** Rates √2 apart. */
export const gridFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first * 2 ** (i / 2));
