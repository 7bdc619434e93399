/** Gradients of operations against differences of their values, along random directions. */
import * as tf from '@tensorflow/tfjs-core';
import { noise, random } from './numbers.ts';
import { inputsOf, type Operation } from './operations.ts';

type Loss = (inputs: tf.Tensor[]) => number;

/** Along each direction the slope that the gradient says, and that of the values. */
type Slopes = readonly (readonly [fromGradient: number, fromValues: number])[];

const DIRECTIONS = 3;
/** Small enough for the fourth power of it to vanish in float32, large enough for differences to keep four digits. */
const STEP = 1 / 64;

const weightsFor = (size: number): Float32Array => Float32Array.from(noise(random(5), size));

/** The weighted sum of the values; summed in float64, so that differences lose nothing more than the values did. */
const lossOf =
  (of: (inputs: tf.Tensor[]) => tf.Tensor): Loss =>
  (inputs) =>
    tf.tidy(() => {
      const values = of(inputs).dataSync();
      return weightsFor(values.length).reduce((sum, weight, i) => sum + weight * values[i]!, 0);
    });

function slopes(of: (inputs: tf.Tensor[]) => tf.Tensor, inputs: tf.Tensor[]): Slopes {
  return tf.tidy(() => {
    const weighted = (...at: tf.Tensor[]): tf.Scalar => {
      const y = of(at);
      return tf.sum(tf.mul(y, tf.tensor(weightsFor(y.size), y.shape)));
    };
    const gradients = tf.grads(weighted)(inputs);
    const loss = lossOf(of);
    return Array.from({ length: DIRECTIONS }, (_, d) => {
      const directions = inputs.map((x, i) =>
        tf.tensor(noise(random(100 * d + i), x.size), x.shape),
      );
      const fromGradient = gradients.reduce((sum, gradient, i) => {
        const direction = directions[i]!.dataSync();
        return [...gradient.dataSync()].reduce((partial, v, j) => partial + v * direction[j]!, sum);
      }, 0);
      const at = (step: number): number =>
        loss(inputs.map((x, i) => tf.add(x, tf.mul(directions[i]!, step))));
      const fromValues =
        (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP);
      return [fromGradient, fromValues] as const;
    });
  });
}

/** The largest difference of the two slopes, relative to the slopes and to 1. */
const errorOf = (found: Slopes): number =>
  Math.max(
    ...found.map(([gradient, values]) => {
      const error = Math.abs(gradient - values) / Math.max(1, Math.abs(values));
      return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    }),
  );

/** How far the gradient of `operation` is from the differences of its values. */
export const gradientError = (operation: Operation): number =>
  tf.tidy(() => errorOf(slopes((inputs) => operation.of(...inputs), inputsOf(operation))));

/** The gradient of Σ weights·of(inputs), of all inputs, as one vector. */
const gradientOf =
  (of: (inputs: tf.Tensor[]) => tf.Tensor) =>
  (inputs: tf.Tensor[]): tf.Tensor => {
    const loss = (...at: tf.Tensor[]): tf.Scalar => {
      const y = of(at);
      return tf.sum(tf.mul(y, tf.tensor(weightsFor(y.size), y.shape)));
    };
    const gradients = tf.grads(loss)(inputs);
    return tf.concat(gradients.map((gradient) => tf.reshape(gradient, [-1])));
  };

/**
 * The same for a gradient of the second order, that of a penalty on the gradient of Σ operation², or of the third, with
 * cubes in the place of squares.
 */
export function higherOrderError(operation: Operation, order: 2 | 3): number {
  const first = gradientOf((inputs) => {
    const y = operation.of(...inputs);
    return order === 2 ? tf.square(y) : tf.mul(y, tf.square(y));
  });
  return tf.tidy(() =>
    errorOf(slopes(order === 2 ? first : gradientOf(first), inputsOf(operation))),
  );
}
