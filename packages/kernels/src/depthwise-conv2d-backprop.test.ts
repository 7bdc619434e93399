import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

type Pad = 'same' | 'valid' | number;
type Shape = [number, number, number, number];

interface Case {
  readonly x: Shape;
  readonly filter: Shape;
  readonly strides: [number, number];
  readonly dilations: [number, number];
  readonly pad: Pad | tf.backend_util.ExplicitPadding;
  readonly info: tf.backend_util.Conv2DInfo;
  readonly seed: number;
}

const randomTensor = (shape: Shape, seed: number): tf.Tensor4D =>
  tf.tensor4d(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const small = (max: number) => fc.integer({ min: 1, max });

/** Convolutions with strides of 1 to 3, or dilations of 1 to 3: tfjs allows one of them alone. */
const casesWith = (maxDilation: number): fc.Arbitrary<Case> =>
  fc
    .record({
      x: fc.tuple(fc.constantFrom(1, 1, 2, 5), small(11), small(11), fc.constantFrom(1, 2, 3, 8)),
      filterSides: fc.tuple(small(5), small(5)),
      multiplier: fc.constantFrom(1, 1, 2, 3),
      strides: fc.oneof(fc.constant<[number, number]>([1, 1]), fc.tuple(small(3), small(3))),
      dilations: fc.tuple(small(maxDilation), small(maxDilation)),
      pad: fc.oneof(
        fc.constantFrom<Case['pad']>('same', 'valid'),
        fc.constantFrom<Case['pad']>(0, 1, 2),
        fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)).map(([t, b, l, r]): Case['pad'] => [
          [0, 0],
          [t, b],
          [l, r],
          [0, 0],
        ]),
      ),
      seed: fc.nat(),
    })
    .map((c): Case => {
      const dilations: [number, number] = c.strides.every((s) => s === 1) ? c.dilations : [1, 1];
      const filter: Shape = [...c.filterSides, c.x[3], c.multiplier];
      const { computeConv2DInfo } = tf.backend_util;
      const rounding = typeof c.pad === 'string' ? undefined : 'floor';
      const info = computeConv2DInfo(c.x, filter, c.strides, dilations, c.pad, rounding, true);
      return { ...c, filter, dilations, info };
    })
    .filter(({ info }) => info.outShape.every((size) => size > 0));

const inputsOf = (c: Case) => ({
  x: randomTensor(c.x, c.seed),
  filter: randomTensor(c.filter, c.seed + 1),
  dy: randomTensor(c.info.outShape, c.seed + 2),
});

/** Both gradients. */
function run(c: Case): { ofFilter: number[]; ofX: number[] } {
  return tf.tidy(() => {
    const { x, filter, dy } = inputsOf(c);
    const { strides, pad, dilations } = c;
    const gradient = (name: string, inputs: tf.NamedTensorMap, shapes: object): number[] => {
      const attrs = { strides, pad, dilations, dimRoundingMode: undefined, ...shapes };
      const result = tf
        .engine()
        .runKernel(`DepthwiseConv2dNativeBackprop${name}`, inputs, attrs as never) as tf.Tensor;
      const expectedShape = name === 'Filter' ? c.filter : c.x;
      expect([result.dtype, result.shape]).toEqual(['float32', expectedShape]);
      return values(result);
    };
    return {
      ofFilter: gradient('Filter', { x, dy }, { filterShape: c.filter }),
      ofX: gradient('Input', { dy, filter }, { inputShape: c.x }),
    };
  });
}

/** The definition, in float64. */
function define(c: Case): { ofFilter: number[]; ofX: number[] } {
  const [x, filter, dy] = tf.tidy(() => {
    const inputs = inputsOf(c);
    return [values(inputs.x), values(inputs.filter), values(inputs.dy)] as const;
  });
  const ofFilter = new Array<number>(filter.length).fill(0);
  const ofX = new Array<number>(x.length).fill(0);
  const [, height, width, channels] = c.x;
  const [filterHeight, filterWidth, , multiplier] = c.filter;
  const [batch, outHeight, outWidth] = c.info.outShape;
  const { top, left } = c.info.padInfo;
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < outHeight; y++)
      for (let z = 0; z < outWidth; z++)
        for (let i = 0; i < filterHeight; i++)
          for (let j = 0; j < filterWidth; j++)
            for (let k = 0; k < channels * multiplier; k++) {
              const row = y * c.strides[0] + i * c.dilations[0] - top;
              const column = z * c.strides[1] + j * c.dilations[1] - left;
              if (row < 0 || row >= height || column < 0 || column >= width) continue;
              const channel = Math.floor(k / multiplier);
              const at = ((b * height + row) * width + column) * channels + channel;
              const weight = (i * filterWidth + j) * channels * multiplier + k;
              const g = dy[((b * outHeight + y) * outWidth + z) * channels * multiplier + k]!;
              ofFilter[weight]! += g * x[at]!;
              ofX[at]! += g * filter[weight]!;
            }
  return { ofFilter, ofX };
}

test('gradients equal those of the cpu backend, for any stride, padding and multiplier', async () => {
  const samples = fc.sample(casesWith(1), { numRuns: 300, seed: 1 });
  const ours = samples.map(run);
  await useBackend('cpu');
  const cpu = samples.map(run);
  await useBackend('wasm');
  for (const [i, { ofFilter, ofX }] of cpu.entries()) {
    expectClose(ours[i]!.ofFilter, ofFilter, 1e-5, 1);
    expectClose(ours[i]!.ofX, ofX, 1e-5, 1);
  }
});

test('gradients equal their definition, with dilations too, which cpu ignores', () => {
  fc.assert(
    fc.property(casesWith(3), (c) => {
      const ours = run(c);
      const expected = define(c);
      expectClose(ours.ofFilter, expected.ofFilter, 1e-5, 1);
      expectClose(ours.ofX, expected.ofX, 1e-5, 1);
    }),
    { numRuns: 300, seed: 2 },
  );
});

test('gradients of depthwiseConv2d equal differences of the loss', () => {
  const strides = fc.constantFrom(1, 2, 3);
  const pads = fc.constantFrom('same' as const, 'valid' as const);
  fc.assert(
    fc.property(strides, pads, fc.constantFrom(1, 2), fc.nat(), (stride, pad, multiplier, seed) => {
      tf.tidy(() => {
        const x = randomTensor([2, 7, 7, 3], seed);
        const filter = randomTensor([3, 3, 3, multiplier], seed + 1);
        const loss = (a: tf.Tensor, f: tf.Tensor) =>
          tf.sum(
            tf.square(tf.depthwiseConv2d(a as tf.Tensor4D, f as tf.Tensor4D, stride, pad)),
          ) as tf.Scalar;
        const [ofX, ofFilter] = tf.grads(loss)([x, filter]);
        const toX = randomTensor(x.shape, seed + 2);
        const toFilter = randomTensor(filter.shape, seed + 3);
        // The loss is quadratic in each, so central differences are exact but for rounding.
        for (const [gradient, direction, up, down] of [
          [ofX, toX, loss(tf.add(x, toX), filter), loss(tf.sub(x, toX), filter)],
          [
            ofFilter,
            toFilter,
            loss(x, tf.add(filter, toFilter)),
            loss(x, tf.sub(filter, toFilter)),
          ],
        ] as const) {
          const slope = values(tf.sum(tf.mul(gradient!, direction)))[0]!;
          const [above, below] = [values(up)[0]!, values(down)[0]!];
          expect(Math.abs(slope - (above - below) / 2)).toBeLessThan(1e-5 * (above + below));
        }
      });
    }),
    { numRuns: 100, seed: 3 },
  );
});

describe('100 gradients leave no tensor and no heap', () => {
  const { computeConv2DInfo } = tf.backend_util;
  test.each([
    { name: 'as convolutions', multiplier: 1, stride: 1 },
    { name: 'as convolutions, summed', multiplier: 2, stride: 1 },
    { name: 'scattered', multiplier: 2, stride: 2 },
  ])('$name', async ({ multiplier, stride }) => {
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const x: Shape = [4, 16, 16, 16];
    const filter: Shape = [3, 3, 16, multiplier];
    const strides: [number, number] = [stride, stride];
    const info = computeConv2DInfo(x, filter, strides, 1, 'same', undefined, true);
    const c: Case = { x, filter, strides, dilations: [1, 1], pad: 'same', info, seed: 1 };
    run(c);
    const heap = wasm.HEAPU8.length;
    const buffers = tf.memory().numDataBuffers;
    expect(await tensorsLeftBy(() => Array.from({ length: 100 }, () => run(c)))).toBe(0);
    expect(tf.memory().numDataBuffers).toBe(buffers);
    expect(wasm.HEAPU8.length).toBe(heap);
  });
});

test('a batch of no images gives zeros', () => {
  tf.tidy(() => {
    for (let i = 0; i < 4; i++) tf.dispose(tf.fill([2, 2, 1, 3], 9));
    const x = tf.zeros([0, 4, 4, 1]) as tf.Tensor4D;
    const grad = tf.grad((f) => tf.sum(tf.depthwiseConv2d(x, f as tf.Tensor4D, 1, 'valid')));
    expect(values(grad(tf.ones([2, 2, 1, 3])))).toEqual(new Array(12).fill(0));
  });
});

test('stock tfjs has no such kernels on wasm', () => {
  disableTraining();
  tf.tidy(() => {
    const filter = tf.ones([2, 2, 1, 1]) as tf.Tensor4D;
    const x = tf.ones([1, 3, 3, 1]) as tf.Tensor4D;
    const convolve = (a: tf.Tensor, f: tf.Tensor) =>
      tf.sum(tf.depthwiseConv2d(a as tf.Tensor4D, f as tf.Tensor4D, 1, 'valid'));
    expect(() => tf.grad((f) => convolve(x, f))(filter)).toThrow(
      "Kernel 'DepthwiseConv2dNativeBackpropFilter' not registered for backend 'wasm'",
    );
    expect(() => tf.grad((a) => convolve(a, filter))(x)).toThrow(
      "Kernel 'DepthwiseConv2dNativeBackpropInput' not registered for backend 'wasm'",
    );
  });
});
