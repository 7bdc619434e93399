import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { expect, test, vi } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { type ProgressOptions, type ProgressWriter, progressBar } from './index.ts';

interface Paper extends ProgressWriter {
  readonly written: string[];
}

function paper(kind: Partial<ProgressWriter> = {}): Paper {
  const written: string[] = [];
  return { isTerminal: false, ...kind, write: (text) => void written.push(text), written };
}

function compiled(optimizer: tf.Optimizer): tfl.Sequential {
  const model = tfl.sequential({
    layers: [tfl.layers.dense({ units: 1, inputShape: [3], kernelInitializer: 'ones' })],
  });
  model.compile({ optimizer, loss: 'meanSquaredError', metrics: ['mae'] });
  return model;
}

/** What is written while a model of 20 examples takes steps of 8, 8 and 4 in each of some epochs. */
async function fitted(
  options: ProgressOptions,
  fit: tfl.ModelFitArgs = {},
  optimizer: tf.Optimizer = tf.train.sgd(0.01),
): Promise<tfl.History> {
  const model = compiled(optimizer);
  const [x, y] = [tf.ones([20, 3]), tf.zeros([20, 1])];
  const history = await model.fit(x, y, {
    epochs: 2,
    batchSize: 8,
    verbose: 0,
    ...fit,
    callbacks: [progressBar(options)],
  });
  tf.dispose([x, y]);
  model.dispose();
  optimizer.dispose();
  return history;
}

/** How often `action` asks for a value of the device. */
async function readsOf(action: () => Promise<unknown>): Promise<number> {
  const spies = (['dataSync', 'data'] as const).map((name) => vi.spyOn(tf.Tensor.prototype, name));
  try {
    await action();
    return spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const NUMBER = String.raw`[\d.]+(?:e-?\d+)?`;

eachBackend(() => {
  test('elsewhere than on a terminal each epoch is a line with the numbers of the history', async () => {
    const writer = paper({ columns: 20 });
    const { history } = await fitted({ writer }, { validationSplit: 0.2 });
    const shown = (name: string, epoch: number): string =>
      `${name} ${Number((history[name] as number[])[epoch]?.toPrecision(4))}`;
    expect(writer.written.length).toBe(2);
    writer.written.forEach((line, epoch) => {
      expect(line).toMatch(
        new RegExp(
          String.raw`^Epoch ${epoch + 1}/2 {2}2/2 {2}.* {2}${NUMBER}[kM]? ex/s {2}rate 0\.01\n$`,
        ),
      );
      for (const name of ['val_loss', 'val_mae', 'loss', 'mae']) {
        expect(line).toContain(`  ${shown(name, epoch)}  `);
      }
    });
  });

  test('a terminal has one line that is written over, which ends with each epoch', async () => {
    const writer = paper({ isTerminal: true, columns: 60 });
    await fitted({ writer, interval: 0 });
    const ends = writer.written.filter((text) => text.endsWith('\n'));
    expect(ends.length).toBe(2);
    expect(writer.written.length).toBeGreaterThan(3);
    for (const text of writer.written) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal needs them.
      expect(text).toMatch(/^\r[^\r\n\u001b]{1,59}\u001b\[K\n?$/);
    }
    const steps = writer.written.map((text) => Number(/(\d)\/3/.exec(text)?.[1]));
    expect(steps.slice(0, steps.length / 2)).toEqual(
      steps.slice(0, steps.length / 2).toSorted((a, b) => a - b),
    );
    expect(writer.written[0]).toContain(' left');
  });

  test('the rate is that of the schedule, and tokens are examples times those in each', async () => {
    const optimizer = withSchedule(adam({ learningRate: 0.1 }), linear({ steps: 5 }));
    const writer = paper();
    await fitted({ writer, tokensPerExample: 1e9 }, {}, optimizer);
    // The last steps of the epochs are 2 and 5, counted from 0.
    expect(writer.written.map((line) => /rate (\S+)/.exec(line)?.[1])).toEqual(['0.06', '0']);
    for (const line of writer.written) expect(line).toMatch(/ \d[\d.]*[GT] tok\/s/);
  });

  test('without a drawing no step reads anything, and no tensor is left', async () => {
    const [x, y] = [tf.ones([20, 3]), tf.zeros([20, 1])];
    const model = compiled(tf.train.sgd(0.01));
    const args = { epochs: 1, batchSize: 8, verbose: 0 };
    await model.fit(x, y, args);
    const tensors = tf.memory().numTensors;
    const callbacks = [progressBar({ writer: paper(), interval: 1e9 })];
    const stock = await readsOf(() => model.fit(x, y, args));
    const reads = await readsOf(() => model.fit(x, y, { ...args, callbacks }));
    // Loss and metric of the epoch, once more than fit itself.
    expect(reads - stock).toBe(2);
    const often = [progressBar({ writer: paper(), interval: 0 })];
    await model.fit(x, y, { ...args, epochs: 5, callbacks: often });
    expect(tf.memory().numTensors).toBe(tensors);
    tf.dispose([x, y]);
    model.dispose();
  });
});

test('a dataset without a size has its steps from the second epoch on', async () => {
  const model = compiled(tf.train.sgd(0.01));
  const batch = () => ({ xs: tf.ones([4, 3]), ys: tf.zeros([4, 1]) });
  const iterator = async () => {
    let at = 0;
    return {
      next: async () => (at++ < 3 ? { value: batch(), done: false } : { value: null, done: true }),
    };
  };
  const dataset = { size: null, iterator } as never;
  const writer = paper();
  await model.fitDataset(dataset, { epochs: 2, verbose: 0, callbacks: [progressBar({ writer })] });
  expect(writer.written.map((line) => line.slice(0, 16))).toEqual([
    'Epoch 1/2  3/3  ',
    'Epoch 2/2  3/3  ',
  ]);
});

test('one bar serves several trainings, and epochs go on where they began', async () => {
  const writer = paper();
  const model = compiled(tf.train.sgd(0.01));
  const [x, y] = [tf.ones([4, 3]), tf.zeros([4, 1])];
  const callbacks = [progressBar({ writer })];
  await model.fit(x, y, { epochs: 1, verbose: 0, callbacks });
  await model.fit(x, y, { epochs: 3, initialEpoch: 1, verbose: 0, callbacks });
  expect(writer.written.map((line) => line.slice(0, 9))).toEqual([
    'Epoch 1/1',
    'Epoch 2/3',
    'Epoch 3/3',
  ]);
});

test('an optimizer without a learning rate is shown without one', async () => {
  class Own extends tf.Optimizer {
    static readonly className = 'Own';
    override applyGradients(): void {}
    override getConfig(): tf.serialization.ConfigDict {
      return {};
    }
  }
  const writer = paper();
  await fitted({ writer }, {}, new Own());
  expect(writer.written.join()).not.toContain('rate');
});

test('it is a callback of tfjs, and wrong options are refused', () => {
  expect(progressBar()).toBeInstanceOf(tfl.CustomCallback);
  expect(() => progressBar({ interval: -1 })).toThrow(
    'progressBar: "interval" must be a finite number >= 0. Received -1. Try 100.',
  );
  expect(() => progressBar({ writer: {} as never })).toThrow(
    'progressBar: "writer" must have a function "write". Received an object (Object).',
  );
});
