import * as tf from '@tensorflow/tfjs-core';
import { layers as tfl } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { Factor, Passing, Probe, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import {
  expectClose,
  kernelsRunBy,
  noise,
  random,
  step,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import {
  byRole,
  describeRoles,
  effectiveLearningRate,
  learningRateOf,
  ratesOf,
  setRates,
} from './index.ts';
import { copyStanding } from './kit.ts';

/** The weights after ten steps with gradients that do not depend on them. */
function trained(optimizer: tf.Optimizer, rates: Parameters<typeof setRates>[1]): number[] {
  const [target, other] = [variable([1, -2, 3], [3]), variable([1, 1], [2])];
  setRates(target, rates);
  const next = random(5);
  for (let at = 0; at < 10; at++) {
    step(optimizer, [
      [other, noise(next, 2)],
      [target, at === 4 ? null : noise(next, 3)],
    ]);
  }
  const weights = values(target);
  tf.dispose([target, other]);
  optimizer.dispose();
  return weights;
}

const OPTIMIZERS: [string, (by: number) => tf.Optimizer][] = [
  ['one of ours', (by) => new Probe(0.125 * by)],
  ...TFJS_OPTIMIZERS.map(([name, make]): [string, (by: number) => tf.Optimizer] => [
    `tfjs' ${name}`,
    // A factor around it scales its rate alone.
    (by) => new Factor(make(), by),
  ]),
  ['byRole', (by) => new Passing(byRole({ vector: new Probe(0.125 * by), default: new Probe(9) }))],
];

eachBackend(() => {
  test.each(OPTIMIZERS)('%s: a factor of the rate is a rate of its own', (_, make) => {
    for (const learningRate of [0.25, 2]) {
      expectClose(
        trained(make(1), { learningRate }),
        trained(make(learningRate), { learningRate: 1 }),
        2e-6,
        1,
      );
    }
    expect(trained(make(1), { learningRate: 0 })).toEqual([1, -2, 3]);
    expect(trained(make(1), { learningRate: 0.5 })).not.toEqual(trained(make(1), {}));
  });

  test('without factors a step runs the kernels that it ran before there were any', () => {
    const run = (learningRate: number): string[] => {
      const [optimizer, target] = [new Passing(tf.train.sgd(0.1)), variable([1], [1])];
      setRates(target, { learningRate });
      step(optimizer, [[target, [1]]]);
      return kernelsRunBy(() => step(optimizer, [[target, [1]]]));
    };
    const plain = run(1);
    expect(run(2).length).toBeGreaterThan(plain.length);
    expect(plain.filter((name) => name !== 'Identity')).toEqual(['Multiply', 'Add']);
  });

  test('a factor may change between steps, and leaves no tensor behind', async () => {
    const [optimizer, target] = [new Probe(0.5), variable([0], [1])];
    setRates(target, { learningRate: 0.5 });
    step(optimizer, [[target, [1]]]);
    let expected = 0;
    const left = await tensorsLeftBy(() => {
      for (let at = 1; at < 6; at++) {
        setRates(target, { learningRate: at / 8 });
        const [before] = values(target);
        step(optimizer, [[target, [1]]]);
        const momentum = 2 - 0.5 ** at;
        expected = (before as number) - (0.5 * at * momentum) / 8;
        expectClose(values(target), [expected], 1e-6);
      }
    });
    expect(left).toBe(0);
    optimizer.dispose();
    target.dispose();
  });
});

onCpu(() => {
  test('a variable has the factor 1 until one is set; what is not given stays', () => {
    const target = variable([1], [1]);
    expect(ratesOf(target)).toEqual({ learningRate: 1, decay: 1 });
    setRates(target, { decay: 4 });
    setRates(target, { learningRate: 0.5 });
    expect(ratesOf(target)).toEqual({ learningRate: 0.5, decay: 4 });
    setRates(target, { learningRate: 1, decay: 1 });
    expect(ratesOf(target)).toEqual({ learningRate: 1, decay: 1 });
  });

  test('a layer means its kernels, a weight itself', () => {
    const model = smallModel();
    const [hidden] = model.layers;
    setRates(hidden!, { learningRate: 0.5 });
    setRates(hidden!.weights[1]!, { decay: 2 });
    const [kernel, bias] = hidden!.weights.map((weight) => weight.read() as tf.Variable);
    expect(ratesOf(kernel!)).toEqual({ learningRate: 0.5, decay: 1 });
    expect(ratesOf(bias!)).toEqual({ learningRate: 1, decay: 2 });
  });

  test('the rate of a variable as a number and as a scalar has its factor, under schedules and groups', () => {
    const [a, b] = [variable([0], [1]), variable([0], [1])];
    setRates(a, { learningRate: 0.25 });
    const optimizer = new Factor(
      new Passing(byRole({ vector: new Probe(2), default: new Probe(9) })),
      0.5,
    );
    step(optimizer, [
      [a, [1]],
      [b, [1]],
    ]);
    expect([a, b].map((v) => effectiveLearningRate(optimizer, v))).toEqual([0.25, 1]);
    expect([a, b].map((v) => values(learningRateOf(optimizer, v)))).toEqual([[0.25], [1]]);
    optimizer.by = 0.125;
    step(optimizer, [
      [a, [1]],
      [b, [1]],
    ]);
    expect([a, b].map((v) => values(learningRateOf(optimizer, v)))).toEqual([[0.0625], [0.25]]);
    expect(effectiveLearningRate(optimizer)).toBe(1.125);
  });

  test('variables of one factor share a scalar', () => {
    const optimizer = new Probe(1);
    const [a, b, c] = [1, 2, 3].map(() => variable([0], [1]));
    for (const each of [a!, b!]) setRates(each, { learningRate: 0.5 });
    expect(optimizer.rateOf(a!)).toBe(optimizer.rateOf(b!));
    expect(optimizer.rateOf(a!)).not.toBe(optimizer.rateOf(c!));
  });

  test('copyStanding gives a variable the factors of another, or takes them away', () => {
    const [from, to, plain] = [1, 2, 3].map(() => variable([0], [1]));
    setRates(from!, { learningRate: 0.5, decay: 3 });
    copyStanding(from!, to!);
    expect(ratesOf(to!)).toEqual({ learningRate: 0.5, decay: 3 });
    copyStanding(plain!, to!);
    expect(ratesOf(to!)).toEqual({ learningRate: 1, decay: 1 });
  });

  test('the table of roles has columns for factors where there are some', () => {
    const [a, b] = [variable([0], [1], 'gain'), variable([0], [1], 'bias')];
    expect(String(describeRoles([a, b]))).not.toContain('decay');
    setRates(a, { learningRate: 1 / 3 });
    const { rows } = describeRoles([a, b]);
    expect(rows.map(({ rates }) => rates.learningRate)).toEqual([Math.fround(1 / 3), 1]);
    expect(
      String(describeRoles([a, b]))
        .split('\n')
        .map((line) => line.split(/ {2,}/).slice(-2)),
    ).toEqual([
      ['learning rate', 'decay'],
      ['× 0.3333', '× 1'],
      ['× 1', '× 1'],
    ]);
  });

  test.each([
    [
      { learningRate: -1 },
      'setRates: "learningRate" must be a finite number >= 0. Received -1. Try 0.5.',
    ],
    [
      { decay: Number.NaN },
      'setRates: "decay" must be a finite number >= 0. Received NaN. Try 0.5.',
    ],
    [{ rate: 1 }, 'setRates: unknown option "rate". It takes learningRate, decay.'],
    [5, 'setRates: options must be one object. Received 5. Try setRates({ learningRate }).'],
  ])('%j is refused, and nothing has changed', (rates, message) => {
    const target = variable([0], [1]);
    expect(() => setRates(target, rates as object)).toThrow(message);
    expect(ratesOf(target)).toEqual({ learningRate: 1, decay: 1 });
  });

  test('what has no kernel, or is no variable, is refused', () => {
    expect(() => setRates(tfl.flatten({ name: 'flat' }), {})).toThrow(
      /^setRates: layer "flat" \(Flatten\) has no kernel/,
    );
    expect(() => setRates(5 as unknown as tf.Variable, {})).toThrow(
      /^setRates: the target must be/,
    );
    expect(() => ratesOf(5 as unknown as tf.Variable)).toThrow(/^ratesOf: the target must be/);
  });
});
