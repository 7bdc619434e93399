/** Small variables are added up on the host and large ones on the device: the means are the same. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { expectClose, kernelsRunBy, values } from '../../../test/tensors.ts';
import { hold, type Means, type Measured, measure, release } from './measure.ts';

const KEPT = 0.97;
/** As many entries as are still added up on the host. */
const SMALL = 2 ** 14;

function variableOf(
  shape: number[],
  { seed, isHeld, hasMoments }: { seed: number; isHeld: boolean; hasMoments: boolean },
  areOnHost: boolean,
): Measured {
  const random = (offset: number) => tf.randomNormal(shape, 0.5, 1, 'float32', seed + offset);
  return {
    weight: tf.variable(random(0)),
    before: isHeld ? { weight: hold(tf.variable(random(1)), areOnHost), kept: KEPT } : null,
    moments: hasMoments ? { mean: random(2), square: tf.square(random(3)) } : null,
  };
}

/** In the order of the interface. */
const numbersOf = ({ weight, update, outward, mean, square }: Means): number[] => [
  ...[weight, update, outward, mean, square],
];

function expectedOf({ weight, before, moments }: Measured): number[] {
  const { weight: held = null } = before ?? {};
  const [w, past] = [
    values(weight),
    held instanceof tf.Tensor ? values(held) : held && [...Array.from(held)],
  ];
  const update = past?.map((value, i) => w[i]! - KEPT * value);
  const meanOf = (a: readonly number[] | undefined, b = a): number =>
    a === undefined ? 0 : a.reduce((sum, value, i) => sum + value * b![i]!, 0) / a.length;
  const [mean, square] = [moments?.mean, moments?.square].map((each) => each && values(each));
  return [
    ...[meanOf(w), meanOf(update), meanOf(update, past ?? undefined), meanOf(mean)],
    meanOf(square?.map(Math.sqrt)),
  ];
}

eachBackend(() => {
  const kinds = [true, false].flatMap((isHeld) =>
    [true, false].map((hasMoments) => ({ isHeld, hasMoments })),
  );
  const variables = (areOnHost: boolean): Measured[] =>
    [[3, 5], [7], [129, 128], [SMALL]].flatMap((shape, i) =>
      kinds.map((kind, j) => variableOf(shape, { seed: 100 * i + 10 * j, ...kind }, areOnHost)),
    );

  test.each([true, false])('means are those of float64; read on the host: %s', (areOnHost) => {
    const measured = variables(areOnHost);
    const { sums, means } = measure(measured, areOnHost);
    // The four of 129 × 128 are too large for the host.
    expect(sums?.shape).toEqual([5 * (areOnHost ? 4 : measured.length)]);
    means(sums!.dataSync()).forEach((each, i) => {
      expectClose(numbersOf(each), expectedOf(measured[i]!), 1e-5, 1);
    });
    sums!.dispose();
  });

  test('small variables cost no operation and leave no tensor, others one tensor in all', () => {
    const small = variables(true).filter(({ weight }) => weight.size <= SMALL);
    const { numTensors } = tf.memory();
    const kernels = kernelsRunBy(() => {
      expect(hold(small[0]!.weight, true)).not.toBeInstanceOf(tf.Tensor);
      expect(measure(small, true).sums).toBeNull();
    });
    expect(kernels).toEqual([]);
    expect(tf.memory().numTensors).toBe(numTensors);
    // Held by their values, as where the backend was changed since.
    const { sums } = measure(small, false);
    const held = hold(small[0]!.weight, false);
    expect(tf.memory().numTensors).toBe(numTensors + 2);
    sums!.dispose();
    release(held);
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
