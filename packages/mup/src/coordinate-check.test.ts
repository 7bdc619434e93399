import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayersModel, sequential, layers as tfl } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { asTensorOptimizer } from '@tfjs-lrm/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { coordinateCheck, mup } from './index.ts';
import { slopeOf } from './slope.ts';

const WIDTHS = [64, 128, 256, 512];

const build = (width: number, seed = 0): LayersModel =>
  sequential({
    layers: [width, width, width, 4].map((units, i) =>
      tfl.dense({
        units,
        name: i < 3 ? `hidden${i + 1}` : 'head',
        ...(i === 0 ? { inputShape: [8] } : {}),
        ...(i < 3 ? { activation: 'relu' as const } : {}),
        kernelInitializer: initializers.heNormal({ seed: 10 * seed + i + 1 }),
      }),
    ),
  });

const OPTIMIZERS: Record<string, () => tf.Optimizer> = {
  adam: () => adam({ learningRate: 1e-3 }),
  sgd: () => asTensorOptimizer(tf.train.sgd(0.02)),
};

const student =
  (optimizer: () => tf.Optimizer, hasMup: boolean) => (width: number, seed: number) => {
    const model = build(width, seed);
    model.compile({ optimizer: optimizer(), loss: 'meanSquaredError' });
    if (hasMup) {
      const base = build(64, seed);
      mup(model, { base });
      base.dispose();
    }
    return model;
  };

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  const batch = () => ({
    x: tf.randomNormal([32, 8], 0, 1, 'float32', 1),
    y: tf.randomNormal([32, 4], 0, 1, 'float32', 2),
  });

  test.each(Object.keys(OPTIMIZERS))(
    'with %s under µP no layer changes more at larger widths; without, the output does',
    async (name) => {
      const { x, y } = batch();
      const optimizer = OPTIMIZERS[name] as () => tf.Optimizer;
      const options = { x, y, steps: 3, seeds: 2 };
      const flat = await coordinateCheck(student(optimizer, true), WIDTHS, options);
      for (const { layer, activation, update } of flat.slopes) {
        expect([layer, Math.abs(update) < 0.25], `${layer}: ${update}`).toEqual([layer, true]);
        // The head starts from activations ∝ width^−½.
        const [least, most] = layer === 'head' ? [-0.75, 0.1] : [-0.1, 0.1];
        expect(activation).toBeGreaterThan(least);
        expect(activation).toBeLessThan(most);
      }
      const steep = await coordinateCheck(student(optimizer, false), WIDTHS, options);
      expect(steep.slopes.at(-1)!.update).toBeGreaterThan(0.4);
      tf.dispose([x, y]);
    },
  );

  test('rows, text and drawing hold every layer, width and step; no tensor is left', async () => {
    const { x, y } = batch();
    const make = student(OPTIMIZERS['adam'] as () => tf.Optimizer, true);
    let check: Awaited<ReturnType<typeof coordinateCheck>> | null = null;
    const left = await tensorsLeftBy(async () => {
      check = await coordinateCheck(make, [8, 16], { x, y, steps: 2 });
    });
    expect(left).toBe(0);
    const { rows } = check!;
    expect(rows).toHaveLength(4 * 2 * 3);
    const [start] = rows;
    expect(start).toMatchObject({ layer: 'hidden1', width: 8, step: 0, update: 0 });
    expect(start!.activation).toBeGreaterThan(0.1);
    expect(String(check).split('\n')).toHaveLength(1 + 2 * 4);
    const svg = check!.toSVG();
    expect(svg.match(/<polyline/g)).toHaveLength(8);
    for (const layer of ['hidden1', 'hidden2', 'hidden3', 'head'])
      expect(svg).toContain(`>${layer}: slopes`);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    tf.dispose([x, y]);
  });

  test('the slope of a power law is its exponent', () => {
    expect(slopeOf([1, 2, 4, 8], [3, 12, 48, 192])).toBeCloseTo(2, 12);
    expect(slopeOf([64, 128], [1, 1])).toBe(0);
    expect(slopeOf([64, 128], [0, 1])).toBeNaN();
  });

  test.each([
    ['no function', 5, [8, 16], {}, /^coordinateCheck: the first argument must be a function/],
    ['one width', () => build(8), [8], {}, /^coordinateCheck: the widths must be two or more/],
    ['no batch', () => build(8), [8, 16], { x: undefined }, /^coordinateCheck: "x" must be given/],
    ['steps of 0', () => build(8), [8, 16], { steps: 0 }, /^coordinateCheck: "steps" must be/],
    ['a bare model', () => build(8), [8, 16], {}, /Received one that is not compiled/],
    ['no model', () => 5, [8, 16], {}, /must return a compiled model. Received 5/],
  ])('%s is refused', async (_, make, widths, options, message) => {
    const { x, y } = batch();
    await expect(
      coordinateCheck(make as never, widths, { x, y, ...options } as never),
    ).rejects.toThrow(message);
    tf.dispose([x, y]);
  });
});
