/** Which learning rate is best at each width, with µP and without: an MLP that learns from a random teacher. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { mup } from '@tfjs-lrm/mup';

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

/** Batches of Gaussian inputs, and what a fixed random network answers. */
export function batchOf(at: number): [x: tf.Tensor2D, y: tf.Tensor2D] {
  return tf.tidy(() => {
    const x = tf.randomNormal([BATCH, INPUTS], 0, 1, 'float32', 1000 + at) as tf.Tensor2D;
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
  const last = losses.slice(-Math.ceil(losses.length / 4));
  return last.reduce((sum, loss) => sum + loss, 0) / last.length;
}

export interface Sweep {
  readonly widths: readonly number[];
  readonly rates: readonly number[];
  readonly steps: number;
  readonly seeds: number;
}

/** The losses of one width at each rate, means over seeds. */
export interface Curve {
  readonly parametrization: Parametrization;
  readonly width: number;
  readonly losses: readonly number[];
  /** The index of the best rate. */
  readonly best: number;
}

const indexOfLeast = (losses: readonly number[]): number =>
  losses.reduce(
    (best, loss, i) => (!(loss >= (losses[best] as number)) && Number.isFinite(loss) ? i : best),
    losses.findIndex(Number.isFinite),
  );

/** Trains a student of each width at each rate. */
export async function sweep(
  parametrization: Parametrization,
  { widths, rates, steps, seeds }: Sweep,
  report: (curve: Curve) => void = () => {},
): Promise<Curve[]> {
  const batches = Array.from({ length: steps }, (_, at) => batchOf(at));
  const curves: Curve[] = [];
  for (const width of widths) {
    const losses: number[] = [];
    for (const rate of rates) {
      let total = 0;
      for (let seed = 0; seed < seeds; seed++) {
        const base = build(Math.min(...widths), seed);
        const model = student(parametrization, width, rate, seed, base);
        total += await lossOf(model, batches);
        model.optimizer.dispose();
        model.dispose();
        base.dispose();
      }
      losses.push(total / seeds);
    }
    const curve = { parametrization, width, losses, best: indexOfLeast(losses) };
    curves.push(curve);
    report(curve);
  }
  tf.dispose(batches);
  return curves;
}

/** Rates √2 apart. */
export const gridFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first * 2 ** (i / 2));
