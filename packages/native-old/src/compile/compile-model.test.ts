import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles, bindState } from '@tfjs-lrm/core';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadArtifacts, savedArtifacts } from '../../../../test/models.ts';
import { tensorsLeftBy, values } from '../../../../test/tensors.ts';
import {
  classifier,
  data,
  dataOfTwoHeads,
  expectEqual,
  numbersOf,
  twoHeads,
  weightsOf,
} from '../../test/classifier.ts';
import { onTensorFlow, seedWeights } from '../../test/training.ts';
import { compileModel } from './compile-model.ts';

type FitArgs = layers.ModelFitArgs;
const { dense } = layers.layers;

/** A fit with the options, operation by operation and compiled. */
async function bothFits(options: FitArgs, make = classifier) {
  const [plain, compiled] = [make(), make()];
  const [x, y] = data(22);
  const args = { batchSize: 8, shuffle: false, verbose: 0, ...options };
  const expected = await plain.fit(x, y, args);
  const handle = compileModel(compiled);
  const actual = await compiled.fit(x, y, args);
  expectEqual(numbersOf(actual), numbersOf(expected));
  expectEqual(weightsOf(compiled), weightsOf(plain));
  return { expected, actual, handle, compiled, plain };
}

onTensorFlow(() => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each<[string, FitArgs]>([
    ['with a smaller last batch', { epochs: 4 }],
    ['with validation', { epochs: 4, validationSplit: 0.3 }],
    ['with class weights', { epochs: 4, classWeight: { 0: 1, 1: 2, 2: 0.5 } }],
  ])('fit is as before %s', async (_name, options) => {
    const { handle, actual, expected } = await bothFits(options);
    expect(Object.keys(actual.history)).toEqual(Object.keys(expected.history));
    expect(handle.traces).toBeGreaterThan(0);
    handle.dispose();
  });

  it('fit is as before with each optimizer of tfjs that a string names', async () => {
    for (const name of ['sgd', 'rmsprop', 'adagrad', 'adam', 'adamax', 'adadelta']) {
      const make = (): layers.Sequential => {
        const model = classifier();
        model.compile({ optimizer: name, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
        return model;
      };
      (await bothFits({ epochs: 3 }, make)).handle.dispose();
    }
  });

  it('callbacks see the same logs, and stopTraining stops', async () => {
    const seen: [number, unknown][][] = [];
    const run = async (compiles: boolean): Promise<void> => {
      const model = classifier();
      const handle = compiles ? compileModel(model) : null;
      const logs: [number, unknown][] = [];
      const [x, y] = data(16);
      await model.fit(x, y, {
        ...{ epochs: 9, batchSize: 8, shuffle: false, verbose: 0 },
        callbacks: {
          onEpochEnd(epoch, epochLogs) {
            logs.push([epoch, Object.keys(epochLogs ?? {})]);
            if (epoch === 3) model.stopTraining = true;
          },
        },
      });
      seen.push(logs);
      handle?.dispose();
    };
    await run(false);
    await run(true);
    expect(seen[0]).toHaveLength(4);
    expect(seen[1]).toEqual(seen[0]);
  });

  it('a callback may lower the learning rate, under a schedule too', async () => {
    const make = (): layers.Sequential =>
      classifier(withSchedule(adam({ learningRate: 0.05 }), cosine({ steps: 40 })));
    const lower = (model: layers.Sequential) => ({
      onEpochEnd(epoch: number) {
        if (epoch === 3)
          (model.optimizer as unknown as { learningRate: number }).learningRate /= 10;
      },
    });
    const [plain, compiled] = [make(), make()];
    const [x, y] = data(16);
    const args = { epochs: 8, batchSize: 8, shuffle: false, verbose: 0 };
    await plain.fit(x, y, { ...args, callbacks: lower(plain) });
    const handle = compileModel(compiled);
    await compiled.fit(x, y, { ...args, callbacks: lower(compiled) });
    expectEqual(weightsOf(compiled), weightsOf(plain));
    expect(handle.traces).toBe(1);
    handle.dispose();
  });

  it('trainOnBatch, evaluate and predict are as before', async () => {
    const [plain, compiled] = [classifier(), classifier()];
    const handle = compileModel(compiled);
    for (let at = 0; at < 5; at++) {
      const [x, y] = data(8, at);
      expectEqual(
        (await compiled.trainOnBatch(x, y)) as number[],
        (await plain.trainOnBatch(x, y)) as number[],
      );
      const scores = [compiled, plain].map((model) =>
        (model.evaluate(x, y, { batchSize: 5 }) as tf.Scalar[]).flatMap(values),
      );
      expectEqual(scores[0] as number[], scores[1] as number[]);
      const outputs = [compiled, plain].map((model) =>
        values(model.predict(x, { batchSize: 3 }) as tf.Tensor),
      );
      expectEqual(outputs[0] as number[], outputs[1] as number[]);
      expect(outputs[0]).toHaveLength(24);
    }
    handle.dispose();
  });

  it('several inputs and outputs are as before', async () => {
    const [x, y] = dataOfTwoHeads(10);
    const run = async (model: layers.LayersModel): Promise<number[]> => {
      await model.fit(x, y, { epochs: 4, batchSize: 4, shuffle: false, verbose: 0 });
      return [...weightsOf(model), ...(model.predict(x) as tf.Tensor[]).flatMap(values)];
    };
    const compiled = twoHeads();
    compileModel(compiled);
    expectEqual(await run(compiled), await run(twoHeads()));
  });

  it('dropout acts in fit and not in predict', async () => {
    const model = layers.sequential({
      layers: [layers.layers.dropout({ rate: 0.5, inputShape: [50] }), dense({ units: 50 })],
    });
    model.compile({ optimizer: adam({ learningRate: 0 }), loss: 'meanSquaredError' });
    const handle = compileModel(model);
    const x = tf.ones([4, 50]);
    const losses = [];
    for (let i = 0; i < 5; i++) losses.push(await model.trainOnBatch(x, tf.zeros([4, 50])));
    expect(new Set(losses).size).toBe(5);
    const expected = values(model.apply(x) as tf.Tensor);
    for (let i = 0; i < 3; i++) {
      expect(values(model.predict(x) as tf.Tensor)).toEqual(expected);
    }
    handle.dispose();
  });

  describe('functions', () => {
    const args = { epochs: 3, batchSize: 8, shuffle: false, verbose: 0 } as const;

    it('are kept from one fit to the next, and made anew after model.compile', async () => {
      const model = classifier();
      const handle = compileModel(model);
      const [x, y] = data(16);
      await model.fit(x, y, args);
      await model.fit(x, y, args);
      expect(handle.traces).toBe(1);
      model.compile({ optimizer: adam(), loss: 'meanSquaredError' });
      await model.fit(x, y, args);
      expect(handle.traces).toBe(2);
      handle.dispose();
    });

    it('are made anew after a layer was added', () => {
      const model = layers.sequential({ layers: [dense({ units: 2, inputShape: [4] })] });
      const handle = compileModel(model);
      const [x] = data(3);
      for (let i = 0; i < 3; i++) expect((model.predict(x) as tf.Tensor).shape).toEqual([3, 2]);
      model.add(dense({ units: 5 }));
      model.build(undefined as never);
      for (let i = 0; i < 3; i++) expect((model.predict(x) as tf.Tensor).shape).toEqual([3, 5]);
      handle.dispose();
    });

    it('leave nothing behind, and the model as it was', async () => {
      const model = classifier();
      const [x, y] = data(16);
      await model.fit(x, y, args);
      const left = await tensorsLeftBy(async () => {
        const handle = compileModel(model);
        await model.fit(x, y, { ...args, validationSplit: 0.5 });
        tf.dispose(model.predict(x));
        tf.dispose(model.evaluate(x, y));
        handle.dispose();
      });
      expect(left).toBe(0);
      expect(Object.hasOwn((model as unknown as { model: object }).model, 'compile')).toBe(false);
      await model.fit(x, y, args);
    });
  });

  it.each([
    ['compiled, saved and continued compiled', true],
    ['compiled, saved and continued operation by operation', false],
  ])('a run that is %s equals one that was never stopped', async (_name, compiles) => {
    const make = (): layers.Sequential => {
      const model = classifier(
        withSchedule(
          withClipping(muon({ learningRate: 0.02 }), { globalNorm: 1 }),
          cosine({ steps: 100 }),
        ),
      );
      assignRoles(model);
      return model;
    };
    const steps = async (model: layers.LayersModel, from: number, to: number): Promise<void> => {
      for (let at = from; at < to; at++) {
        const [x, y] = data(8, at);
        await model.trainOnBatch(x, y);
        tf.dispose([x, y]);
      }
    };
    const whole = make();
    await steps(whole, 0, 20);
    const first = make();
    const handle = compileModel(first);
    await steps(first, 0, 10);
    const loaded = await loadArtifacts(await savedArtifacts(first));
    handle.dispose();
    assignRoles(loaded);
    bindState(loaded.optimizer, loaded);
    if (compiles) compileModel(loaded);
    await steps(loaded, 10, 20);
    expectEqual(weightsOf(loaded), weightsOf(whole));
    expect(loaded.optimizer.iterations).toBe(20);
  });

  it('weights that are loaded between steps are taken', async () => {
    const [plain, compiled] = [classifier(), classifier()];
    const handle = compileModel(compiled);
    const [x, y] = data(8);
    for (const model of [plain, compiled]) {
      for (let at = 0; at < 8; at++) {
        if (at === 5) seedWeights(model, 9);
        await model.trainOnBatch(x, y);
      }
    }
    expectEqual(weightsOf(compiled), weightsOf(plain));
    handle.dispose();
  });

  it.each([
    ['no model', () => compileModel({} as never), /must be a tf\.LayersModel/],
    [
      'an unknown option',
      () => compileModel(classifier(), { Xla: true } as never),
      /Did you mean "xla"/,
    ],
    ['a model without layers', () => compileModel(layers.sequential()), /not built/],
    [
      'a model twice',
      () => {
        const model = classifier();
        compileModel(model);
        compileModel(model);
      },
      /compiled already/,
    ],
  ])('refuses %s', (_name, call, message) => {
    expect(call).toThrow(message);
  });
});
