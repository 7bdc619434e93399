/** A run that goes on from a checkpoint equals one that was never interrupted; what does not fit changes nothing. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { setRole } from '@tfjs-lrm/core';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { train, weightsOf } from '../../../test/models.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { memoryStore } from '../test/memory-store.ts';
import { lastCheckpoint, loadCheckpoint, putState, saveCheckpoint } from './index.ts';

/** Layers with and without names, of which those without get other numbers each time. */
function build(units = 4): tfl.LayersModel {
  const hidden = tfl.layers.dense({
    units,
    activation: 'tanh',
    inputShape: [3],
    kernelInitializer: tfl.initializers.glorotNormal({ seed: 1 }),
  });
  return tfl.sequential({
    layers: [
      hidden,
      tfl.layers.batchNormalization(),
      tfl.layers.dense({
        units: 4,
        kernelInitializer: tfl.initializers.glorotNormal({ seed: 2 }),
      }),
      withMultipliers(
        tfl.layers.dense({
          units: 2,
          name: 'out',
          kernelInitializer: tfl.initializers.glorotNormal({ seed: 3 }),
        }),
      ),
    ],
  });
}

function compiled(optimizer: tf.Optimizer): tfl.LayersModel {
  const model = build();
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

const optimizers: Readonly<Record<string, () => tf.Optimizer>> = {
  adam: () => adam({ learningRate: 0.02 }),
  'clipping of momentum': () => withClipping(tf.train.momentum(0.05, 0.9), { globalNorm: 0.5 }),
  'adam of tfjs': () => tf.train.adam(0.02),
  'momentum of tfjs': () => tf.train.momentum(0.05, 0.9),
  'RMSProp of tfjs': () => tf.train.rmsprop(0.01, 0.9, 0.5),
  'SGD of tfjs': () => tf.train.sgd(0.05),
};

eachBackend(() => {
  it.each(Object.keys(optimizers))(
    'a resumed run equals a whole one bit for bit: %s',
    async (name) => {
      const make = optimizers[name] as () => tf.Optimizer;
      const whole = compiled(make());
      await train(whole, 0, 9);
      const store = memoryStore();
      const first = compiled(make());
      await train(first, 0, 5);
      await saveCheckpoint(store, { model: first, optimizer: first.optimizer, step: 5 });
      const second = compiled(make());
      // What it did before must not show.
      await train(second, 20, 22);
      const from = await loadCheckpoint(store, { model: second, optimizer: second.optimizer });
      expect(from?.step).toBe(5);
      await train(second, 5, 9);
      expect(weightsOf(second)).toEqual(weightsOf(whole));
    },
  );
});

onCpu(() => {
  it('slots find the weights of a model whose numbers overlap those that were saved', async () => {
    // Two layers without names: the second one's name then is the first one's now.
    const twins = (): tfl.LayersModel =>
      tfl.sequential({
        layers: [tfl.layers.dense({ units: 3, inputShape: [3] }), tfl.layers.dense({ units: 3 })],
      });
    const [a, b] = [twins(), twins()];
    const optimizer = adam();
    tf.tidy(() => {
      optimizer.applyGradients(
        a.weights.map((weight, i) => ({
          name: (weight.read() as tf.Variable).name,
          tensor: tf.fill(weight.shape as number[], i + 1),
        })),
      );
    });
    const store = memoryStore();
    await saveCheckpoint(store, { model: a, optimizer, step: 1 });
    // As a file of a process in which the numbers began one lower.
    const shift = (name: string): string =>
      name.replace(/Dense(\d+)/, (_, n) => `Dense${Number(n) + 1}`);
    const saved = await lastCheckpoint(store);
    const shifted = {
      weights: saved!.weights.map((each) => ({ ...each, name: shift(each.name) })),
      optimizer: saved!.optimizer!.map((each) => ({ ...each, name: shift(each.name) })),
    };
    const other = adam();
    await putState(shifted, { model: b, optimizer: other });
    const moments = (model: tfl.LayersModel, of: typeof optimizer): number[][] =>
      model.weights.map((weight) =>
        Array.from(
          of
            .slots(weight.read() as tf.Variable)
            .get('m')!
            .dataSync(),
        ),
      );
    expect(moments(b, other)).toEqual(moments(a, optimizer));
  });

  it('keeps step, extra and roles, and the last k checkpoints', async () => {
    const model = build();
    const optimizer = adam();
    setRole(model.trainableWeights[0]!.read() as tf.Variable, 'head');
    const store = memoryStore();
    const extra = { random: [1, -2, 3.5], name: 'ü', deep: { list: [null, true] } };
    for (let step = 0; step < 5; step++)
      expect(await saveCheckpoint(store, { model, optimizer, step, extra }, { keep: 2 })).toBe(
        step + 1,
      );
    expect(await store.list()).toEqual([4, 5]);
    expect(await lastCheckpoint(store)).toMatchObject({ step: 4, extra, number: 5, damaged: [] });
    await saveCheckpoint(store, { model, step: 9 }, { keep: 1 });
    expect(await store.list()).toEqual([6]);
    expect(await lastCheckpoint(store)).toMatchObject({ step: 9, extra: null, optimizer: null });
  });

  it('is null, with nothing changed, where there is none yet', async () => {
    const model = build();
    const before = weightsOf(model);
    expect(await loadCheckpoint(memoryStore(), { model })).toBeNull();
    expect(weightsOf(model)).toEqual(before);
  });

  it('saves and loads without a leak', async () => {
    for (const make of Object.values(optimizers)) {
      const model = compiled(make());
      const { optimizer } = model;
      await train(model, 0, 2);
      const store = memoryStore();
      await saveCheckpoint(store, { model, optimizer, step: 2 });
      await loadCheckpoint(store, { model, optimizer });
      expect(
        await tensorsLeftBy(async () => {
          await saveCheckpoint(store, { model, optimizer, step: 2 });
          await loadCheckpoint(store, { model, optimizer });
        }),
      ).toBe(0);
    }
  });

  const others: [string, () => tfl.LayersModel, () => tf.Optimizer | undefined, RegExp][] = [
    [
      'of other shapes',
      () => build(5),
      () => adam(),
      /of another model: it has ".*kernel" \[3, 4\] float32 where this one has ".*" \[3, 5\]/,
    ],
    [
      'with fewer layers',
      () => tfl.sequential({ layers: build().layers.slice(0, 1) }),
      () => adam(),
      /it has 12 weights, this one 2/,
    ],
    [
      'with more layers',
      () => tfl.sequential({ layers: [...build().layers, tfl.layers.dense({ units: 1 })] }),
      () => adam(),
      /where this one has ".*kernel" \[2, 1\] float32; it has 12 weights, this one 14/,
    ],
    [
      'with another optimizer',
      () => build(),
      () => tf.train.momentum(1, 0.5),
      /belongs to none of the optimizers here/,
    ],
  ];
  it.each(others)(
    'a model %s is refused before anything changes',
    async (_, make, optimizerOf, message) => {
      const trained = compiled(adam());
      await train(trained, 0, 2);
      const store = memoryStore();
      await saveCheckpoint(store, { model: trained, optimizer: trained.optimizer, step: 2 });
      const model = make();
      const optimizer = optimizerOf() as tf.Optimizer;
      const state = async (): Promise<unknown> =>
        (await optimizer.getWeights()).map(({ name, tensor }) => [
          name,
          Array.from(tensor.dataSync()),
        ]);
      const before = [weightsOf(model), await state()];
      const attempt = (): Promise<void> =>
        expect(loadCheckpoint(store, { model, optimizer })).rejects.toThrow(message);
      await attempt();
      expect(await tensorsLeftBy(attempt)).toBe(0);
      expect([weightsOf(model), await state()]).toEqual(before);
    },
  );

  it('a slot of another shape is refused, and the optimizer keeps its state', async () => {
    const model = compiled(adam());
    const { optimizer } = model;
    await train(model, 0, 2);
    const store = memoryStore();
    await saveCheckpoint(store, { model, optimizer, step: 2 });
    const saved = await lastCheckpoint(store);
    const broken = saved!.optimizer!.map((each) =>
      each.shape.length === 2 ? { ...each, shape: [...each.shape, 1] } : each,
    );
    await train(model, 2, 4);
    const whole = weightsOf(model);
    const attempt = (): Promise<void> =>
      expect(
        putState({ weights: saved!.weights, optimizer: broken }, { model, optimizer }),
      ).rejects.toThrow(/saved state has other shapes/);
    expect(await tensorsLeftBy(attempt)).toBe(0);
    expect(weightsOf(model)).toEqual(whole);
    await train(model, 4, 6);
    const straight = compiled(adam());
    await train(straight, 0, 6);
    expect(weightsOf(model)).toEqual(weightsOf(straight));
  });

  it('numbers that are not finite are not saved', async () => {
    const model = build();
    const store = memoryStore();
    await saveCheckpoint(store, { model, step: 1 });
    tf.tidy(() => {
      model.weights[0]!.write(tf.fill([3, 4], Number.NaN));
    });
    await expect(saveCheckpoint(store, { model, step: 2 })).rejects.toThrow(
      /"dense_Dense\d+\/kernel" holds numbers that are not finite/,
    );
    expect(await store.list()).toEqual([1]);
  });

  it.each([
    [
      'no store',
      () => saveCheckpoint('runs' as never, { model: build(), step: 1 }),
      /the store must have list, read, write and remove\. Received "runs"\. Try folderStore/,
    ],
    [
      'no model',
      () => saveCheckpoint(memoryStore(), { model: {} as never, step: 1 }),
      /model must be a tf\.LayersModel/,
    ],
    [
      'no optimizer',
      () => loadCheckpoint(memoryStore(), { model: build(), optimizer: 'adam' as never }),
      /expected a tf\.Optimizer/,
    ],
    [
      'half a step',
      () => saveCheckpoint(memoryStore(), { model: build(), step: 0.5 }),
      /step must be a whole number >= 0\. Received 0\.5/,
    ],
    [
      'an extra that JSON changes',
      () => saveCheckpoint(memoryStore(), { model: build(), step: 1, extra: { seed: [1, 2n] } }),
      /Received: extra\.seed\.1 is 2/,
    ],
    [
      'a typed array in extra',
      () => saveCheckpoint(memoryStore(), { model: build(), step: 1, extra: new Float32Array(1) }),
      /extra is an object \(Float32Array\)/,
    ],
    [
      'keep 0',
      () => saveCheckpoint(memoryStore(), { model: build(), step: 1 }, { keep: 0 }),
      /"?keep"? must be a finite whole number >= 1/,
    ],
  ])('%s: a clear error', async (_, attempt, message) => {
    await expect(attempt()).rejects.toThrow(message);
  });
});
