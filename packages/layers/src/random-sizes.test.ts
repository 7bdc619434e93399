/** At any sizes, outputs and slopes along random directions equal those of the definitions in float64. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { attentionByDefinition, recurrence } from '../test/definitions.ts';
import { causalSelfAttention } from './index.ts';
import { stateSpace } from './state-space.ts';

type Next = () => number;
interface Argument {
  readonly shape: number[];
  readonly numbers: number[];
}

const drawn = (next: Next, shape: number[], scale = 1, offset = 0): Argument => {
  const length = tf.util.sizeFromShape(shape);
  return { shape, numbers: noise(next, length, scale).map((x) => Math.fround(x + offset)) };
};

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

/** The largest difference over the largest magnitude. */
const difference = (actual: readonly number[], expected: readonly number[]): number =>
  Math.max(...expected.map((x, i) => Math.abs(x - (actual[i] as number)))) /
  (Math.max(...expected.map(Math.abs)) || 1);

/**
 * Compares a function with its definition: the output, and for each argument the slope of Σ output · dy along a random
 * direction, which the definition gives as a difference quotient.
 */
function compare(
  next: Next,
  args: readonly Argument[],
  ours: (tensors: tf.Tensor[]) => tf.Tensor,
  definition: (numbers: number[][]) => number[],
): void {
  const before = tf.memory().numTensors;
  const numbers = args.map((each) => each.numbers);
  const expected = definition(numbers);
  tf.tidy(() => {
    const tensors = args.map((each) => tf.tensor(each.numbers, each.shape));
    const output = ours(tensors);
    expect(difference(values(output), expected)).toBeLessThan(1e-5);
    const dy = noise(next, output.size);
    // Where nothing depends on an argument, all that is left are rounding errors.
    const least = 0.1 * Math.sqrt(dot(dy, dy));
    const gradients = tf.grads((...all: tf.Tensor[]) =>
      tf.sum(tf.mul(ours(all), tf.tensor(dy, output.shape))),
    )(tensors);
    args.forEach(({ shape }, at) => {
      const direction = noise(next, tf.util.sizeFromShape(shape));
      const moved = (by: number): number =>
        dot(
          definition(
            numbers.map((x, i) => (i === at ? x.map((v, j) => v + by * direction[j]!) : x)),
          ),
          dy,
        );
      const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      const gradient = values(gradients[at] as tf.Tensor);
      const scale = Math.sqrt(dot(gradient, gradient) * dot(direction, direction));
      const error = Math.abs(dot(gradient, direction) - slope) / Math.max(scale, least);
      expect(error, `the gradient of argument ${at}`).toBeLessThan(1e-5);
    });
  });
  expect(tf.memory().numTensors).toBe(before);
}

const whole = (min: number, max: number) => fc.integer({ min, max });

eachBackend((backend) => {
  const numRuns = backend === 'cpu' ? 40 : 20;

  it('the state-space model, with chunks of any length', () => {
    const sizes = fc.record({
      batch: whole(1, 3),
      time: whole(1, 23),
      groups: whole(1, 3),
      share: whole(1, 3),
      width: whole(1, 5),
      state: whole(1, 5),
      chunk: whole(1, 25),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ chunk, seed, share, ...rest }) => {
        const { batch, time, groups, width, state } = rest;
        const heads = groups * share;
        const next = random(seed);
        const args = [
          drawn(next, [batch, time, heads * width]),
          drawn(next, [batch, time, heads], 0.5, 0.5),
          drawn(next, [batch, time, heads], 1, -1),
          drawn(next, [batch, time, groups * state]),
          drawn(next, [batch, time, groups * state]),
          drawn(next, [heads]),
        ];
        compare(
          next,
          args,
          ([x, dt, a, b, c, d]) =>
            stateSpace({ x: x!, dt: dt!, a: a!, b: b!, c: c!, d: d! }, groups, chunk),
          (numbers) =>
            recurrence(numbers as unknown as Parameters<typeof recurrence>[0], { ...rest, heads }),
        );
      }),
      { numRuns },
    );
  });

  it('attention, with shared heads, windows and rotations', () => {
    const sizes = fc.record({
      batch: whole(1, 3),
      time: whole(1, 12),
      keyHeads: whole(1, 3),
      share: whole(1, 3),
      half: whole(1, 3),
      valueWidth: whole(1, 5),
      window: whole(1, 14),
      rotary: fc.constantFrom('halves' as const, 'neighbours' as const, 'none' as const),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ share, half, seed, ...rest }) => {
        const { batch, time, keyHeads, valueWidth, window, rotary } = rest;
        const [heads, width] = [keyHeads * share, 2 * half];
        const next = random(seed);
        const args = [
          drawn(next, [batch, time, heads * width], 2),
          drawn(next, [batch, time, keyHeads * width], 2),
          drawn(next, [batch, time, keyHeads * valueWidth]),
        ];
        const layer = causalSelfAttention({ heads, keyHeads, rotary, window });
        compare(
          next,
          args,
          (tensors) => layer.call(tensors, {}) as tf.Tensor,
          (numbers) =>
            attentionByDefinition(
              numbers as unknown as Parameters<typeof attentionByDefinition>[0],
              { ...rest, heads, width },
            ),
        );
      }),
      { numRuns },
    );
  });
});
