import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, sequential, layers as tfl } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { optimizer, ratesOf, TensorOptimizer } from '@tfjs-lrm/core';
import { addMultipliers, reparametrize } from '@tfjs-lrm/multipliers';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { step, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { mup } from './index.ts';

const build = (width: number): LayersModel =>
  sequential({
    layers: [
      tfl.dense({ units: width, activation: 'relu', inputShape: [6] }),
      tfl.dense({ units: width, activation: 'relu' }),
      tfl.dense({ units: 3 }),
    ],
  });

const variablesOf = (model: LayersModel): tf.Variable[] =>
  model.trainableWeights.map((weight) => weight.read() as tf.Variable);

const rmsOf = (variable: tf.Variable): number =>
  Math.sqrt(values(variable).reduce((sum, x) => sum + x * x, 0) / variable.size);

const compiled = (width: number, optimizer: tf.Optimizer = adam()): LayersModel => {
  const model = build(width);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
};

class Unknown extends TensorOptimizer {
  static override readonly className: string = 'TestUnknown';
  constructor(_: object) {
    super(0.1);
  }
  override update(): void {}
  protected override options(): object {
    return {};
  }
}
const unknown = optimizer('unknown', Unknown, {});

eachBackend(() => {
  test('initial values are those of the base model, times what the table says', async () => {
    const [model, base] = [compiled(64), build(16)];
    const left = await tensorsLeftBy(() => mup(model, { base }));
    expect(left).toBe(0);
    const ratios = variablesOf(model).map(
      (variable, i) => rmsOf(variable) / rmsOf(variablesOf(base)[i]!),
    );
    expect(ratios[0]).toBeCloseTo(1, 5);
    expect(ratios[2]).toBeCloseTo(1 / 2, 5);
    expect(ratios[4]).toBeCloseTo(1 / 4, 5);
    // Biases start from 0.
    for (const i of [1, 3, 5]) expect(rmsOf(variablesOf(model)[i]!)).toBe(0);
  });
});

onCpu(() => {
  test('at the width of the base model nothing changes', () => {
    const [model, base] = [compiled(16), build(16)];
    const before = variablesOf(model).map((variable) => values(variable));
    const { rows } = mup(model, { base });
    expect(rows.every(({ kind }) => kind === 'finite')).toBe(true);
    expect(variablesOf(model).map((variable) => values(variable))).toEqual(before);
    for (const variable of variablesOf(model)) {
      expect(ratesOf(variable)).toEqual({ learningRate: 1, decay: 1 });
    }
  });

  test('widths in the place of a base model set the same rates, and leave initial values', () => {
    const [model, other] = [compiled(64), compiled(64)];
    const before = variablesOf(model).map((variable) => values(variable));
    const byWidths = mup(model, { base: { 64: 16 } });
    const byModel = mup(other, { base: build(16) });
    const numbers = ({ rows }: typeof byModel) =>
      rows.map(({ base, kind, learningRate, decay, initial }) => [
        base,
        kind,
        learningRate,
        decay,
        initial,
      ]);
    expect(numbers(byWidths)).toEqual(numbers(byModel));
    expect(variablesOf(model).map((variable) => values(variable))).toEqual(before);
  });

  test.each([
    ['learning-rate', 4],
    ['independent', 1],
    ['learning-rate-squared', 16],
  ] as const)(
    'decay with the coupling %s keeps the share that a step removes',
    (coupling, decay) => {
      const model = compiled(64, withWeightDecay(adam(), { coupling }));
      const { rows } = mup(model, { base: build(16) });
      expect(rows[2]).toMatchObject({ kind: 'hidden', learningRate: 1 / 4, decay });
      const plain = mup(compiled(64, withWeightDecay(adam(), { coupling })), {
        base: build(16),
        scaleDecay: false,
      });
      expect(plain.rows[2]).toMatchObject({ learningRate: 1 / 4, decay: 1 });
    },
  );

  test('rates act: the first step of Adam on a hidden kernel is a quarter as large', () => {
    const rate = 0.01;
    const model = compiled(64, adam({ learningRate: rate }));
    mup(model, { base: build(16) });
    const [, , kernel] = variablesOf(model);
    const before = values(kernel!);
    step(model.optimizer, [[kernel!, before.map(() => 1)]]);
    expect(before[0]! - values(kernel!)[0]!).toBeCloseTo(rate / 4, 6);
  });

  test('reparametrize passes the factors on to W', () => {
    const model = compiled(64, reparametrize(adam({ learningRate: 0.01 })));
    const { rows } = mup(model, { base: build(16) });
    expect(rows[2]).toMatchObject({ kind: 'hidden', learningRate: 1 / 4 });
  });

  test('the multipliers of a whole model: that of the head starts from 1/a, the others from 1', () => {
    const make = (width: number): LayersModel => addMultipliers(build(width));
    const model = make(64);
    model.compile({ optimizer: adam(), loss: 'meanSquaredError' });
    const { rows } = mup(model, { base: make(16) });
    const set = rows.filter(({ multiplier }) => multiplier !== null);
    expect(set).toHaveLength(1);
    expect(set[0]).toMatchObject({ multiplier: 1 / 4, learningRate: 1 / 4, shape: [64] });
    const factors = variablesOf(model).filter(({ name }) => name.includes('multiplier'));
    const means = factors.map((factor) => values(factor).reduce((a, b) => a + b) / factor.size);
    expect(means.filter((mean) => mean === 0.25)).toHaveLength(1);
    expect(means.filter((mean) => mean === 1)).toHaveLength(factors.length - 1);
  });

  test('the table has a line per variable', () => {
    const lines = String(mup(compiled(64), { base: build(16) })).split('\n');
    expect(lines).toHaveLength(7);
    expect(lines[3]!.split(/ {2,}/).slice(1)).toEqual([
      '[64, 64]',
      '[16, 16]',
      'hidden',
      '× 0.25',
      '× 4',
      '× 0.5',
    ]);
  });

  test('initial values are scaled once, and not at all for a model that has been trained', () => {
    const model = compiled(64);
    const before = variablesOf(model).map((variable) => values(variable));
    mup(model, { base: build(16), initialValues: false });
    expect(variablesOf(model).map((variable) => values(variable))).toEqual(before);
    mup(model, { base: build(16) });
    expect(() => mup(model, { base: build(16) })).toThrow(/would be scaled twice/);
  });

  test('an optimizer that does not say how its updates depend on gradients needs a rule', () => {
    const model = compiled(64, unknown());
    expect(() => mup(model, { base: build(16) })).toThrow(
      /^mup: unknown, which trains .* rule: 'adam'/,
    );
    expect(ratesOf(variablesOf(model)[2]!).learningRate).toBe(1);
    expect(mup(model, { base: build(16), rule: 'adam' }).rows[2]!.learningRate).toBe(1 / 4);
  });

  test.each([
    ['no model', () => mup(5 as never, { base: { 64: 16 } }), /^mup: the model must be/],
    ['no optimizer', () => mup(build(64), { base: build(16) }), /not compiled. Compile it first/],
    [
      'a bare optimizer of tfjs',
      () => mup(compiled(64, tf.train.sgd(0.1)), { base: build(16) }),
      /^mup: SGD of tfjs by itself .* asTensorOptimizer/,
    ],
    ['no base', () => mup(compiled(64), {} as never), /^mup: "base" must be a model/],
    ['an empty base', () => mup(compiled(64), { base: {} }), /^mup: "base" must be a model/],
    [
      'a wrong width',
      () => mup(compiled(64), { base: { 64: 0.5 } }),
      /^mup: "base" must be a model/,
    ],
    ['another option', () => mup(compiled(64), { bases: 1 } as never), /Did you mean "base"/],
    [
      'a base with other layers',
      () =>
        mup(compiled(64), {
          base: sequential({ layers: [tfl.dense({ units: 3, inputShape: [6] })] }),
        }),
      /^mup: the base model must have the weights of the model/,
    ],
  ])('%s is refused', (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });
});
