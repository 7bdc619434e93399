import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles, bindState, byRole, setRole, transformState } from '@tfjs-lrm/core';
import { warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, savedArtifacts, smallModel, train, weightsOf } from '../../../test/models.ts';
import { build, continueInNewProcess } from '../../../test/process.ts';
import { noise, random, step, values, variable } from '../../../test/tensors.ts';
import { muon } from './index.ts';

const RATE = { learningRate: 0.05 };
const VARIANTS: [string, () => tf.Optimizer][] = [
  ['alone', () => muon(RATE)],
  ['without Nesterov', () => muon({ ...RATE, nesterov: false, momentum: 0.5 })],
  ['own tuples', () => muon({ ...RATE, coefficients: [[2, -1.5, 0.5]], scale: 'original' })],
  ['split', () => muon({ ...RATE, split: [{ name: 'hidden/kernel', axis: 1, sizes: [2, 2] }] })],
  ['with adam', () => muon({ ...RATE, fallback: adam({ learningRate: 0.1 }) })],
  ["with tfjs' momentum", () => muon({ ...RATE, fallback: tf.train.momentum(0.05, 0.9) })],
  ['of everything', () => muon({ ...RATE, select: ['matrix', 'head'] })],
  ['in byRole', () => byRole({ matrix: muon(RATE), default: adam(RATE) })],
  [
    'in adapters',
    () =>
      withSchedule(
        withWeightDecay(muon(RATE)),
        warmupStableDecay({ warmup: 3, stable: 3, decay: 6 }),
      ),
  ],
];

/** The output kernel is a head by setRole, which is saved. */
function prepared(): LayersModel {
  const model = smallModel();
  assignRoles(model, { out: 'head' });
  return model;
}

async function trained(make: () => tf.Optimizer, stops: number[]): Promise<number[][]> {
  let model = prepared();
  model.compile({ optimizer: make(), loss: 'meanSquaredError' });
  for (let at = 0; at < 6; at++) {
    if (stops.includes(at)) {
      const loaded = await reload(model);
      model.optimizer.dispose();
      model.dispose();
      model = loaded;
    }
    await train(model, at, at + 1);
  }
  const weights = weightsOf(model);
  model.optimizer.dispose();
  model.dispose();
  return weights;
}

onCpu(() => {
  beforeAll(() => build(['core', 'adam', 'weight-decay', 'schedule', 'muon']));

  test.each(VARIANTS)(
    '%s: saved, loaded and continued equals never having stopped, bit for bit',
    async (_, make) => {
      const whole = await trained(make, []);
      expect(await trained(make, [2])).toEqual(whole);
      expect(await trained(make, [1, 3, 5])).toEqual(whole);
    },
  );

  test('a stack continues in a new process bit for bit', async () => {
    smallModel();
    const model = prepared();
    setRole(model.layers[1]!.weights[1]!, 'multiplier');
    const optimizer = withSchedule(
      withWeightDecay(
        muon({
          learningRate: 0.1,
          split: [{ name: 'hidden/kernel', axis: -1, sizes: [2, 2] }],
          fallback: adam({ learningRate: 0.02 }),
        }),
      ),
      warmupStableDecay({ warmup: 5, stable: 10, decay: 10 }),
    );
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 8);
    const saved = await savedArtifacts(model);
    await train(model, 8, 14);
    const packages = ['core', 'adam', 'weight-decay', 'schedule', 'muon'];
    const there = await continueInNewProcess(packages, saved, 8, 14);
    expect(there.weights).toEqual(weightsOf(model));
    expect(there.config).toEqual(optimizer.getConfig());
    expect(there.names).not.toEqual(model.weights.map(({ name }) => name));
  });

  test('state is named: momentum with Muon, moments with the fallback', async () => {
    const model = smallModel();
    const optimizer = muon(RATE);
    model.compile({ optimizer, loss: 'meanSquaredError' });
    assignRoles(model);
    await train(model, 0, 1);
    const names = (await optimizer.getWeights()).map(({ name }) => name);
    expect(names).toEqual([
      'iter',
      'muon/hidden/kernel/momentum',
      'muon:fallback:adam/iter',
      ...['hidden/bias', 'out/kernel', 'out/bias'].flatMap((key) => [
        `muon:fallback:adam/${key}/m`,
        `muon:fallback:adam/${key}/v`,
      ]),
      ...['hidden/bias', 'out/kernel', 'out/bias'].flatMap((key) => [
        `muon:fallback:adam/${key}/c1`,
        `muon:fallback:adam/${key}/c2`,
      ]),
    ]);
    model.dispose();
  });

  test('what cannot be saved with the model goes on in code, by setWeights and bindState', async () => {
    const make = (): tf.Optimizer =>
      muon({ ...RATE, split: ({ shape }) => ({ axis: 1, sizes: [shape[1]! / 2, shape[1]! / 2] }) });
    const model = prepared();
    const optimizer = make();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 3);
    const copy = prepared();
    copy.setWeights(model.getWeights());
    const taken = make();
    await taken.setWeights(await optimizer.getWeights());
    bindState(taken, copy);
    copy.compile({ optimizer: taken, loss: 'meanSquaredError' });
    await train(model, 3, 6);
    await train(copy, 3, 6);
    expect(weightsOf(copy)).toEqual(weightsOf(model));
  });

  test('state of another shape is refused and stays waiting', async () => {
    const before = tf.variable(tf.zeros([2, 3]), true, 'muonshape/w_1');
    const after = tf.variable(tf.zeros([3, 2]), true, 'muonshape/w_2');
    const [first, second] = [muon(), muon()];
    const gradient = noise(random(1), 6);
    step(first, [[before, gradient]]);
    await second.setWeights(await first.getWeights());
    expect(() => step(second, [[after, gradient]])).toThrow(
      'LrmMuon (muon): saved state has other shapes: "muonshape/w" was saved with momentum [2, 3], the variable is [3, 2].',
    );
    expect(values(after)).toEqual([0, 0, 0, 0, 0, 0]);
    step(second, [[before, null]]);
    expect(second.slots(before).size).toBe(1);
  });

  test('rescaling the momentum with transformState changes no step', () => {
    // A kernel under a multiplier that is rescaled: only the direction of its gradients matters.
    const gradients = [0, 1, 2].map((t) => noise(random(t), 12));
    const after = (by: number): number[] => {
      const kernel = variable(noise(random(9), 12), [4, 3]);
      const optimizer = muon({ learningRate: 0.1 });
      step(optimizer, [[kernel, gradients[0]!]]);
      const seen: string[] = [];
      transformState(optimizer, kernel, (slot, value) => {
        seen.push(slot);
        return tf.mul(value, by);
      });
      expect(seen).toEqual(['momentum']);
      for (const gradient of gradients.slice(1))
        step(optimizer, [[kernel, gradient.map((g) => g * by)]]);
      return values(kernel);
    };
    expect(after(2 ** 20)).toEqual(after(1));
  });
});
