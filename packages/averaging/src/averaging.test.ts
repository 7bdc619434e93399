/** Averages against optax and PyTorch in float64, and what they must not change. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { transformState } from '@tfjs-lrm/core';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import {
  expectClose,
  hostReads,
  kernelsRunBy,
  step,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import { withAveraging } from './index.ts';

type Options = NonNullable<Parameters<typeof withAveraging>[1]>;

const url = new URL('../../../fixtures/averaging/averages.json', import.meta.url);
const golden = JSON.parse(readFileSync(url, 'utf8')) as {
  weights: number[][];
  exponential: Record<string, number[][]>;
  biased: Record<string, number[][]>;
  equal: number[][];
};

const average = (optimizer: ReturnType<typeof withAveraging>, target: tf.Variable): number[] =>
  values(optimizer.slots(target).get('average') as tf.Variable);

/** The averages after each step in which the weights go through `path`. */
function averagesOf(options: Options, path: readonly number[][]): (number[] | null)[] {
  const target = variable(new Array(path[0]!.length).fill(0), [path[0]!.length]);
  const optimizer = withAveraging(tf.train.sgd(1), options);
  return path.map((weights) => {
    step(optimizer, [[target, values(target).map((w, i) => w - weights[i]!)]]);
    return optimizer.slots(target).has('average') ? average(optimizer, target) : null;
  });
}

const CASES: [string, Options, number[][]][] = [
  ['equal, as PyTorch', { average: 'equal' }, golden.equal],
  ...Object.entries(golden.exponential).map(([decay, expected]): [string, Options, number[][]] => [
    `exponential by ${decay}, as optax`,
    { decay: Number(decay) },
    expected,
  ]),
  ...Object.entries(golden.biased).map(([decay, expected]): [string, Options, number[][]] => [
    `exponential by ${decay} from the first weights on, as PyTorch`,
    { decay: Number(decay), debias: false },
    expected,
  ]),
];

eachBackend(() => {
  test.each(CASES)('%s', (_, options, expected) => {
    averagesOf(options, golden.weights).forEach((averages, t) => {
      expectClose(averages!, expected[t]!, 2e-6, 1);
    });
  });

  test('only the steps start, start + every, … count', () => {
    const averages = averagesOf({ average: 'equal', start: 2, every: 3 }, golden.weights);
    const counted = golden.weights.filter((_, t) => t >= 2 && (t - 2) % 3 === 0);
    averages.forEach((each, t) => {
      const soFar = counted.slice(0, Math.floor((t - 2) / 3) + 1);
      const mean = golden.weights[0]!.map(
        (_w, i) => soFar.reduce((sum, w) => sum + w[i]!, 0) / soFar.length,
      );
      if (t < 2) expect(each).toBeNull();
      else expectClose(each!, mean, 2e-6, 1);
    });
  });

  test('the weights are those of training without', () => {
    const [alone, averaged] = [variable([1, -2, 3], [3]), variable([1, -2, 3], [3])];
    const [plain, optimizer] = [adam(), withAveraging(adam(), { every: 2 })];
    for (let t = 0; t < 5; t++) {
      step(plain, [[alone, [t, 1, -1]]]);
      step(optimizer, [[averaged, [t, 1, -1]]]);
    }
    expect(values(averaged)).toEqual(values(alone));
  });

  test('nothing is computed in a step that does not count, and nothing waits for the device', () => {
    const optimizer = withAveraging(tf.train.sgd(0.1), { every: 4 });
    const target = variable([1, 2], [2]);
    const kernels = Array.from({ length: 5 }, () =>
      kernelsRunBy(() => step(optimizer, [[target, [1, 1]]])),
    );
    const plain = kernelsRunBy(() => step(tf.train.sgd(0.1), [[target, [1, 1]]]));
    expect(kernels[1]!.length).toBe(plain.length);
    expect(kernels[4]!.length).toBeGreaterThan(plain.length);
    expect(hostReads(() => step(optimizer, [[target, [1, 1]]]))).toBe(0);
  });

  test('no tensor is left after dispose', async () => {
    const left = await tensorsLeftBy(() => {
      const target = variable([1, 2], [2]);
      const optimizer = withAveraging(adam());
      for (let t = 0; t < 3; t++) step(optimizer, [[target, [1, 1]]]);
      optimizer.dispose();
      target.dispose();
    });
    expect(left).toBe(0);
  });
});

onCpu(() => {
  test('a variable that comes later begins with its own weights', () => {
    const optimizer = withAveraging(tf.train.sgd(1), { average: 'equal' });
    const [early, late] = [variable([0], [1]), variable([10], [1])];
    step(optimizer, [[early, [-1]]]);
    step(optimizer, [
      [early, [-1]],
      [late, [-1]],
    ]);
    expect(average(optimizer, early)).toEqual([1.5]);
    expect(average(optimizer, late)).toEqual([11]);
  });

  test.each([{ average: 'equal' }, { decay: 0.5 }] as const)(
    'around a run that goes on, the average begins there: %j',
    async (options) => {
      const target = variable([0], [1]);
      const before = withAveraging(tf.train.sgd(1), { start: 100 });
      for (let t = 0; t < 10; t++) step(before, [[target, [-1]]]);
      const optimizer = withAveraging(tf.train.sgd(1), options);
      await optimizer.setWeights(await before.getWeights());
      step(optimizer, [[target, [-1]]]);
      step(optimizer, [[target, [-1]]]);
      const expected = 'average' in options ? 11.5 : (11 * 0.25 + 12 * 0.5) / 0.75;
      expectClose(average(optimizer, target), [expected], 1e-6);
    },
  );

  test('averages scale with the weights', () => {
    const optimizer = withAveraging(tf.train.sgd(1));
    const target = variable([4], [1]);
    step(optimizer, [[target, [0]]]);
    transformState(optimizer, target, (_slot, value, { gradientPower }) =>
      tf.div(value, 2 ** (gradientPower as number)),
    );
    expect(average(optimizer, target)).toEqual([8]);
  });

  test.each([
    [{ decay: 1.5 }, 'withAveraging: "decay" must'],
    [{ start: -1 }, 'withAveraging: "start" must'],
    [{ every: 0 }, 'withAveraging: "every" must'],
    [{ average: 'mean' }, 'withAveraging: "average" must'],
    [{ beta: 0.9 }, 'withAveraging: unknown option "beta"'],
  ])('refuses %j', (options, message) => {
    expect(() => withAveraging(tf.train.sgd(1), options as Options)).toThrow(message);
  });
});
