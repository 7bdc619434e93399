import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { afterEach, describe, expect, it, vi } from 'vitest';
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
import { onTensorFlow } from '../../test/training.ts';
import { compileModel } from './compile-model.ts';

type Dataset = Parameters<layers.LayersModel['fitDataset']>[0];
type FitArgs = layers.ModelFitArgs;
type DatasetArgs = Parameters<layers.LayersModel['fitDataset']>[1];

/** Batches of the given sizes; the last one may be smaller. */
function dataset<T>(sizes: readonly number[], make: (size: number, seed: number) => T): Dataset {
  return {
    size: sizes.length,
    async iterator() {
      let at = 0;
      return {
        async next() {
          const size = sizes[at];
          at += 1;
          if (size === undefined) return { done: true, value: null };
          const [xs, ys] = make(size, at) as [unknown, unknown];
          return { done: false, value: { xs, ys } };
        },
      };
    },
  } as unknown as Dataset;
}

/** What a model says, operation by operation and compiled. */
async function expectSame(
  make: () => layers.LayersModel,
  run: (model: layers.LayersModel) => Promise<number[]>,
  options = {},
): Promise<void> {
  const [plain, compiled] = [make(), make()];
  const expected = [...(await run(plain)), ...weightsOf(plain)];
  const handle = compileModel(compiled, options);
  const actual = [...(await run(compiled)), ...weightsOf(compiled)];
  expectEqual(actual, expected);
  expect(handle.traces).toBeGreaterThan(0);
  handle.dispose();
}

const quiet = { batchSize: 8, shuffle: false, verbose: 0 } as const;

onTensorFlow(() => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  describe('datasets', () => {
    it.each<[string, () => Partial<DatasetArgs>]>([
      ['with a smaller last batch', () => ({})],
      ['with validation by a dataset', () => ({ validationData: dataset([8, 5], data) })],
      [
        'with validation by tensors',
        () => ({ validationData: data(11, 9), validationBatchSize: 4 }) as Partial<DatasetArgs>,
      ],
      ['with class weights', () => ({ classWeight: { 0: 1, 1: 2, 2: 0.5 } })],
      ['with batchesPerEpoch', () => ({ batchesPerEpoch: 2 })],
    ])('fitDataset is as before %s', async (_name, args) => {
      vi.spyOn(console, 'warn').mockImplementation(() => {});
      await expectSame(classifier, async (model) => {
        const all = { epochs: 4, verbose: 0, ...args() } as DatasetArgs;
        return numbersOf(await model.fitDataset(dataset([8, 8, 3], data), all));
      });
    });

    it('evaluateDataset is as before', async () => {
      await expectSame(classifier, async (model) => {
        const scores = [];
        for (let i = 0; i < 3; i++) {
          const found = await model.evaluateDataset(dataset([8, 8, 8, 3], data) as never, {});
          scores.push(...(found as tf.Scalar[]).flatMap(values));
        }
        return scores;
      });
    });

    it('those of several inputs and outputs are as before', async () => {
      await expectSame(twoHeads, async (model) => {
        const given = dataset([6, 6, 4], dataOfTwoHeads);
        return numbersOf(await model.fitDataset(given, { epochs: 4, verbose: 0 }));
      });
    });

    it('leave no tensor behind', async () => {
      const model = classifier();
      const args = { epochs: 3, verbose: 0, validationData: dataset([8], data) } as DatasetArgs;
      await model.fitDataset(dataset([8, 3], data), args);
      const plain = await tensorsLeftBy(() => model.fitDataset(dataset([8, 3], data), args));
      const left = await tensorsLeftBy(async () => {
        const handle = compileModel(model);
        await model.fitDataset(dataset([8, 3], data), args);
        handle.dispose();
      });
      // tfjs itself may leave some.
      expect(left).toBeLessThanOrEqual(plain);
    });
  });

  describe('fit', () => {
    it.each<[string, () => FitArgs]>([
      ['validationData', () => ({ epochs: 4, validationData: data(10, 7) })],
      ['initialEpoch', () => ({ epochs: 6, initialEpoch: 2 })],
      ['a batch larger than the data', () => ({ epochs: 4, batchSize: 100 })],
    ])('is as before with %s', async (_name, options) => {
      await expectSame(classifier, async (model) => {
        const [x, y] = data(22);
        return numbersOf(await model.fit(x, y, { ...quiet, ...options() }));
      });
    });

    it('is as before with outputs that have metrics of their own, by name', async () => {
      const names: string[][] = [];
      await expectSame(twoHeads, async (model) => {
        const [x, y] = dataOfTwoHeads(10);
        const args = { ...quiet, batchSize: 4, epochs: 4, validationSplit: 0.4 };
        const history = await model.fit(x, y, args);
        names.push(Object.keys(history.history));
        return numbersOf(history);
      });
      expect(names[1]).toEqual(names[0]);
      expect(names[0]).toContain('val_head3_mse');
    });

    it('stops early as before, and sees the same logs of batches', async () => {
      const epochs: number[] = [];
      await expectSame(
        () => classifier(tf.train.sgd(0.5)),
        async (model) => {
          const seen: number[] = [];
          const [x, y] = data(20);
          const args = { ...quiet, epochs: 30, validationData: data(12, 3) };
          const stop = layers.callbacks.earlyStopping({ monitor: 'val_loss', patience: 0 });
          const note = new layers.CustomCallback({
            async onBatchEnd(batch, logs) {
              seen.push(batch, Number(logs?.['size']), Number(logs?.['loss']));
            },
          });
          const history = await model.fit(x, y, { ...args, callbacks: [note, stop] as never });
          epochs.push(history.epoch.length);
          return [...seen, ...numbersOf(history)];
        },
      );
      expect(epochs[1]).toBe(epochs[0]);
      expect(epochs[0]).toBeLessThan(30);
    });

    it('stops in the middle of an epoch as before', async () => {
      await expectSame(classifier, async (model) => {
        const [x, y] = data(40);
        const callbacks = {
          onBatchEnd(batch: number) {
            if (batch === 3) model.stopTraining = true;
          },
        };
        const history = await model.fit(x, y, { ...quiet, epochs: 5, callbacks });
        return [history.epoch.length, ...numbersOf(history)];
      });
    });

    it('refuses sample weights as tfjs does, and may be called again', async () => {
      const model = classifier();
      const handle = compileModel(model);
      const [x, y] = data(16);
      const call = model.fit(x, y, { ...quiet, sampleWeight: tf.ones([16]) });
      await expect(call).rejects.toThrow('sample weight is not supported yet');
      await model.fit(x, y, { ...quiet, epochs: 3 });
      expect(handle.traces).toBe(1);
      handle.dispose();
    });

    it('is as before by XLA', async () => {
      await expectSame(
        classifier,
        async (model) => {
          const [x, y] = data(16);
          return numbersOf(await model.fit(x, y, { ...quiet, epochs: 4, validationSplit: 0.5 }));
        },
        { xla: true },
      );
    });
  });

  describe('one batch', () => {
    it('trainOnBatch returns a number without metrics, and the loss and metrics of each output with them', async () => {
      const alone = classifier();
      alone.compile({ optimizer: adam(), loss: 'categoricalCrossentropy' });
      const handle = compileModel(alone);
      const [x, y] = data(8);
      for (let i = 0; i < 4; i++) expect(await alone.trainOnBatch(x, y)).toBeTypeOf('number');
      handle.dispose();
      const counts: number[] = [];
      await expectSame(twoHeads, async (model) => {
        const all: number[] = [];
        for (const size of [6, 6, 6, 4, 4, 4, 6]) {
          const [inputs, targets] = dataOfTwoHeads(size);
          const found = (await model.trainOnBatch(inputs, targets)) as number[];
          counts.push(found.length);
          all.push(...found);
        }
        return all;
      });
      expect(new Set(counts).size).toBe(1);
    });

    it('predictOnBatch is as before, for one and for several outputs', async () => {
      await expectSame(twoHeads, async (model) =>
        [5, 5, 5, 7].flatMap((size) =>
          (model.predictOnBatch(dataOfTwoHeads(size)[0]) as tf.Tensor[]).flatMap(values),
        ),
      );
      await expectSame(classifier, async (model) =>
        [5, 5, 5, 7].flatMap((size) => values(model.predictOnBatch(data(size)[0]) as tf.Tensor)),
      );
    });

    it('predictions of many sizes keep no more functions than other steps do, and it is said', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      const model = classifier();
      const handle = compileModel(model);
      for (let size = 1; size <= 12; size++) {
        for (let i = 0; i < 3; i++) tf.dispose(model.predictOnBatch(data(size)[0]));
      }
      expect(warn).toHaveBeenCalledTimes(1);
      expect(handle.traces).toBe(12);
      handle.dispose();
    });

    it('predictions have the gradient that they had', () => {
      const model = classifier();
      const [x] = data(4);
      const gradient = (): number[] =>
        values(tf.grad((input) => tf.square(model.predict(input) as tf.Tensor))(x));
      const expected = gradient();
      const handle = compileModel(model);
      for (let i = 0; i < 4; i++) tf.dispose(model.predict(x));
      expect(gradient()).toEqual(expected);
      handle.dispose();
    });
  });

  describe('a model that changes', () => {
    it.each<[string, (model: layers.LayersModel) => void]>([
      [
        'a layer frozen, without compiling it again',
        (model) => {
          (model.layers[0] as layers.layers.Layer).trainable = false;
        },
      ],
      [
        'another optimizer set',
        (model) => {
          (model as { optimizer: tf.Optimizer }).optimizer = tf.train.sgd(0.3);
        },
      ],
      [
        'the learning rate of its optimizer lowered',
        (model) => {
          (model.optimizer as unknown as { learningRate: number }).learningRate = 1e-3;
        },
      ],
    ])('is as before after %s', async (_name, change) => {
      vi.spyOn(console, 'warn').mockImplementation(() => {});
      await expectSame(classifier, async (model) => {
        const all: number[] = [];
        for (let at = 0; at < 12; at++) {
          if (at === 6) change(model);
          const [x, y] = data(8, at);
          all.push(...((await model.trainOnBatch(x, y)) as number[]));
        }
        return all;
      });
    });

    it('may be compiled by a callback in the middle of fit', async () => {
      await expectSame(classifier, async (model) => {
        const [x, y] = data(16);
        const callbacks = {
          onEpochEnd(epoch: number) {
            if (epoch === 3)
              model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
          },
        };
        const history = await model.fit(x, y, { ...quiet, epochs: 4, callbacks });
        return numbersOf(history);
      });
    });
  });
});
