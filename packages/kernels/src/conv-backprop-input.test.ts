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

type Rank4 = [number, number, number, number];
type Rank5 = [number, number, number, number, number];

const randomTensor = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

interface Case {
  readonly name: string;
  readonly x: number[];
  readonly filter: number[];
  readonly dy: number[];
  readonly attrs: object;
  readonly seed: number;
}

const small = (max: number) => fc.integer({ min: 1, max });
const drawn = fc.record({
  batch: fc.constantFrom(1, 1, 2, 5),
  sides: fc.tuple(small(7), small(9), small(9)),
  filterSides: fc.tuple(small(3), small(4), small(4)),
  inChannels: fc.constantFrom(1, 2, 3, 8),
  outChannels: fc.constantFrom(1, 2, 5, 9),
  strides: fc.tuple(small(3), small(3), small(3)),
  pad: fc.constantFrom('same' as const, 'valid' as const),
  explicit: fc.option(fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2))),
  seed: fc.nat(),
});

const twoDimensional: fc.Arbitrary<Case> = drawn
  .map((c): Case => {
    const x: Rank4 = [c.batch, c.sides[1], c.sides[2], c.inChannels];
    const filter: Rank4 = [c.filterSides[1], c.filterSides[2], c.inChannels, c.outChannels];
    const strides: [number, number] = [c.strides[1], c.strides[2]];
    const [t, b, l, r] = c.explicit ?? [];
    const pad = c.explicit
      ? ([
          [0, 0],
          [t, b],
          [l, r],
          [0, 0],
        ] as never)
      : c.pad;
    const { outShape } = tf.backend_util.computeConv2DInfo(x, filter, strides, 1, pad);
    const attrs = { strides, pad, dataFormat: 'NHWC', inputShape: x };
    return { name: 'Conv2DBackpropInput', x, filter, dy: outShape, attrs, seed: c.seed };
  })
  .filter(({ dy }) => dy.every((side) => side > 0));

const threeDimensional: fc.Arbitrary<Case> = drawn
  .map((c): Case => {
    const x: Rank5 = [c.batch, ...c.sides, c.inChannels];
    const filter: Rank5 = [...c.filterSides, c.inChannels, c.outChannels];
    const { outShape } = tf.backend_util.computeConv3DInfo(x, filter, c.strides, 1, c.pad);
    const attrs = { strides: c.strides, pad: c.pad, inputShape: x };
    return { name: 'Conv3DBackpropInputV2', x, filter, dy: outShape, attrs, seed: c.seed };
  })
  .filter(({ dy }) => dy.every((side) => side > 0));

const run = ({ name, filter, dy, attrs, seed }: Case): tf.Tensor => {
  const inputs = { dy: randomTensor(dy, seed), filter: randomTensor(filter, seed + 1) };
  return tf.engine().runKernel(name, inputs, attrs as never) as tf.Tensor;
};

const large: Case = {
  name: 'Conv2DBackpropInput',
  x: [5, 30, 22, 24],
  filter: [3, 4, 24, 5],
  dy: [5, 30, 22, 5],
  attrs: { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', inputShape: [5, 30, 22, 24] },
  seed: 1,
};

test.each([
  ['conv2d', twoDimensional],
  ['conv3d', threeDimensional],
])('gradients of %s equal those of the cpu backend', async (_, cases) => {
  const samples = [...fc.sample(cases, { numRuns: 250, seed: 1 }), large];
  const compute = () => samples.map((c) => tf.tidy(() => values(run(c))));
  const ours = compute();
  await useBackend('cpu');
  const cpu = compute();
  await useBackend('wasm');
  for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 1);
});

test.each([
  ['conv2d', twoDimensional],
  ['conv3d', threeDimensional],
])('gradients of %s are its transpose', (_, cases) => {
  fc.assert(
    fc.property(cases, (c) => {
      tf.tidy(() => {
        // ⟨conv(x), dy⟩ = ⟨x, gradient(dy)⟩
        const [x, dy] = [randomTensor(c.x, c.seed + 2), randomTensor(c.dy, c.seed)];
        const filter = randomTensor(c.filter, c.seed + 1);
        const name = c.name.startsWith('Conv2D') ? 'Conv2D' : 'Conv3D';
        const attrs = { ...c.attrs, dilations: name === 'Conv2D' ? [1, 1] : [1, 1, 1] };
        const y = tf.engine().runKernel(name, { x, filter }, attrs as never) as tf.Tensor;
        const forward = values(tf.sum(tf.mul(y, dy)))[0]!;
        const backward = values(tf.sum(tf.mul(x, run(c))))[0]!;
        const scale = Math.max(1, Math.hypot(...values(y)) * Math.hypot(...values(dy)));
        expect(Math.abs(forward - backward) / scale).toBeLessThan(1e-5);
      });
    }),
    { numRuns: 200, seed: 2 },
  );
});

describe('in stock tfjs', () => {
  test('those of conv3d are wrong', () => {
    const samples = fc.sample(threeDimensional, { numRuns: 30, seed: 1 });
    const compute = () => samples.flatMap((c) => tf.tidy(() => values(run(c))));
    const ours = compute();
    disableTraining();
    const stock = compute();
    expect(Math.max(...ours.map((value, i) => Math.abs(value - stock[i]!)))).not.toBeLessThan(0.1);
  });

  test('those of conv2d with the channels second are left to it', () => {
    const attrs = { strides: [1, 1], pad: 'same', dataFormat: 'NCHW', inputShape: [2, 3, 5, 5] };
    const c = { ...large, filter: [3, 3, 3, 4], dy: [2, 4, 5, 5], attrs };
    const compute = () => tf.tidy(() => values(run(c)));
    const ours = compute();
    disableTraining();
    expect(ours).toEqual(compute());
  });
});

test('100 gradients leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const once = () => tf.tidy(() => void run(large));
  once();
  const heap = wasm.HEAPU8.length;
  expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
  expect(wasm.HEAPU8.length).toBe(heap);
});
