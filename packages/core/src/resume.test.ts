import * as tf from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, savedArtifacts, smallModel, train, weightsOf } from '../../../test/models.ts';
import { Factor, Passing, Probe, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { assignRoles, asTensorOptimizer, byRole, findOptimizer, learningRate } from './index.ts';

/** The weights after `until` steps, saved and loaded after each of the steps in `stops`. */
async function trained(
  make: () => tf.Optimizer,
  until: number,
  stops: number[],
): Promise<number[][]> {
  let model: layers.LayersModel = smallModel();
  assignRoles(model);
  let optimizer = make();
  model.compile({ optimizer, loss: 'meanSquaredError' });
  let at = 0;
  for (const stop of [...stops, until]) {
    await train(model, at, stop);
    at = stop;
    if (stop === until) break;
    const loaded = await reload(model);
    model.dispose();
    optimizer.dispose();
    model = loaded;
    optimizer = loaded.optimizer;
    assignRoles(model);
  }
  const weights = weightsOf(model);
  model.dispose();
  optimizer.dispose();
  return weights;
}

const STACKS: [string, () => tf.Optimizer][] = [
  ['one of ours', () => new Probe(0.1)],
  ...TFJS_OPTIMIZERS.map(([name, make]): [string, () => tf.Optimizer] => [
    `an adapter around ${name}`,
    () => new Passing(make()),
  ]),
  ["tfjs' adam under the contract alone", () => asTensorOptimizer(tf.train.adam(0.05))],
  ['a factor around adam', () => new Factor(new Passing(tf.train.adam(0.05)), 0.5)],
  [
    'byRole with three optimizers in adapters',
    () =>
      new Passing(
        byRole({
          matrix: new Factor(tf.train.momentum(0.1, 0.9), 0.25),
          head: new Factor(new Probe(0.1), 0.5),
          default: tf.train.adamax(0.05),
        }),
      ),
  ],
  [
    'byRole with one optimizer for two roles',
    () => {
      const adam = tf.train.adam(0.05);
      return byRole({ matrix: adam, head: adam, default: new Probe(0.1) });
    },
  ],
];

onCpu(() => {
  test.each(STACKS)(
    '%s: saved, loaded and continued equals never having stopped, bit for bit',
    async (_, make) => {
      const whole = await trained(make, 7, []);
      expect(await trained(make, 7, [3])).toEqual(whole);
      expect(await trained(make, 7, [1, 4, 5])).toEqual(whole);
      // The comparison would see a difference: one step more changes the weights.
      expect(await trained(make, 8, [])).not.toEqual(whole);
    },
  );

  test('loaded before the first step, an optimizer starts from the start', async () => {
    const make = (): tf.Optimizer => new Passing(tf.train.adam(0.05));
    expect(await trained(make, 3, [0])).toEqual(await trained(make, 3, []));
  });

  test('bare Adam resumes with powers of beta that differ: what the contract saves', async () => {
    // tfjs recomputes beta^t by pow in float32, the live ones are products.
    const adam = tf.train.adam(0.05, 0.9, 0.999);
    const restored = tf.train.adam(0.05, 0.9, 0.999);
    for (let i = 0; i < 40; i++) adam.applyGradients({});
    await restored.setWeights(await adam.getWeights());
    type Powers = { accBeta2: tf.Variable };
    const [live, recomputed] = [adam, restored].map(
      (optimizer) => (optimizer as unknown as Powers).accBeta2.dataSync()[0],
    );
    expect(recomputed).not.toBe(live);
    expect(recomputed).toBeCloseTo(live as number, 5);
  });

  test('saving again and again leaks nothing, and neither does saving a loaded model', async () => {
    const model = smallModel();
    const optimizer = new Passing(tf.train.adam(0.1));
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 2);
    await savedArtifacts(model);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) await savedArtifacts(model);
    const loaded = await reload(model);
    loaded.optimizer.dispose();
    loaded.dispose();
    expect(tf.memory().numTensors).toBe(before);
    // The optimizer is the user's to dispose: the model does not.
    model.dispose();
    expect(optimizer.isDisposed).toBe(false);
    optimizer.dispose();
  });

  test("no state is named like a model's weight, which it would silently overwrite", async () => {
    const model = smallModel();
    model.compile({ optimizer: new Passing(new Probe(0.1)), loss: 'meanSquaredError' });
    await train(model, 0, 1);
    const { weightSpecs } = JSON.parse((await savedArtifacts(model)).json) as tf.io.ModelArtifacts;
    const names = (weightSpecs as tf.io.WeightsManifestEntry[]).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(weightsOf(await reload(model))).toEqual(weightsOf(model));
    model.dispose();
  });

  test('the base rate is saved, not base times factor: save and load do not shrink it', async () => {
    let model: layers.LayersModel = smallModel();
    model.compile({
      optimizer: new Factor(new Passing(tf.train.momentum(0.5, 0.9)), 0.25),
      loss: 'meanSquaredError',
    });
    for (let i = 0; i < 3; i++) {
      await train(model, i, i + 1);
      model = await reload(model);
      expect(learningRate(model.optimizer)).toBe(0.5);
    }
    await train(model, 3, 4);
    const momentum = findOptimizer(model.optimizer, 'Momentum') as unknown as {
      learningRate: number;
    };
    expect(momentum.learningRate).toBe(0.125);
  });
});
