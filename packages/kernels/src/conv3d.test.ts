import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eachBackend, useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

type Shape = [number, number, number, number, number];

interface Case {
  readonly x: Shape;
  readonly filter: Shape;
  readonly y: Shape;
  readonly strides: [number, number, number];
  readonly dilations: [number, number, number];
  readonly pad: 'same' | 'valid';
  readonly seed: number;
}

const small = (max: number) => fc.integer({ min: 1, max });
const sides = (max: number) => fc.tuple(small(max), small(max), small(max));

/** Convolutions with strides of 1 to 3 and dilations of 1 to `maxDilation`. */
const casesWith = (maxDilation: number): fc.Arbitrary<Case> =>
  fc
    .record({
      batch: fc.constantFrom(1, 1, 2, 5),
      sides: sides(7),
      filterSides: sides(3),
      inChannels: fc.constantFrom(1, 2, 3, 8),
      outChannels: fc.constantFrom(1, 2, 5, 9),
      strides: sides(3),
      dilations: sides(maxDilation),
      pad: fc.constantFrom('same' as const, 'valid' as const),
      seed: fc.nat(),
    })
    .map((c): Case => {
      const x: Shape = [c.batch, ...c.sides, c.inChannels];
      const filter: Shape = [...c.filterSides, c.inChannels, c.outChannels];
      const { computeConv3DInfo } = tf.backend_util;
      const { outShape } = computeConv3DInfo(x, filter, c.strides, c.dilations, c.pad);
      return { ...c, x, filter, y: outShape };
    })
    .filter(({ y }) => y.every((side) => side > 0));

const draw = (shape: Shape, seed: number): tf.Tensor5D =>
  tf.tensor5d(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const run = (name: string, inputs: tf.NamedTensorMap, attrs: object): number[] =>
  values(tf.engine().runKernel(name, inputs, attrs as never) as tf.Tensor);

const convolve = ({ x, filter, strides, pad, dilations, seed }: Case): number[] =>
  tf.tidy(() =>
    run(
      'Conv3D',
      { x: draw(x, seed), filter: draw(filter, seed + 1) },
      { strides, pad, dilations },
    ),
  );

const ofFilter = ({ x, filter, y, strides, pad, seed }: Case): number[] =>
  tf.tidy(() => {
    const inputs = { x: draw(x, seed), dy: draw(y, seed + 1) };
    return run('Conv3DBackpropFilterV2', inputs, { strides, pad, filterShape: filter });
  });

const large: Case = {
  x: [3, 12, 14, 10, 6],
  filter: [3, 2, 3, 6, 5],
  y: [3, 12, 14, 10, 5],
  strides: [1, 1, 1],
  dilations: [1, 1, 1],
  pad: 'same',
  seed: 1,
};

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  test.each([
    { name: 'convolutions', compute: convolve, cases: casesWith(2), least: 1 },
    { name: 'gradients for the filter', compute: ofFilter, cases: casesWith(1), least: 10 },
  ])('$name equal those of the cpu backend', async ({ compute, cases, least }) => {
    const samples = [...fc.sample(cases, { numRuns: 250, seed: 1 }), large];
    const ours = samples.map(compute);
    await useBackend('cpu');
    const cpu = samples.map(compute);
    await useBackend('wasm');
    for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, least);
  });

  test('stock tfjs leaves out summands of gradients for the filter where a stride is more than 1', () => {
    const c: Case = { ...large, x: [1, 4, 4, 4, 1], filter: [2, 2, 2, 1, 1], strides: [3, 3, 3] };
    const strided = { ...c, y: [1, 2, 2, 2, 1] as Shape };
    const ours = ofFilter(strided);
    disableTraining();
    const stock = ofFilter(strided);
    expect(stock).not.toEqual(ours);
    expect(stock).toContain(0);
  });

  test('a batch of no images gives nothing, and zeros for the filter', () => {
    const none: Case = { ...large, x: [0, 3, 3, 3, 6], y: [0, 3, 3, 3, 5] };
    expect(convolve(none)).toEqual([]);
    expect(ofFilter(none)).toEqual(new Array(3 * 2 * 3 * 6 * 5).fill(0));
  });

  test('100 convolutions and their gradients leave no tensor and no heap', async () => {
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const once = () => [convolve(large), ofFilter(large)];
    once();
    const heap = wasm.HEAPU8.length;
    expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
    expect(wasm.HEAPU8.length).toBe(heap);
  });
});

/** One operation with both of its operands, of which it is linear in each. */
type Operation = (x: tf.Tensor5D, filter: tf.Tensor5D) => tf.Tensor;

function expectDifferences(operation: Operation, x: tf.Tensor5D, filter: tf.Tensor5D): void {
  const loss = (a: tf.Tensor, f: tf.Tensor): tf.Scalar =>
    tf.sum(tf.square(operation(a as tf.Tensor5D, f as tf.Tensor5D)));
  const [ofX, ofFilterOnly] = tf.grads(loss)([x, filter]);
  const toX = draw(x.shape, 3);
  const toFilter = draw(filter.shape, 4);
  // The loss is quadratic in each, so central differences are exact but for rounding.
  for (const [gradient, direction, up, down] of [
    [ofX, toX, loss(tf.add(x, toX), filter), loss(tf.sub(x, toX), filter)],
    [ofFilterOnly, toFilter, loss(x, tf.add(filter, toFilter)), loss(x, tf.sub(filter, toFilter))],
  ] as const) {
    const slope = values(tf.sum(tf.mul(gradient!, direction)))[0]!;
    const [above, below] = [values(up)[0]!, values(down)[0]!];
    expect(Math.abs(slope - (above - below) / 2)).toBeLessThan(1e-5 * (1 + above + below));
  }
}

eachBackend((backend) => {
  const tiny = casesWith(1);

  test('gradients of conv3d equal differences of the loss', () => {
    fc.assert(
      fc.property(tiny, (c) =>
        tf.tidy(() => {
          const operation: Operation = (x, f) => tf.conv3d(x, f, c.strides, c.pad);
          expectDifferences(operation, draw(c.x, c.seed), draw(c.filter, c.seed + 1));
        }),
      ),
      { numRuns: 100, seed: 2 },
    );
  });

  test('gradients of conv3dTranspose equal differences of the loss', () => {
    fc.assert(
      fc.property(tiny, (c) =>
        tf.tidy(() => {
          const operation: Operation = (y, f) => tf.conv3dTranspose(y, f, c.x, c.strides, c.pad);
          expectDifferences(operation, draw(c.y, c.seed), draw(c.filter, c.seed + 1));
        }),
      ),
      { numRuns: 100, seed: 3 },
    );
  });

  test('the gradient of conv3dTranspose leaves no tensor', async () => {
    const once = () =>
      tf.tidy(() => {
        const loss = (y: tf.Tensor5D, f: tf.Tensor5D): tf.Scalar =>
          tf.sum(tf.square(tf.conv3dTranspose(y, f, [1, 3, 3, 3, 2], 1, 'valid')));
        tf.grads(loss as never)([draw([1, 2, 2, 2, 3], 1), draw([2, 2, 2, 2, 3], 2)]);
      });
    once();
    expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
  });

  test('stock tfjs has no gradient of conv3dTranspose', () => {
    disableTraining();
    tf.tidy(() => {
      const grad = tf.grad((x) =>
        tf.conv3dTranspose(x as tf.Tensor5D, tf.ones([1, 1, 1, 1, 1]), [1, 2, 2, 2, 1], 1, 'same'),
      );
      expect(() => grad(tf.ones([1, 2, 2, 2, 1])), backend).toThrow(
        'gradient function not found for Conv3DBackpropInputV2',
      );
    });
  });
});
