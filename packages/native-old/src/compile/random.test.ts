import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import { values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';
import { compile } from './compile.ts';

const CALLS = 12;
/** What the recorded calls return, and with them the one that records. */
function recordedCalls(make: () => tf.Tensor, options = {}): number[][] {
  const step = compile(make, options);
  const all = Array.from({ length: CALLS }, () => {
    const result = step();
    const numbers = values(result);
    result.dispose();
    return numbers;
  });
  step.dispose();
  return all.slice(1);
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/** Mean and variance must be within 4 standard errors of those given; kurtosis decides the second error. */
function expectMoments(
  numbers: readonly number[],
  m: number,
  variance: number,
  kurtosis: number,
): void {
  const n = numbers.length;
  const center = mean(numbers);
  const spread = mean(numbers.map((x) => (x - center) ** 2));
  expect(Math.abs(center - m)).toBeLessThan(4 * Math.sqrt(variance / n));
  expect(Math.abs(spread - variance)).toBeLessThan(4 * variance * Math.sqrt((kurtosis - 1) / n));
}

const areDifferent = (calls: readonly number[][]): boolean =>
  new Set(calls.map((numbers) => numbers.join())).size === calls.length;

onTensorFlow(() => {
  // Kurtosis: 9/5 of a uniform, 3 of a normal, 1/(p(1−p)) − 3 of a coin. A normal within 2 deviations has a variance of
  // 0.7737 and a kurtosis of 2.37 (Johnson, Kotz and Balakrishnan 1994, sec. 13.10).
  const p = 0.25;
  const distributions: [string, () => tf.Tensor, [number, number, number]][] = [
    ['randomUniform', () => tf.randomUniform([50, 40], -1, 3), [1, 16 / 12, 1.8]],
    ['randomNormal', () => tf.randomNormal([2000], 5, 2), [5, 4, 3]],
    ['truncatedNormal', () => tf.truncatedNormal([2000], 1, 3), [1, 9 * 0.7737, 2.37]],
    ['randomStandardNormal', () => tf.randomStandardNormal([2000]), [0, 1, 3]],
    [
      'randomUniform of whole numbers',
      () => tf.randomUniform([2000], 0, 4, 'int32'),
      [1.5, 1.25, 1.64],
    ],
    ['dropout', () => tf.dropout(tf.ones([2000]), p), [1, p / (1 - p), 1 / (p * (1 - p)) - 3]],
  ];
  describe.each([
    ['the graph', {}],
    ['XLA', { xla: true }],
  ])('in %s', (_, options) => {
    it.each(distributions)(
      '%s has its mean and variance, and other numbers in each call',
      (_name, make, moments) => {
        const calls = recordedCalls(make, options);
        expectMoments(calls.flat(), ...moments);
        expect(areDifferent(calls)).toBe(true);
      },
    );

    it('two dropouts of a step have different masks', () => {
      const drop = (): tf.Tensor => tf.dropout(tf.ones([200]), 0.5);
      for (const numbers of recordedCalls(() => tf.stack([drop(), drop()]), options)) {
        expect(numbers.slice(0, 200)).not.toEqual(numbers.slice(200));
      }
    });

    it('a seed makes dropout reproducible, and still other in each call and for each layer', () => {
      const drop = (): tf.Tensor => tf.dropout(tf.ones([200]), 0.5, undefined, 7);
      const run = (): number[][] => recordedCalls(() => tf.stack([drop(), drop()]), options);
      const calls = run();
      expect(run()).toEqual(calls);
      expect(areDifferent(calls)).toBe(true);
      for (const numbers of calls) expect(numbers.slice(0, 200)).not.toEqual(numbers.slice(200));
    });

    it('without a seed two compiled steps draw different numbers', () => {
      const run = (): number[][] => recordedCalls(() => tf.randomNormal([20]), options);
      expect(run()).not.toEqual(run());
    });

    it('two layers with the same seed have different masks, in each call others, and the same in each run', () => {
      const x = tf.ones([4, 50]);
      const run = (): number[][] => {
        const drops = [1, 2].map(() => layers.layers.dropout({ rate: 0.5, seed: 7 }));
        return recordedCalls(
          () => tf.stack(drops.map((drop) => drop.apply(x, { training: true }) as tf.Tensor)),
          options,
        );
      };
      const calls = run();
      expect(run()).toEqual(calls);
      expect(areDifferent(calls)).toBe(true);
      for (const numbers of calls) expect(numbers.slice(0, 200)).not.toEqual(numbers.slice(200));
      expectMoments(calls.flat(), 1, 1, 1.1);
    });

    it.each([
      ['dropout', () => layers.layers.dropout({ rate: 0.5 })],
      ['spatialDropout1d', () => layers.layers.spatialDropout1d({ rate: 0.5 })],
      ['gaussianNoise', () => layers.layers.gaussianNoise({ stddev: 1 })],
      ['gaussianDropout', () => layers.layers.gaussianDropout({ rate: 0.5 })],
      ['alphaDropout', () => layers.layers.alphaDropout({ rate: 0.5 })],
      ['lstm', () => layers.layers.lstm({ units: 8, dropout: 0.5, recurrentDropout: 0.5 })],
    ])('the layer %s is random in each call', (_name, make) => {
      const layer = make();
      const x = tf.ones([2, 10, 8]);
      const run = (): tf.Tensor => layer.apply(x, { training: true }) as tf.Tensor;
      expect(areDifferent(recordedCalls(run, options))).toBe(true);
    });
  });

  it('whole numbers lie between their bounds', () => {
    const drawn = new Set(recordedCalls(() => tf.randomUniform([100], -2, 2, 'int32')).flat());
    // tfjs cuts the fraction off, so that the lower bound is never drawn.
    expect([...drawn].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
  });

  it('a seed outside of dropout gives the same numbers in each call, as tfjs does', () => {
    const expected = values(tf.randomNormal([20], 0, 1, 'float32', 3));
    for (const numbers of recordedCalls(() => tf.randomNormal([20], 0, 1, 'float32', 3))) {
      expect(numbers).toEqual(expected);
    }
  });

  it.each([
    ['randomGamma', () => tf.randomGamma([3], 2)],
    ['randomUniform', () => tf.randomUniform([3], 0, 2, 'bool')],
  ])('refuses what it cannot draw anew: %s', (name, make) => {
    const step = compile(() => tf.cast(make(), 'float32'));
    expect(() => step()).toThrow(new RegExp(`random numbers.*${name}`));
  });
});
