import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import * as layersApi from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { asTensorOptimizer } from '@tfjs-lrm/core';
import { nodeOf, updaterOf } from '@tfjs-lrm/core/kit';
import { muon } from '@tfjs-lrm/muon';
import { describe, expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { Probe } from '../../../test/optimizers.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { buildModel, inputsOf, MODEL_NAMES } from '../test/models.ts';
import { findSymmetries, rebalance, rebalanceEvery, symmetryDrift } from './index.ts';

const outputs = (model: LayersModel, x: tf.Tensor): number[] =>
  tf.tidy(() => values(model.apply(x) as tf.Tensor));

const variablesOf = (model: LayersModel): tf.Variable[] =>
  model.trainableWeights.map((weight) => weight.read() as tf.Variable);

/** One step of an optimizer on a batch that depends on the number alone. */
function stepOn(model: LayersModel, optimizer: tf.Optimizer, number: number): void {
  tf.tidy(() => {
    const x = inputsOf(model, 100 + number);
    const shape = (model.apply(x) as tf.Tensor).shape;
    const y = tf.tensor(noise(random(200 + number), tf.util.sizeFromShape(shape)), shape);
    const loss = () => tf.mean(tf.squaredDifference(model.apply(x) as tf.Tensor, y)) as tf.Scalar;
    optimizer.minimize(loss, false, variablesOf(model));
  });
}

eachBackend(() => {
  it.each(MODEL_NAMES)('leaves the outputs of "%s" as they are and balances it', (name) => {
    const model = buildModel(name);
    const x = inputsOf(model);
    const before = outputs(model, x);
    const largest = Math.max(...before.map(Math.abs));
    const kinds = findSymmetries(model).map(({ kind }) => kind);
    const isMoving = kinds.map((kind) => kind === 'multiplicative');
    if (isMoving.includes(true)) {
      expect(Math.max(...symmetryDrift(model).filter((_, at) => isMoving[at]))).toBeGreaterThan(
        0.05,
      );
    }
    rebalance(model);
    for (const [at, drift] of symmetryDrift(model).entries()) {
      if (isMoving[at]) expect(drift).toBeLessThan(1e-5);
    }
    expectClose(outputs(model, x), before, 1e-6, largest);
    x.dispose();
    model.dispose();
  });
});

onCpu(() => {
  const optimizers: readonly [string, () => tf.Optimizer][] = [
    ['adam', () => adam({ learningRate: 1e-2 })],
    ['muon', () => muon({ learningRate: 1e-2 })],
    ['tf.train.adam', () => tf.train.adam(1e-2)],
    ['tf.train.adamax', () => tf.train.adamax(1e-2)],
    ['tf.train.momentum', () => tf.train.momentum(1e-2, 0.9)],
    ['tf.train.rmsprop', () => tf.train.rmsprop(1e-2, 0.9, 0.5, 1e-16)],
    ['tf.train.adagrad', () => tf.train.adagrad(1e-2, 1e-30)],
    ['tf.train.adadelta', () => tf.train.adadelta(1e-2, 0.9, 1e-12)],
    ['tf.train.sgd', () => tf.train.sgd(1e-2)],
  ];

  // tfjs' formula takes the root of a negative number where a gradient is 0, as behind a relu.
  const centred = [
    'centred tf.train.rmsprop',
    () => tf.train.rmsprop(1e-2, 0.9, 0, 1e-16, true),
  ] as const;

  describe.each(['multipliers', 'rotary attention', 'relu with biases'])('%s', (name) => {
    it.each([...optimizers, ...(name === 'rotary attention' ? [centred] : [])])(
      'moments of %s are those of a run on the rescaled weights',
      (_, make) => {
        const [model, other] = [buildModel(name), buildModel(name)];
        const [first, second] = [make(), make()].map(asTensorOptimizer) as [
          ReturnType<typeof asTensorOptimizer>,
          ReturnType<typeof asTensorOptimizer>,
        ];
        const path: number[][][] = [];
        for (let at = 0; at < 5; at++) {
          path.push(variablesOf(model).map(values));
          stepOn(model, first, at);
        }
        const end = variablesOf(model).map(values);
        rebalance(model, { optimizer: first });
        const factors = variablesOf(model).map((variable, i) =>
          values(variable).map((value, j) => value / (end[i]?.[j] as number)),
        );
        expect(Math.max(...factors.flat())).toBeGreaterThan(1.1);
        // The same data and the same path, with every weight multiplied by its factor.
        path.forEach((weights, at) => {
          tf.tidy(() =>
            variablesOf(other).forEach((variable, i) => {
              const scaled = (weights[i] as number[]).map(
                (value, j) => value * (factors[i]?.[j] as number),
              );
              variable.assign(tf.tensor(scaled, variable.shape));
            }),
          );
          stepOn(other, second, at);
        });
        // Gradients are float32 sums; small ones are no more exact than large ones.
        const share = make === centred[1] ? 1 : 0.1;
        let compared = 0;
        variablesOf(model).forEach((variable, i) => {
          const twin = second.slots(variablesOf(other)[i] as tf.Variable);
          for (const [slot, value] of updaterOf(first, variable).slots(variable)) {
            const owner = updaterOf(second, variablesOf(other)[i] as tf.Variable);
            const expected = (twin.get(slot) ??
              owner.slots(variablesOf(other)[i] as tf.Variable).get(slot)) as tf.Variable;
            const wanted = values(expected);
            expectClose(values(value), wanted, 1e-5, share * Math.max(...wanted.map(Math.abs)));
            compared += 1;
          }
        });
        expect(compared > 0 || nodeOf(first).stateName === 'SGD').toBe(true);
        for (const each of [first, second, model, other]) each.dispose();
      },
    );
  });

  it('takes the optimizer of the model where none is given', async () => {
    const model = buildModel('relu');
    const optimizer = adam();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    stepOn(model, optimizer, 1);
    const [variable] = variablesOf(model) as [tf.Variable];
    const before = values(optimizer.slots(variable).get('m') as tf.Variable);
    rebalance(model);
    expect(values(optimizer.slots(variable).get('m') as tf.Variable)).not.toEqual(before);
    optimizer.dispose();
    model.dispose();
  });

  it('leaves frozen weights and zeros where they are', () => {
    const model = buildModel('relu');
    (model.layers[1] as layersApi.layers.Layer).trainable = false;
    tf.tidy(() => {
      (model.layers[3] as layersApi.layers.Layer).setWeights([tf.zeros([4, 3])]);
    });
    const before = model.getWeights().map(values);
    rebalance(model);
    expect(model.getWeights().map(values)).toEqual(before);
    model.dispose();
  });

  it('moves along normalisations when asked to', () => {
    const model = buildModel('pre-norm residual');
    const at = findSymmetries(model).findIndex(({ kind }) => kind === 'normalisation');
    const x = inputsOf(model);
    const before = outputs(model, x);
    const drift = symmetryDrift(model)[at] as number;
    rebalance(model);
    expect(symmetryDrift(model)[at]).toBeGreaterThan(1e-2);
    rebalance(model, { normalisation: true });
    expect(symmetryDrift(model)[at]).toBeLessThan(1e-5);
    expect(drift).toBeGreaterThan(1e-2);
    expectClose(outputs(model, x), before, 1e-5);
    x.dispose();
    model.dispose();
  });

  it.each([
    ['a velocity called v', { v: 1 }, 0.5],
    ['squares called momentum', { momentum: 2 }, 0.25],
    ['an average of the weights', { average: -1 }, 2],
    ['a count', { count: 0 }, 1],
  ] as const)(
    'scales %s of an optimizer of your own as it says, not as it is called',
    (_, powers, by) => {
      const [slot] = Object.keys(powers) as [string];
      class Own extends Probe {
        static override readonly className: string = 'TestOwn';
        override get gradientPowers(): Readonly<Record<string, number>> {
          return powers;
        }
        override update(entries: Parameters<Probe['update']>[0]): void {
          for (const { variable } of entries)
            this.slot(variable, slot, () => tf.onesLike(variable));
        }
      }
      const one = (name: string) =>
        layersApi.layers.dense({ units: 1, useBias: false, name, inputShape: [1] });
      const model = layersApi.sequential({ layers: [one('a'), one('b')] });
      model.setWeights([tf.tensor2d([[1]]), tf.tensor2d([[4]])]);
      const optimizer = new Own(1e-3);
      stepOn(model, optimizer, 1);
      rebalance(model, { optimizer });
      const [first, second] = variablesOf(model) as [tf.Variable, tf.Variable];
      expectClose([...values(first), ...values(second)], [2, 2], 1e-5);
      const slots = [first, second].map((each) => values(optimizer.slots(each).get(slot)!)[0]!);
      expectClose(slots, [by, 1 / by], 1e-5);
      optimizer.dispose();
      model.dispose();
    },
  );

  it('refuses what it cannot rescale before anything is changed', () => {
    const model = buildModel('relu');
    class Odd extends Probe {
      static override readonly className: string = 'TestOdd';
      override update(entries: Parameters<Probe['update']>[0]): void {
        for (const { variable } of entries) this.slot(variable, 'odd');
      }
    }
    const optimizer = new Odd(1e-3);
    stepOn(model, optimizer, 1);
    const before = model.getWeights().map(values);
    expect(() => rebalance(model, { optimizer })).toThrow(
      /rebalance: TestOdd keeps "odd" .* does not say how that scales/,
    );
    expect(model.getWeights().map(values)).toEqual(before);
    expect(() => rebalance(model, { optimiser: optimizer } as never)).toThrow(
      /Did you mean "optimizer"/,
    );
    expect(() => rebalance(model, { optimizer: 'adam' } as never)).toThrow(
      /must be a tf.Optimizer/,
    );
    expect(() => rebalance({} as never)).toThrow(/rebalance: the model must be a tf.LayersModel/);
    expect(() => rebalance(layersApi.sequential())).toThrow(/has no layers yet/);
    for (const steps of [0, 1.5, -1, '2']) {
      expect(() => rebalanceEvery(steps as number)).toThrow(/rebalanceEvery: "steps" must be/);
    }
    optimizer.dispose();
    model.dispose();
  });

  it('rebalances every so many batches, counted through epochs', async () => {
    const model = buildModel('relu');
    const optimizer = adam({ learningRate: 0.05 });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const x = inputsOf(model, 3, 12);
    const y = tf.zeros([12, 3]);
    const drifts: number[] = [];
    const log = async (): Promise<void> => {
      drifts.push(Math.max(...symmetryDrift(model)));
    };
    const callback = rebalanceEvery(2);
    // Three batches an epoch.
    await model.fit(x, y, {
      epochs: 2,
      batchSize: 4,
      verbose: 0,
      callbacks: [callback, new layersApi.CustomCallback({ onBatchEnd: log })],
    });
    expect(drifts.map((drift) => drift < 1e-5)).toEqual([false, true, false, true, false, true]);
    tf.dispose([x, y]);
    optimizer.dispose();
    model.dispose();
  });

  it('leaves no tensor behind', async () => {
    const model = buildModel('multipliers');
    const optimizer = adam();
    stepOn(model, optimizer, 1);
    expect(
      await tensorsLeftBy(() => {
        findSymmetries(model);
        rebalance(model, { optimizer });
        symmetryDrift(model);
      }),
    ).toBe(0);
    optimizer.dispose();
    model.dispose();
  });
});
