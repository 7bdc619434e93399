/** An MLP that learns from a random teacher, with Adam: one run of the study of widths. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { mean } from '@tfjs-lrm/language-model';
import { mup } from '@tfjs-lrm/mup';
import { linear, withSchedule } from '@tfjs-lrm/schedule';

export type Parametrization = 'µP' | 'standard';

/** What all runs of a study have in common. */
export interface Training {
  readonly steps: number;
  /** Examples in each batch. */
  readonly batch: number;
  /** The learning rate over the steps: it falls to 0 in a line, or stays. */
  readonly schedule: 'linear' | 'constant';
  /** Where the head starts: from random values like the other layers, or from 0. */
  readonly head: 'random' | 'zero';
}

/** Mean squared errors; NaN where the run diverged. */
export interface Losses {
  /** Over the last quarter of the steps, each on a batch that the student has not seen. */
  readonly training: number;
  /** After the last step, on {@link VALIDATION} examples that are the same for all runs. */
  readonly validation: number;
}

export type Batch = [x: tf.Tensor2D, y: tf.Tensor2D];

const [INPUTS, HIDDEN_LAYERS, OUTPUTS] = [16, 3, 10];
const VALIDATION = 2048;
/** Of the teacher. */
const SIZES = [INPUTS, 32, 32, OUTPUTS];

/** The student: three hidden layers of one width. */
export function build(width: number, seed: number, head: Training['head']): tfl.LayersModel {
  const units = [...Array.from({ length: HIDDEN_LAYERS }, () => width), OUTPUTS];
  return tfl.sequential({
    layers: units.map((size, i) => {
      const isHead = i === HIDDEN_LAYERS;
      const inputs = units[i - 1] ?? INPUTS;
      return tfl.layers.dense({
        name: isHead ? 'head' : `hidden${i + 1}`,
        units: size,
        ...(i === 0 ? { inputShape: [INPUTS] } : {}),
        ...(isHead ? {} : { activation: 'relu' as const }),
        kernelInitializer:
          isHead && head === 'zero'
            ? tfl.initializers.zeros()
            : // That of He et al., 2015. The deviation of tfjs' heNormal is 0.88 times as large, since it cuts off the
              // tails; and a seed of 0 is none to tfjs.
              tfl.initializers.randomNormal({
                ...{ mean: 0, stddev: Math.sqrt(2 / inputs), seed: 100 * (seed + 1) + i },
              }),
      });
    }),
  });
}

/** A compiled student. Its hyper-parameters are meant for the width of `base`. */
export function student(
  parametrization: Parametrization,
  width: number,
  rate: number,
  seed: number,
  base: tfl.LayersModel,
  { steps, schedule, head }: Training,
): tfl.LayersModel {
  const model = build(width, seed, head);
  const plain = adam({ learningRate: rate });
  const optimizer = schedule === 'linear' ? withSchedule(plain, linear({ steps })) : plain;
  model.compile({ optimizer, loss: 'meanSquaredError' });
  if (parametrization === 'µP') mup(model, { base });
  return model;
}

/** Gaussian inputs of their own for each number, and what a fixed random network answers. */
function examples(count: number, number: number): Batch {
  return tf.tidy(() => {
    const x = tf.randomNormal([count, INPUTS], 0, 1, 'float32', number) as tf.Tensor2D;
    const kernels = SIZES.slice(1).map((columns, i) => {
      const rows = SIZES[i] as number;
      return tf.randomNormal([rows, columns], 0, 2 / Math.sqrt(rows), 'float32', i + 1);
    }) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const hidden = kernels
      .slice(0, -1)
      .reduce<tf.Tensor2D>((values, kernel) => tf.tanh(tf.matMul(values, kernel)), x);
    return [x, tf.matMul(hidden, kernels[2]) as tf.Tensor2D];
  });
}

/** The batches of a seed, in their order. */
export const batchesOf = (seed: number, { steps, batch }: Training): Batch[] =>
  Array.from({ length: steps }, (_, at) => examples(batch, 1000 + 100_000 * seed + at));

/** Examples of no batch. */
export const validationExamples = (): Batch => examples(VALIDATION, 500);

/** Trains a student on the batches. */
export async function train(
  model: tfl.LayersModel,
  batches: readonly Batch[],
  [x, y]: Batch,
): Promise<Losses> {
  const losses: number[] = [];
  for (const [inputs, targets] of batches) {
    const loss = (await model.trainOnBatch(inputs, targets)) as number;
    if (!Number.isFinite(loss)) return { training: Number.NaN, validation: Number.NaN };
    losses.push(loss);
  }
  const error = tf.tidy(() => tf.mean(tf.squaredDifference(model.predict(x) as tf.Tensor, y)));
  const [validation] = await error.data();
  error.dispose();
  return {
    training: mean(losses.slice(-Math.ceil(losses.length / 4))),
    validation: validation as number,
  };
}
