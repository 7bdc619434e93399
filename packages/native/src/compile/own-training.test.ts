import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { afterEach, expect, it, vi } from 'vitest';
import { gptBatch, PublicGpt } from '../../../../test/public-gpt.ts';
import { classifier, data } from '../../test/classifier.ts';
import { onTensorFlow } from '../../test/training.ts';
import { compileModel } from './compile-model.ts';

const quiet = { epochs: 2, verbose: 0 } as const;
const noBatches = { iterator: async () => ({ next: async () => ({ done: true }) }) };

/** Counts its calls and trains as its base class. */
class Counting extends layers.LayersModel {
  static override className = 'OwnTrainingCounting';
  calls = 0;

  override fit(...args: Parameters<layers.LayersModel['fit']>): Promise<layers.History> {
    this.calls += 1;
    return super.fit(...args);
  }
}

/** A sequential model of a class of its own. */
class Stack extends layers.Sequential {
  static override className = 'OwnTrainingStack';
}

const warnings = (): string[] => {
  const spy = vi.spyOn(console, 'warn').mockImplementation(() => {});
  return spy.mock.calls as unknown as string[];
};

onTensorFlow(() => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('a model that trains in a loop of its own is told at its first step, once, that nothing is recorded', async () => {
    const said = warnings();
    const model = new PublicGpt();
    model.compile();
    const { applyGradients } = model.optimizer;
    const compiled = compileModel(model);
    expect(said).toHaveLength(0);
    const batches = [gptBatch(1), gptBatch(2)];
    let saidAfterFirst = 0;
    const dataset = {
      iterator: async () => ({
        next: async () => {
          if (batches.length === 1) saidAfterFirst = said.length;
          return { value: batches.shift(), done: batches.length === 0 };
        },
      }),
    };
    await model.fitDataset(dataset as never, { epochs: 1 });
    expect(saidAfterFirst).toBe(1);
    await model.fitDataset(noBatches as never, { epochs: 1 });
    expect(said).toEqual([
      [
        expect.stringMatching(
          /^compileModel: fitDataset of PublicGpt .* nothing is recorded\. Try compile/,
        ),
      ],
    ]);
    expect(compiled.traces).toBe(0);
    expect(model.optimizer.applyGradients).toBe(applyGradients);
    compiled.dispose();
    expect(Object.hasOwn(model, 'fitDataset')).toBe(false);
    model.dispose();
    tf.dispose(batches.map(({ xs, ys }) => [xs, ys]));
  });

  it('a model whose fit does something more and then trains as tfjs does is recorded, without a word', async () => {
    const said = warnings();
    const { inputs, outputs } = classifier();
    const model = new Counting({ inputs, outputs });
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    const compiled = compileModel(model);
    const [x, y] = data(8);
    await model.fit(x, y, quiet);
    expect([model.calls, compiled.traces, said.length]).toEqual([1, 1, 0]);
    compiled.dispose();
    tf.dispose([x, y]);
  });

  it('a sequential model of a class of its own is recorded', async () => {
    const said = warnings();
    const model = new Stack({
      layers: [layers.layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })],
    });
    model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy' });
    const compiled = compileModel(model);
    const [x, y] = data(8);
    await model.fit(x, y, quiet);
    expect([compiled.traces, said.length]).toEqual([1, 0]);
    compiled.dispose();
    model.dispose();
    tf.dispose([x, y]);
  });

  it('predictions are not recorded where the user says so, and are the same', async () => {
    const model = new PublicGpt();
    const expected = await model.generate([1, 2], 5);
    const plain = compileModel(model, { predict: false });
    for (let i = 0; i < 3; i++) expect(await model.generate([1, 2], 5)).toEqual(expected);
    expect(plain.traces).toBe(0);
    plain.dispose();
    const recorded = compileModel(model);
    for (let i = 0; i < 3; i++) expect(await model.generate([1, 2], 5)).toEqual(expected);
    // Five predictions of the lengths 2 to 6.
    expect(recorded.traces).toBe(5);
    recorded.dispose();
    model.dispose();
  });
});
