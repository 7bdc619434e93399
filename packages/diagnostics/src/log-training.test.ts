import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { logTraining, toNdjson, watchScales } from './index.ts';
import { toTensorBoard } from './node.ts';

type Line = Readonly<Record<string, number>>;

onCpu(() => {
  test('fit logs losses, metrics, rates, validation and scales under the names of the field', async () => {
    const model = smallModel();
    const optimizer = withSchedule(adam({ learningRate: 0.1 }), linear({ steps: 8 }));
    model.compile({ optimizer, loss: 'meanSquaredError', metrics: ['mse'] });
    const [x, y] = [tf.ones([8, 3]), tf.zeros([8, 2])];
    const scales = watchScales(model, optimizer, { every: 2 });
    const lines: Line[] = [];
    const logger = toNdjson((line) => {
      expect(line.endsWith('\n')).toBe(true);
      lines.push(JSON.parse(line));
    });
    const fit = () =>
      model.fit(x, y, {
        ...{ batchSize: 4, epochs: 2, verbose: 0, validationData: [x, y] },
        callbacks: [scales, logTraining(logger, { every: 2, scales })],
      });
    const history = await fit();
    const of = (name: string): [number, number][] =>
      lines.filter((line) => name in line).map((line) => [line['step']!, line[name]!]);
    expect(of('train/loss').map(([step]) => step)).toEqual([2, 4]);
    expect(of('train/mse')).toEqual(of('train/loss'));
    expect(of('learning_rate')).toEqual([
      [2, expect.closeTo(0.1 * (7 / 8), 12)],
      [4, expect.closeTo(0.1 * (5 / 8), 12)],
    ]);
    expect(of('validation/loss')).toEqual([
      [2, history.history['val_loss']![0]],
      [4, history.history['val_loss']![1]],
    ]);
    const weight = `scale/${model.weights[0]!.originalName}`;
    expect(of(weight).map(([step]) => step)).toEqual([0, 2, 4]);
    for (const [, rms] of of(weight)) expect(rms).toBeGreaterThan(0);
    for (const line of lines) expect(Math.abs(line['time']! - Date.now() / 1000)).toBeLessThan(600);
    expect(await tensorsLeftBy(fit)).toBe(0);
    // It goes on with the optimizer's steps.
    expect(of('train/loss').map(([step]) => step)).toEqual([2, 4, 6, 8]);
  });

  test('in a loop of its own, numbers are logged as they come; NaN is null', () => {
    const lines: string[] = [];
    toNdjson((line) => lines.push(line)).log(3, { 'train/loss': Number.NaN });
    expect(JSON.parse(lines[0]!)).toMatchObject({ step: 3, 'train/loss': null });
  });

  test('a line has the fields of its own in the place of the time', () => {
    const lines: string[] = [];
    const logger = toNdjson((line) => lines.push(line), { fields: () => ({ run: 'first' }) });
    logger.log(3, { 'train/loss': 0.5 });
    expect(lines).toEqual(['{"step":3,"run":"first","train/loss":0.5}\n']);
  });

  test.each([
    ['no function', () => toNdjson(5 as never), /^toNdjson: it takes a function/],
    [
      'fields that are none',
      () => toNdjson(() => {}, { fields: {} as never }),
      /"fields" must be a function that returns an object/,
    ],
    ['half a step', () => toNdjson(() => {}).log(0.5, {}), /^toNdjson.log: the step must be/],
    ['text', () => toNdjson(() => {}).log(1, { a: 'b' } as never), /Received "b" for "a"/],
    ['no logger', () => logTraining({} as never), /^logTraining: the first argument/],
    [
      'every 0',
      () =>
        logTraining(
          toNdjson(() => {}),
          { every: 0 },
        ),
      /"every" must be/,
    ],
    [
      'no watch',
      () =>
        logTraining(
          toNdjson(() => {}),
          { scales: {} as never },
        ),
      /be a watch/,
    ],
    ['no folder', () => toTensorBoard(''), /^toTensorBoard: it takes the path/],
    [
      'another backend',
      () => toTensorBoard('runs'),
      /^toTensorBoard: TensorFlow writes .* Received "cpu"/,
    ],
  ])('%s is refused', (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });
});
