import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { difference } from '../test/golden.ts';
import { hybrid } from '../test/hybrid.ts';
import { decoder, mamba2 } from './index.ts';
import type { SteppingLayer, StepState } from './stepping.ts';

const VOCABULARY = 11;
const drawn = (seed: number, batch: number, time: number): number[][] => {
  const next = random(seed);
  return Array.from({ length: batch }, () =>
    Array.from({ length: time }, () => Math.floor(next() * VOCABULARY)),
  );
};
const ids = (rows: number[][]): tf.Tensor2D => tf.tensor2d(rows, undefined, 'int32');

/** Larger weights than a model starts with, so that states matter. */
function awake(options: Parameters<typeof hybrid>[0]) {
  const model = hybrid(options);
  tf.tidy(() => {
    for (const weight of model.weights) {
      const scale = weight.originalName.includes('step_size') ? 0.3 : 1.5;
      weight.write(tf.mul(weight.read(), scale));
    }
  });
  return model;
}

eachBackend(() => {
  it('200 single steps give what all steps at once give', () => {
    const model = awake({ chunk: 16, innerNorm: true });
    const before = tf.memory().numTensors;
    const rows = drawn(1, 2, 200);
    const writer = decoder(model);
    tf.tidy(() => {
      const expected = model.apply(ids(rows)) as tf.Tensor;
      const steps = rows[0]!.map((_, t) => writer.step(ids(rows.map((row) => [row[t]!]))));
      expect(writer.position).toBe(200);
      // Through three layers and norms; each layer by itself is closer, as the next test shows.
      expect(difference(values(tf.concat(steps, 1)), values(expected))).toBeLessThan(5e-5);
    });
    writer.dispose();
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('200 single steps of a state-space model are its chunks, of 64 and of 7 steps', () => {
    for (const chunk of [64, 7]) {
      const layer = mamba2({ heads: 4, groups: 2, chunk, seed: 5, innerNorm: true });
      const widths = [8, 6, 6, 4, 8];
      layer.apply(widths.map((width) => input({ shape: [null, width] })));
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const next = random(chunk);
        const inputs = widths.map((width) =>
          tf.tensor(noise(next, 2 * 200 * width, 2), [2, 200, width]),
        );
        const expected = values(layer.apply(inputs) as tf.Tensor);
        let state: StepState | null = null;
        const steps = Array.from({ length: 200 }, (_, t) => {
          const now = inputs.map((x) => tf.slice(x, [0, t, 0], [-1, 1, -1]));
          const made: { output: tf.Tensor; state: StepState } = (layer as SteppingLayer).step(
            now,
            state,
          );
          state = made.state;
          return made.output;
        });
        expect(difference(values(tf.concat(steps, 1)), expected)).toBeLessThan(1e-5);
      });
      expect(tf.memory().numTensors).toBe(before);
      layer.dispose();
    }
  });

  it.each([
    ['all steps', undefined],
    ['a window of 5', 5],
    ['a window of 1', 1],
  ])('a prompt in pieces of any length, looking back on %s', (_, window) => {
    const model = awake({ chunk: 4, taps: 4, ...(window === undefined ? {} : { window }) });
    const before = tf.memory().numTensors;
    const rows = drawn(2, 3, 27);
    const writer = decoder(model);
    tf.tidy(() => {
      const expected = model.apply(ids(rows)) as tf.Tensor;
      let at = 0;
      const pieces = [7, 1, 2, 9, 1, 1, 6].map((length) => {
        const piece = rows.map((row) => row.slice(at, at + length));
        at += length;
        return writer.step(ids(piece));
      });
      expect(difference(values(tf.concat(pieces, 1)), values(expected))).toBeLessThan(5e-5);
    });
    writer.reset();
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('writes the tokens that the model writes without remembering', () => {
    const model = awake({ window: 20 });
    const multiplied = addMultipliers(model);
    const writer = decoder(multiplied);
    const written = [3, 1, 4];
    const remembered = [3, 1, 4];
    const best = (logits: tf.Tensor): number => {
      const [, time] = logits.shape as [number, number];
      const last = tf.slice(logits, [0, time - 1, 0], [1, 1, -1]);
      return tf.argMax(tf.reshape(last, [-1])).dataSync()[0] as number;
    };
    for (let i = 0; i < 40; i++) {
      tf.tidy(() => {
        written.push(best(multiplied.apply(ids([written])) as tf.Tensor));
        const next = i === 0 ? remembered : remembered.slice(-1);
        remembered.push(best(writer.step(ids([next]))));
      });
    }
    expect(remembered).toEqual(written);
    expect(new Set(written).size).toBeGreaterThan(2);
    writer.dispose();
    multiplied.dispose();
    model.dispose();
  });
});

onCpu(() => {
  it('a step runs as many operations after twenty steps as after none', async () => {
    const model = hybrid();
    const writer = decoder(model);
    const operations = async (): Promise<number> => {
      const { kernels } = await tf.profile(() => tf.tidy(() => void writer.step(ids([[1]]))));
      return kernels.length;
    };
    tf.dispose(writer.step(ids(drawn(1, 1, 5))));
    const early = await operations();
    for (let i = 0; i < 20; i++) tf.dispose(writer.step(ids([[i % VOCABULARY]])));
    expect(await operations()).toBe(early);
    expect(early).toBeGreaterThan(50);
    writer.dispose();
    model.dispose();
  });

  it('forgets on reset, and takes another batch then', () => {
    const model = hybrid();
    const writer = decoder(model);
    const first = tf.tidy(() => values(writer.step(ids([[1, 2, 3]]))));
    expect(() => writer.step(ids([[1], [2]]))).toThrow(
      /decoder: every step must have the batch of the first. Received 2 sequences after 1/,
    );
    expect(writer.position).toBe(3);
    writer.reset();
    expect(writer.position).toBe(0);
    expect(tf.tidy(() => values(writer.step(ids([[1, 2, 3]]))))).toEqual(first);
    writer.reset();
    tf.dispose(writer.step(ids([[1], [2]])));
    writer.dispose();
    model.dispose();
  });

  it('refuses what mixes steps, and takes it on the word of its user', () => {
    const inputs = input({ shape: [null, 4] });
    const convolved = layers.conv1d({ filters: 3, kernelSize: 1, name: 'mix' }).apply(inputs);
    const model = makeModel({ inputs, outputs: convolved as SymbolicTensor });
    expect(() => decoder(model)).toThrow(
      /every layer must read one step at a time, or remember steps before. Received "mix" \(Conv1D\)/,
    );
    const writer = decoder(model, { stepwise: ['Conv1D'] });
    tf.tidy(() => {
      const x = tf.ones([1, 3, 4]);
      expect(values(writer.step(x))).toEqual(values(model.apply(x) as tf.Tensor));
    });
    expect(() => decoder(model, { stepwise: 'Conv1D' as never })).toThrow(/array of class names/);
    expect(() => decoder({} as never)).toThrow(/model must be a tf.LayersModel/);
    model.dispose();
  });

  it('refuses nested models and several outputs', () => {
    const inner = hybrid();
    const tokens = input({ shape: [null] });
    const outer = makeModel({ inputs: tokens, outputs: inner.apply(tokens) as SymbolicTensor });
    expect(() => decoder(outer)).toThrow(/must not hold other models/);
    const two = makeModel({
      inputs: inner.inputs,
      outputs: [inner.outputs[0]!, inner.outputs[0]!],
    });
    expect(() => decoder(two)).toThrow(/one input and one output. Received 1 and 2/);
    outer.dispose();
  });
});
