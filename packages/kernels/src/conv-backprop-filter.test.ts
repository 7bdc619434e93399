import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

type Pad = 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
type Shape = [number, number, number, number];

interface Case {
  readonly x: Shape;
  readonly filter: Shape;
  readonly dy: Shape;
  readonly strides: [number, number];
  readonly pad: Pad;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode: 'floor' | 'round' | 'ceil' | undefined;
  readonly seed: number;
}

const randomTensor = (shape: Shape, seed: number): tf.Tensor4D =>
  tf.tensor4d(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const cases: fc.Arbitrary<Case> = fc
  .record({
    batch: fc.constantFrom(1, 1, 2, 5),
    height: fc.integer({ min: 1, max: 11 }),
    width: fc.integer({ min: 1, max: 11 }),
    filterHeight: fc.integer({ min: 1, max: 5 }),
    filterWidth: fc.integer({ min: 1, max: 5 }),
    inChannels: fc.constantFrom(1, 2, 3, 8),
    outChannels: fc.constantFrom(1, 2, 5, 9),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    pad: fc.oneof(
      fc.constantFrom<Pad>('same', 'valid'),
      fc.constantFrom<Pad>(0, 1, 2),
      fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)).map(
        ([t, b, l, r]): Pad => [
          [0, 0],
          [t, b],
          [l, r],
          [0, 0],
        ],
      ),
    ),
    dataFormat: fc.constantFrom('NHWC' as const, 'NHWC' as const, 'NCHW' as const),
    rounding: fc.constantFrom('floor' as const, 'round' as const, 'ceil' as const),
    seed: fc.nat(),
  })
  .map((c): Case | null => {
    const isFirst = c.dataFormat === 'NCHW';
    const sides: [number, number] = [c.height, c.width];
    const x: Shape = isFirst
      ? [c.batch, c.inChannels, ...sides]
      : [c.batch, ...sides, c.inChannels];
    const filter: Shape = [c.filterHeight, c.filterWidth, c.inChannels, c.outChannels];
    const explicit = Array.isArray(c.pad) ? (c.pad as number[][]) : null;
    const pad = explicit && isFirst ? [explicit[0], explicit[3], explicit[1], explicit[2]] : c.pad;
    const dimRoundingMode = typeof pad === 'string' ? undefined : c.rounding;
    const format = tf.backend_util.convertConv2DDataFormat(c.dataFormat);
    const { outShape } = tf.backend_util.computeConv2DInfo(
      x,
      filter,
      c.strides,
      1,
      pad as Pad,
      dimRoundingMode,
      false,
      format,
    );
    if (outShape.some((size) => size <= 0)) return null;
    return { ...c, x, filter, dy: outShape, pad: pad as Pad, dimRoundingMode };
  })
  .filter((c) => c !== null);

const run = (c: Case): tf.Tensor => {
  const inputs = { x: randomTensor(c.x, c.seed), dy: randomTensor(c.dy, c.seed + 1) };
  const { strides, pad, dataFormat, dimRoundingMode, filter: filterShape } = c;
  const attrs = { strides, pad, dataFormat, dimRoundingMode, filterShape };
  return tf.engine().runKernel('Conv2DBackpropFilter', inputs, attrs as never) as tf.Tensor;
};

test('gradients equal those of the cpu backend, for any stride, padding, rounding and format', async () => {
  const samples = fc.sample(cases, { numRuns: 400, seed: 1 });
  const compute = () => samples.map((c) => tf.tidy(() => values(run(c))));
  const ours = compute();
  await useBackend('cpu');
  const cpu = compute();
  await useBackend('wasm');
  for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 1);
});

test('gradients of outputs too large to do at once equal those of the cpu backend', async () => {
  const large: Omit<Case, 'pad' | 'strides' | 'dy'> = {
    x: [5, 30, 22, 24],
    filter: [3, 4, 24, 5],
    dataFormat: 'NHWC',
    dimRoundingMode: undefined,
    seed: 3,
  };
  const samples: Case[] = [
    { ...large, pad: 'same', strides: [1, 1], dy: [5, 30, 22, 5] },
    { ...large, pad: 'valid', strides: [1, 1], dy: [5, 28, 19, 5] },
    { ...large, pad: 'same', strides: [2, 1], dy: [5, 15, 22, 5] },
  ];
  const compute = () => samples.map((c) => tf.tidy(() => values(run(c))));
  const ours = compute();
  await useBackend('cpu');
  const cpu = compute();
  await useBackend('wasm');
  for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 10);
});

test('gradients of conv2d equal differences of the loss', () => {
  const strides = fc.constantFrom(1, 2, 3);
  const pads = fc.constantFrom('same' as const, 'valid' as const);
  fc.assert(
    fc.property(strides, pads, fc.constantFrom(1, 3), fc.nat(), (stride, pad, batch, seed) => {
      tf.tidy(() => {
        const x = randomTensor([batch, 7, 7, 2], seed);
        const filter = randomTensor([3, 3, 2, 3], seed + 1);
        const direction = randomTensor([3, 3, 2, 3], seed + 2);
        const loss = (f: tf.Tensor) =>
          tf.sum(tf.square(tf.conv2d(x, f as tf.Tensor4D, stride, pad)));
        const slope = values(tf.sum(tf.mul(tf.grad(loss)(filter), direction)))[0]!;
        // The loss is quadratic, so a central difference is exact but for rounding.
        const [up, down] = [loss(tf.add(filter, direction)), loss(tf.sub(filter, direction))].map(
          (l) => values(l)[0]!,
        );
        expect(Math.abs(slope - (up! - down!) / 2)).toBeLessThan(1e-5 * (up! + down!));
      });
    }),
    { numRuns: 100, seed: 2 },
  );
});

test('rows and columns that only rounding up gives count, although the gradient of tfjs forgets the rounding', () => {
  tf.tidy(() => {
    // 5 × 5 under 2 × 2 with stride 2: (5 − 2) / 2 + 1 = 2.5 rows, rounded up to 3.
    const inputs = { x: tf.ones([1, 5, 5, 1]), dy: tf.ones([1, 3, 3, 1]) };
    const attrs = { strides: [2, 2], pad: 0, dataFormat: 'NHWC', filterShape: [2, 2, 1, 1] };
    const sum = tf.engine().runKernel('Conv2DBackpropFilter', inputs, attrs as never);
    expect(values(sum as tf.Tensor)).toEqual([9, 6, 6, 4]);
  });
});

test('a batch of no images gives zeros', () => {
  tf.tidy(() => {
    for (let i = 0; i < 4; i++) tf.dispose(tf.fill([2, 2, 1, 3], 9));
    const inputs = { x: tf.zeros([0, 4, 4, 1]), dy: tf.zeros([0, 3, 3, 3]) };
    const attrs = { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', filterShape: [2, 2, 1, 3] };
    const sum = tf.engine().runKernel('Conv2DBackpropFilter', inputs, attrs as never);
    expect(values(sum as tf.Tensor)).toEqual(new Array(12).fill(0));
  });
});

test('100 gradients leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const [nhwc, nchw] = (['NHWC', 'NCHW'] as const).map(
    (dataFormat): Case => ({
      x: dataFormat === 'NHWC' ? [4, 16, 16, 24] : [4, 24, 16, 16],
      filter: [3, 3, 24, 16],
      dy: dataFormat === 'NHWC' ? [4, 16, 16, 16] : [4, 16, 16, 16],
      strides: [1, 1],
      pad: 'same',
      dataFormat,
      dimRoundingMode: undefined,
      seed: 1,
    }),
  );
  const once = () => tf.tidy(() => void [run(nhwc!), run(nchw!)]);
  once();
  const heap = wasm.HEAPU8.length;
  expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
  expect(wasm.HEAPU8.length).toBe(heap);
});

test('stock tfjs has no such kernel on wasm', () => {
  disableTraining();
  tf.tidy(() => {
    const grad = tf.grad((f) =>
      tf.sum(tf.conv2d(tf.ones<tf.Rank.R4>([1, 3, 3, 1]), f as tf.Tensor4D, 1, 0)),
    );
    expect(() => grad(tf.ones([2, 2, 1, 1]))).toThrow(
      "Kernel 'Conv2DBackpropFilter' not registered for backend 'wasm'",
    );
  });
});
