/** The same training, operation by operation and compiled. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import type { CompiledStep } from '../src/compile/compile.ts';

/** The suite on tensorflow, where it is linked. */
export function onTensorFlow(suite: () => void): void {
  describe.skipIf(!isLinked())('on tensorflow', () => {
    beforeAll(() => useBackend('tensorflow'));
    suite();
  });
}

export type Step = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor | null;

export interface Task {
  readonly layers: () => layers.layers.Layer[];
  /** Shape of a batch of inputs; the targets are those of the model's output. */
  readonly input: readonly number[];
  /** Inputs are whole numbers below this one. */
  readonly classes?: number;
}

/** Gives a model weights that the seed decides. */
export function seedWeights(model: layers.LayersModel, seed: number): void {
  const next = random(seed);
  tf.tidy(() => {
    model.setWeights(
      model.weights.map(({ shape, originalName }) => {
        const size = tf.util.sizeFromShape(shape as number[]);
        const numbers = noise(next, size, 0.5);
        // Multipliers, gains and variances are near 1.
        const isFactor = /multiplier|gamma|variance/.test(originalName);
        return tf.tensor(isFactor ? numbers.map((n) => 1 + n / 4) : numbers, shape as number[]);
      }),
    );
  });
}

export function makeModel(task: Task, seed = 1): layers.Sequential {
  const model = layers.sequential({ layers: task.layers() });
  seedWeights(model, seed);
  return model;
}

/** The batch of a step, which depends on its number alone. */
export function batchOf(
  task: Task,
  outputs: readonly number[],
  at: number,
): [tf.Tensor, tf.Tensor] {
  const next = random(1000 + at);
  const { input, classes } = task;
  const size = tf.util.sizeFromShape([...input]);
  const x =
    classes === undefined
      ? tf.tensor(noise(next, size), [...input])
      : tf.tensor(
          Array.from({ length: size }, () => Math.floor(next() * classes)),
          [...input],
          'int32',
        );
  return [x, tf.tensor(noise(next, tf.util.sizeFromShape([...outputs])), [...outputs])];
}

export interface Run {
  readonly losses: number[];
  readonly weights: number[][];
}

/** A step that minimizes the mean squared error plus the losses of the layers. */
export function stepOf(model: layers.LayersModel, optimizer: tf.Optimizer): Step {
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  return (x, y) =>
    optimizer.minimize(
      () => {
        const output = model.apply(x, { training: true }) as tf.Tensor;
        const loss = tf.mean(tf.squaredDifference(output, y)) as tf.Scalar;
        return tf.addN([loss, ...model.calculateLosses()]) as tf.Scalar;
      },
      true,
      variables,
    );
}

/** Trains a new model for some steps; `wrap` may compile the step. */
export async function train(
  task: Task,
  optimizer: tf.Optimizer,
  wrap: (step: Step) => Step & Partial<Pick<CompiledStep<never, never>, 'dispose'>>,
  { steps, during }: { steps: number; during?: (at: number, optimizer: tf.Optimizer) => unknown },
): Promise<Run> {
  const model = makeModel(task);
  assignRoles(model);
  const step = wrap(stepOf(model, optimizer));
  const outputs = [task.input[0] as number, ...(model.outputShape as number[]).slice(1)];
  const losses: number[] = [];
  for (let at = 0; at < steps; at++) {
    const [x, y] = batchOf(task, outputs, at);
    await during?.(at, optimizer);
    const loss = step(x, y) as tf.Tensor;
    losses.push(...values(loss));
    tf.dispose([x, y, loss]);
  }
  const weights = model.getWeights().map(values);
  step.dispose?.();
  optimizer.dispose();
  model.dispose();
  return { losses, weights };
}
