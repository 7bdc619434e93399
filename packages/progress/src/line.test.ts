import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asTime, colored, inDigits, inThousands, lineOf, type Progress } from './line.ts';

const PROGRESS: Progress = {
  epoch: 2,
  epochs: 5,
  step: 12,
  steps: 40,
  values: { loss: 0.123456, acc: 0.91 },
  learningRate: 1e-3,
  perSecond: 1234,
  unit: 'ex',
  seconds: 72,
  isFinished: false,
};

test('a wide line has everything, and a finished epoch the time that it took', () => {
  expect(lineOf(PROGRESS, 200)).toBe(
    'Epoch 2/5  [======--------------]  12/40  loss 0.1235  1:12 left  acc 0.91  1.2k ex/s  rate 0.001',
  );
  expect(lineOf({ ...PROGRESS, step: 40, isFinished: true }, 200)).toBe(
    'Epoch 2/5  40/40  loss 0.1235  1:12  acc 0.91  1.2k ex/s  rate 0.001',
  );
});

test('where the number of steps is not known there is no bar', () => {
  expect(lineOf({ ...PROGRESS, steps: null, seconds: null }, 200)).toBe(
    'Epoch 2/5  step 12  loss 0.1235  acc 0.91  1.2k ex/s  rate 0.001',
  );
});

test('a narrow line loses the rate, the speed, the metrics, the time and the loss, in this order, and the bar takes what room is left', () => {
  expect([79, 70, 60, 50, 40, 30, 20, 12, 5].map((width) => lineOf(PROGRESS, width))).toEqual([
    'Epoch 2/5  12/40  loss 0.1235  1:12 left  acc 0.91  1.2k ex/s  rate 0.001',
    'Epoch 2/5  [==---]  12/40  loss 0.1235  1:12 left  acc 0.91  1.2k ex/s',
    'Epoch 2/5  [==----]  12/40  loss 0.1235  1:12 left  acc 0.91',
    'Epoch 2/5  12/40  loss 0.1235  1:12 left  acc 0.91',
    'Epoch 2/5  12/40  loss 0.1235  1:12 left',
    'Epoch 2/5  12/40  loss 0.1235',
    'Epoch 2/5  12/40',
    'Epoch 2/5',
    'Epoch',
  ]);
});

test('no line is wider than it may be, and none has a control character, whatever the names are', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.double()),
      fc.integer({ min: 1, max: 120 }),
      fc.nat(100),
      (values, width, step) => {
        const line = lineOf({ ...PROGRESS, values, step }, width);
        expect(line.length).toBeLessThanOrEqual(width);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      },
    ),
  );
});

test('colours leave the text as it is', () => {
  const line = lineOf(PROGRESS, 120);
  expect(colored(line)).not.toBe(line);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences.
  expect(colored(line).replaceAll(/\u001b\[\d+m/g, '')).toBe(line);
});

test('numbers, thousands and times are short', () => {
  expect([0, 0.12345, 12.3456, 1e-4, 123456, Number.NaN, -2, 99999.9].map(inDigits)).toEqual([
    '0',
    '0.1235',
    '12.35',
    '1.00e-4',
    '1.23e5',
    'NaN',
    '-2',
    '100000',
  ]);
  expect([0.25, 9.96, 950, 999.6, 1234, 12_345, 5.6e6].map(inThousands)).toEqual([
    '0.25',
    '10',
    '950',
    '1k',
    '1.2k',
    '12k',
    '5.6M',
  ]);
  expect([0, 7.4, 59.6, 3599.7, 3723].map(asTime)).toEqual([
    '0:00',
    '0:07',
    '1:00',
    '1:00:00',
    '1:02:03',
  ]);
});
