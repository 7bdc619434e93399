import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import * as layersApi from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { describe, expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { reload } from '../../../test/models.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { buildModel, inputsOf, MODEL_NAMES } from '../test/models.ts';
import { breakSymmetry, findSymmetries, symmetryBreaking } from './index.ts';

const { initializers, layers, sequential } = layersApi;
type Initializer = ReturnType<typeof initializers.ones>;

const outputs = (model: LayersModel, x: tf.Tensor): number[] =>
  tf.tidy(() => values(model.apply(x) as tf.Tensor));

/** A hidden layer whose channels all start the same, before an output projection of zeros or a constant. */
function identical(
  out: Initializer,
  wrap: (layer: layersApi.layers.Layer) => layersApi.layers.Layer,
): LayersModel {
  const kernelInitializer = initializers.constant({ value: 0.3 });
  return sequential({
    layers: [
      wrap(
        layers.dense({
          name: 'hidden',
          units: 6,
          activation: 'relu',
          inputShape: [4],
          kernelInitializer,
        }),
      ),
      wrap(layers.dense({ name: 'out', units: 2, kernelInitializer: out })),
    ],
  });
}

/** Trains on a function that one hidden channel cannot compute; returns the loss at the end. */
function train(model: LayersModel, steps = 300): number {
  const optimizer = adam({ learningRate: 0.02 });
  return tf.tidy(() => {
    const x = tf.tensor2d(noise(random(5), 64 * 4), [64, 4]);
    const [a, b, c, d] = tf.split(x, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const y = tf.concat([tf.abs(tf.sub(a, b)), tf.abs(tf.add(c, d))], 1);
    const loss = () => tf.mean(tf.squaredDifference(model.apply(x) as tf.Tensor, y)) as tf.Scalar;
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    for (let at = 0; at < steps; at++) optimizer.minimize(loss, false, variables);
    const end = values(loss())[0] as number;
    optimizer.dispose();
    return end;
  });
}

/** The largest angle between what two hidden channels compute: 0 where all are the same up to their size. */
function separation(model: LayersModel): number {
  const weight = model.weights.find(
    ({ originalName }) => originalName === 'hidden/kernel',
  ) as layersApi.LayerVariable;
  return tf.tidy(() => {
    const kernel = weight.read();
    const unit = tf.div(kernel, tf.norm(kernel, 2, 0, true));
    return Math.acos(Math.min(1, values(tf.min(tf.matMul(unit, unit, true, false)))[0] as number));
  });
}

eachBackend(() => {
  it.each(MODEL_NAMES)('leaves the outputs of "%s" as they are', async (name) => {
    const model = buildModel(name);
    const x = inputsOf(model);
    const before = outputs(model, x);
    const weights = model.getWeights().map(values);
    expect(await tensorsLeftBy(() => breakSymmetry(model, { spread: 0.2, seed: 1 }))).toBe(0);
    expectClose(outputs(model, x), before, 1e-6, Math.max(...before.map(Math.abs)));
    const moves = findSymmetries(model).some(({ kind }) => kind === 'multiplicative');
    expect(JSON.stringify(model.getWeights().map(values)) !== JSON.stringify(weights)).toBe(moves);
    x.dispose();
    model.dispose();
  });

  it('is the same for the same seed and another one for another', () => {
    const [a, b, c] = [1, 1, 2].map((seed) => {
      const model = buildModel('relu');
      breakSymmetry(model, { spread: 0.2, seed });
      const weights = model.getWeights().map(values);
      model.dispose();
      return weights;
    });
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  it('draws other factors for each symmetry', () => {
    const model = buildModel('relu');
    const [first, second] = model.getWeights().map(values) as [number[], number[]];
    breakSymmetry(model, { spread: 0.2, seed: 1 });
    const [a, b] = model.getWeights().map(values) as [number[], number[]];
    const rows = [0, 1, 2, 3].map((i) => (a[i] as number) / (first[i] as number));
    const next = [0, 1, 2, 3].map(
      (i) => (rows[0] as number) * ((b[i] as number) / (second[i] as number)),
    );
    next.forEach((factor, i) => {
      expect(Math.abs(factor / (rows[i] as number) - 1)).toBeGreaterThan(1e-3);
    });
    model.dispose();
  });

  describe.each([
    ['a constant', () => initializers.constant({ value: 0.2 })],
    ['zeros', () => initializers.zeros()],
  ])('identical channels before an output projection of %s', (name, out) => {
    it('stay identical without breaking, separate with it, and learn more', () => {
      const plain = identical(out(), (layer) => layer);
      const broken = identical(out(), (layer) => layer);
      breakSymmetry(broken, { spread: 0.3, seed: 1 });
      const factored = identical(out(), (layer) =>
        withMultipliers(layer, {
          initializer: { row: symmetryBreaking({ spread: 0.3, seed: 3 }) },
        }),
      );
      const [without, byOrbit, byFactors] = [plain, broken, factored].map((model) =>
        train(model),
      ) as [number, number, number];
      // A small experiment: what breaking is worth.
      console.info(
        `loss after 300 steps from ${name}: ${without.toFixed(4)} without breaking, ${byOrbit.toFixed(4)} with breakSymmetry, ${byFactors.toFixed(4)} with symmetryBreaking`,
      );
      expect(separation(plain)).toBeLessThan(1e-3);
      expect(separation(broken)).toBeGreaterThan(0.1);
      expect(separation(factored)).toBeGreaterThan(0.1);
      expect(byOrbit).toBeLessThan(0.9 * without);
      expect(byFactors).toBeLessThan(0.9 * without);
      for (const model of [plain, broken, factored]) model.dispose();
    });
  });
});

onCpu(() => {
  it('draws log-normal factors of geometric mean 1 and the given spread', () => {
    const logs = tf.tidy(() =>
      values(tf.log(symmetryBreaking({ spread: 0.3, seed: 4 }).apply([100, 100]) as tf.Tensor)),
    );
    const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
    const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logs.length;
    // Four standard errors of 10,000 numbers.
    expect(Math.abs(mean)).toBeLessThan((4 * 0.3) / 100);
    expect(Math.abs(Math.sqrt(variance) / 0.3 - 1)).toBeLessThan(4 / Math.sqrt(20_000));
  });

  it('is saved with a layer, and with multipliers', async () => {
    const model = sequential({
      layers: [
        withMultipliers(layers.dense({ units: 3, inputShape: [2] }), {
          initializer: { row: symmetryBreaking({ spread: 0.5, seed: 1 }) },
        }),
        layers.dense({
          units: 2,
          kernelInitializer: symmetryBreaking({ spread: 0.25, seed: 2 }),
        }),
      ],
    });
    const loaded = await reload(model);
    expect(loaded.getWeights().map(values)).toEqual(model.getWeights().map(values));
    const config = JSON.stringify(loaded.getConfig());
    for (const part of ['"spread":0.5,"seed":1', '"spread":0.25,"seed":2'])
      expect(config).toContain(part);
    expect(config.match(/LrmSymmetryBreaking/g)).toHaveLength(2);
    model.dispose();
    loaded.dispose();
  });

  it('names wrong and missing options', () => {
    const model = buildModel('relu');
    for (const call of [
      (options: object) => breakSymmetry(model, options as never),
      (options: object) => symmetryBreaking(options as never),
    ]) {
      expect(() => call({ spread: 0.1 })).toThrow(/"seed" must be given/);
      expect(() => call({ spread: -1, seed: 1 })).toThrow(/"spread" must be a finite number >= 0/);
      expect(() => call({ spread: 1, seed: 1.5 })).toThrow(/"seed" must be a finite whole number/);
      expect(() => call({ spread: 1, sead: 1 })).toThrow(/Did you mean "seed"/);
    }
    expect(() => breakSymmetry(null as never, { spread: 1, seed: 1 })).toThrow(
      /must be a tf.LayersModel/,
    );
    model.dispose();
  });
});
