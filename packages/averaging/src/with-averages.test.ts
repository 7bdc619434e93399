/** Evaluating, saving and folding a model that has its averages for a while. */
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { variableOf } from '@tfjs-lrm/core/kit';
import { foldMultipliers, reparametrize, withMultipliers } from '@tfjs-lrm/multipliers';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { expectClose, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { withAverages, withAveraging } from './index.ts';

const data = () => ({
  x: tf.randomNormal([8, 3], 0, 1, 'float32', 1),
  y: tf.randomNormal([8, 2], 0, 1, 'float32', 2),
});

function trained(wrap: (inner: tf.Optimizer) => tf.Optimizer, steps = 4, multiplied = false) {
  const dense = layers.dense({ units: 4, activation: 'tanh', kernelInitializer: 'ones' });
  const model = sequential({
    layers: [
      layers.inputLayer({ inputShape: [3] }),
      multiplied ? withMultipliers(dense) : dense,
      layers.batchNormalization(),
      layers.dense({ units: 2, kernelInitializer: 'ones' }),
    ],
  });
  const optimizer = wrap(adam({ learningRate: 0.05 }));
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const { x, y } = data();
  const seen: number[][][] = [];
  const train = async (): Promise<void> => {
    for (let t = 0; t < steps; t++) {
      await model.trainOnBatch(x, y);
      seen.push(model.trainableWeights.map((weight) => values(variableOf(weight))));
    }
  };
  return { model, optimizer, seen, x, y, train };
}

const weightsOf = (model: tf.Variable[]): number[][] => model.map((each) => values(each));

eachBackend(() => {
  test('inside, the model has the means of its weights; afterwards the weights', async () => {
    const { model, optimizer, seen, train } = trained((inner) =>
      withAveraging(inner, { average: 'equal' }),
    );
    await train();
    const variables = model.trainableWeights.map(variableOf);
    const inside = await withAverages(model, optimizer, async () => {
      await Promise.resolve();
      return weightsOf(variables);
    });
    inside.forEach((weights, w) => {
      const mean = weights.map((_, i) => seen.reduce((sum, s) => sum + s[w]![i]!, 0) / seen.length);
      expectClose(weights, mean, 1e-5, 1);
    });
    expect(weightsOf(variables)).toEqual(seen.at(-1));
  });
});

onCpu(() => {
  test('the weights come back where the function throws, and no tensor is left', async () => {
    const { model, optimizer, seen, train } = trained(withAveraging);
    await train();
    const left = await tensorsLeftBy(async () => {
      const fails = withAverages(model, optimizer, () => {
        throw new Error('evaluation failed');
      });
      await expect(fails).rejects.toThrow('evaluation failed');
    });
    expect(left).toBe(0);
    expect(weightsOf(model.trainableWeights.map(variableOf))).toEqual(seen.at(-1));
  });

  test('a model with multipliers is folded from the averages of its parts', async () => {
    const { model, optimizer, x, train } = trained(withAveraging, 4, true);
    await train();
    const [folded, expected] = await withAverages(model, optimizer, () => [
      foldMultipliers(model),
      values(model.predict(x) as tf.Tensor),
    ]);
    expectClose(
      values((folded as typeof model).predict(x) as tf.Tensor),
      expected as number[],
      1e-5,
      1,
    );
  });

  test('around reparametrize the effective kernels are averaged, and training goes on as if nothing had been', async () => {
    const make = () =>
      trained((inner) => withAveraging(reparametrize(inner), { average: 'equal' }));
    const [watched, plain] = [make(), make()];
    for (const each of [watched, plain]) await each.train();
    await withAverages(watched.model, watched.optimizer, () => {});
    for (const each of [watched, plain]) await each.train();
    expect(watched.seen).toEqual(plain.seen);
  });

  test('averages are saved and resumed bit for bit', async () => {
    const half = trained((inner) => withAveraging(inner, { decay: 0.8 }));
    const whole = trained((inner) => withAveraging(inner, { decay: 0.8 }));
    for (const each of [half, whole, whole]) await each.train();
    let saved: tf.io.ModelArtifacts | undefined;
    await half.model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      }),
      { includeOptimizer: true },
    );
    const { loadLayersModel } = await import('@tensorflow/tfjs-layers');
    const loaded = await loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    for (let t = 0; t < 4; t++) await loaded.trainOnBatch(half.x, half.y);
    const averages = (model: typeof loaded) =>
      withAverages(model, model.optimizer, () => weightsOf(model.trainableWeights.map(variableOf)));
    expect(await averages(loaded)).toEqual(await averages(whole.model));
  });

  test('averages that were loaded are there before the next step', async () => {
    const { model, optimizer, train } = trained(withAveraging);
    await train();
    const saved = (await optimizer.getWeights()).map(({ name, tensor }) => ({
      name,
      tensor: tf.clone(tensor),
    }));
    const fresh = withAveraging(adam({ learningRate: 0.05 }));
    await fresh.setWeights(saved);
    const read = () => weightsOf(model.trainableWeights.map(variableOf));
    expect(await withAverages(model, fresh, read)).toEqual(
      await withAverages(model, optimizer, read),
    );
  });

  test('says what is missing', async () => {
    const { model, optimizer } = trained((inner) => withAveraging(inner, { start: 100 }));
    await expect(withAverages(model, optimizer, () => {})).rejects.toThrow(
      'withAverages: the weights must have averages. Received none: train beyond the step "start" first',
    );
    await expect(withAverages(model, adam(), () => {})).rejects.toThrow(
      'withAverages: the optimizer must be withAveraging(…), or have one inside. Received LrmAdam.',
    );
    await expect(withAverages(model, optimizer, 5 as never)).rejects.toThrow(
      'a function. Received 5',
    );
    await expect(withAverages('model' as never, optimizer, () => {})).rejects.toThrow(
      'the model must be a tf.LayersModel',
    );
    const outside = trained((inner) => reparametrize(withAveraging(inner)));
    await outside.train();
    await expect(withAverages(outside.model, outside.optimizer, () => {})).rejects.toThrow(
      'Received none of',
    );
  });
});
