/** Saving, resuming and looking through `reparametrize`. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import {
  assignRoles,
  bindState,
  byRole,
  findOptimizer,
  learningRate,
  learningRateOf,
  type OptimizerAdapter,
  setRole,
  transformState,
} from '@tfjs-lrm/core';
import { deserializeOptimizer, updaterOf } from '@tfjs-lrm/core/kit';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { reload, savedArtifacts, smallModel, train, weightsOf } from '../../../test/models.ts';
import { Probe } from '../../../test/optimizers.ts';
import { build, continueInNewProcess } from '../../../test/process.ts';
import { step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { numbers, sizeOf } from '../test/numbers.ts';
import { reparametrize } from './index.ts';

const RATE = { learningRate: 0.05 };
const stack = (): tf.Optimizer =>
  withSchedule(
    reparametrize(
      withClipping(withWeightDecay(muon(RATE), { decay: { multiplier: 0.5 } }), {
        globalNorm: 0.5,
        exclude: ['multiplier', { name: 'out/kernel' }],
      }),
      { select: ['matrix', 'head'], scalar: true },
    ),
    cosine({ steps: 20 }),
  );
const VARIANTS: [string, () => tf.Optimizer][] = [
  ['adam', () => reparametrize(adam(RATE))],
  ["tfjs' adam", () => reparametrize(tf.train.adam(0.05))],
  ["tfjs' momentum", () => reparametrize(tf.train.momentum(0.05, 0.9), { row: false })],
  ['cautious decay', () => reparametrize(withWeightDecay(adam(RATE), { cautious: true }))],
  ['a stack', stack],
  ['in byRole', () => byRole({ matrix: reparametrize(muon(RATE)), default: adam(RATE) })],
  [
    'around byRole',
    () =>
      reparametrize(
        byRole({ matrix: muon(RATE), multiplier: tf.train.sgd(0.1), default: adam(RATE) }),
      ),
  ],
];

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

const factorsOf = (optimizer: tf.Optimizer, kernel: tf.Variable): number[] => {
  const found = findOptimizer(optimizer, 'LrmReparametrize') as OptimizerAdapter;
  return [...found.slots(kernel)].flatMap(([name, part]) =>
    name === 'matrix' ? [] : values(part),
  );
};
const kernelOf = (model: LayersModel, layer = 0): tf.Variable =>
  model.layers[layer]?.weights[0]?.read() as tf.Variable;
const variableOf = (shape: number[], name = 'kernel', seed = 1): tf.Variable =>
  variable(numbers(seed, sizeOf(shape), -1, 1), shape, name);

eachBackend(() => {
  test.each(VARIANTS)(
    '%s: saved, loaded and continued equals never having stopped, bit for bit',
    async (_, make) => {
      const whole = await trained(make, []);
      expect(await trained(make, [2])).toEqual(whole);
      expect(await trained(make, [1, 3, 5])).toEqual(whole);
    },
  );

  test('a kernel that was loaded over the saved one is absorbed, not written over', async () => {
    const model = smallModel();
    const kernel = kernelOf(model);
    const saved = reparametrize(adam(RATE));
    model.compile({ optimizer: saved, loss: 'meanSquaredError' });
    await train(model, 0, 3);
    const restored = reparametrize(adam(RATE));
    await restored.setWeights(await saved.getWeights());
    const loaded = numbers(3, kernel.size, -1, 1).map(Math.fround);
    tf.tidy(() => kernel.assign(tf.tensor(loaded, kernel.shape)));
    step(restored, [[kernel, null]]);
    expect(values(kernel)).toEqual(loaded);
    expect(values(restored.slots(kernel).get('matrix') as tf.Variable)).toEqual(loaded);
    expect(new Set(factorsOf(restored, kernel))).toEqual(new Set([1]));
  });
});

onCpu(() => {
  const PACKAGES = ['core', 'adam', 'weight-decay', 'schedule', 'clipping', 'muon', 'multipliers'];
  beforeAll(() => build(PACKAGES), 300_000);

  test('a stack continues in a new process bit for bit, with variables that have other names', async () => {
    smallModel();
    const model = prepared();
    const optimizer = stack();
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 6);
    const saved = await savedArtifacts(model);
    await train(model, 6, 12);
    const there = await continueInNewProcess(PACKAGES, saved, 6, 12);
    expect(there.weights).toEqual(weightsOf(model));
    expect(there.iterations).toBe(12);
    expect(there.config).toEqual(optimizer.getConfig());
    expect(there.names).not.toEqual(model.weights.map(({ name }) => name));
  });

  test('the saved names are those of the kernel and its factors, and no role of theirs is saved', async () => {
    const model = prepared();
    const optimizer = reparametrize(withWeightDecay(tf.train.momentum(0.1, 0.5)), { scalar: true });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 1);
    const names = (await optimizer.getWeights()).map(({ name }) => name);
    const momentum = (name: string) => `reparametrize:weightDecay:Momentum/${name}/momentum`;
    expect(names).toEqual([
      'iter',
      ...['matrix', 'row', 'column', 'scalar'].map((part) => `reparametrize/hidden/kernel/${part}`),
      'reparametrize:weightDecay/iter',
      'reparametrize:weightDecay:Momentum/iter',
      momentum('hidden/kernel'),
      ...['row', 'column', 'scalar'].map((f) => momentum(`hidden/kernel/${f}_multiplier`)),
      ...['hidden/bias', 'out/kernel', 'out/bias'].map(momentum),
      'roles/out/kernel',
    ]);
    expect(await tensorsLeftBy(() => optimizer.getWeights())).toBe(0);
  });

  test('two models under one optimizer keep their factors apart, in a file too', async () => {
    const pair = (): tf.Variable[] => [1, 2].map((seed) => variableOf([2, 3], 'k', seed));
    const run = async (stop: boolean): Promise<number[][]> => {
      let [targets, optimizer] = [pair(), reparametrize(adam(RATE))];
      for (let at = 0; at < 4; at++) {
        if (at === 2 && stop) {
          const restored = reparametrize(adam(RATE));
          await restored.setWeights(await optimizer.getWeights());
          targets = targets.map((target) => variable(values(target), target.shape, 'k'));
          optimizer = restored;
        }
        step(
          optimizer,
          targets.map((target, i) => [target, numbers(10 * at + i, 6, -1, 1)] as const),
        );
      }
      return targets.flatMap((target) => [values(target), factorsOf(optimizer, target)]);
    };
    const [whole, stopped] = [await run(false), await run(true)];
    expect(stopped).toEqual(whole);
    expect(whole[1]).not.toEqual(whole[3]);
  });

  test('a file whose factors are others starts from the kernel', async () => {
    const kernel = variableOf([2, 3]);
    const saved = reparametrize(new Probe(0.1), { scalar: true });
    step(saved, [[kernel, numbers(1, 6)]]);
    const restored = reparametrize(new Probe(0.1));
    await restored.setWeights(await saved.getWeights());
    const before = values(kernel);
    expect(await tensorsLeftBy(() => step(restored, [[kernel, null]]))).toBeLessThanOrEqual(3);
    expect([values(kernel), new Set(factorsOf(restored, kernel))]).toEqual([before, new Set([1])]);
  });

  test('where the roles that structure gave are lost, it says so and goes on', async () => {
    const model = smallModel();
    const optimizer = reparametrize(adam(RATE));
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 2);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const loaded = await reload(model);
    // Saved with factors for the last kernel, which is a head now.
    assignRoles(loaded);
    await train(loaded, 2, 3);
    expect(warn.mock.calls.flat().join()).toMatch(/saved state of out\/kernel.* is not used/);
    warn.mockRestore();
    expect(factorsOf(loaded.optimizer, kernelOf(loaded)).some((r) => r !== 1)).toBe(true);
    expect(factorsOf(loaded.optimizer, kernelOf(loaded, 1))).toEqual([]);
  });

  describe('through it', () => {
    test('rates, updaters and optimizers are found', () => {
      const [matrices, rest] = [new Probe(0.5), tf.train.adam(0.25)];
      const optimizer = withSchedule(
        reparametrize(byRole({ matrix: matrices, default: rest })),
        cosine({ steps: 2 }),
      );
      const [kernel, bias] = [variableOf([2, 3]), variableOf([3], 'bias')];
      for (let i = 0; i < 2; i++) {
        expect(updaterOf(optimizer, kernel)).toBe(matrices);
        expect(updaterOf(optimizer, bias)).not.toBe(matrices);
        step(optimizer, [
          [kernel, numbers(1, 6)],
          [bias, numbers(1, 3)],
        ]);
        expect(values(learningRateOf(optimizer, kernel))[0]).toBeCloseTo(i === 0 ? 0.5 : 0.25, 6);
      }
      // A role that is set between two steps counts at once.
      setRole(kernel, 'head');
      expect(values(learningRateOf(optimizer, kernel))[0]).toBeCloseTo(0.125, 6);
      expect(findOptimizer(optimizer, 'Adam')).toBe(rest);
      expect(learningRate(reparametrize(adam({ learningRate: 0.125 })))).toBe(0.125);
    });

    test('transformState reaches the moments of W, and neither W nor its factors', async () => {
      const kernel = variableOf([2, 3]);
      const probe = new Probe(0.1);
      const optimizer = withClipping(reparametrize(probe), { value: 100 });
      step(optimizer, [[kernel, numbers(1, 6)]]);
      const parts = optimizer.inner.slots(kernel);
      const [matrix, row] = ['matrix', 'row'].map((name) => parts.get(name) as tf.Variable);
      const momentum = (part: tf.Variable | undefined) =>
        values(probe.slots(part as tf.Variable).get('momentum') as tf.Variable);
      const before = [momentum(matrix), momentum(row), values(matrix as tf.Variable)];
      const seen: string[] = [];
      transformState(optimizer, kernel, (slot, value) => {
        seen.push(slot);
        return tf.mul(value, 2);
      });
      expect(seen).toEqual(['momentum']);
      expect(momentum(matrix)).toEqual(before[0]?.map((m) => 2 * m));
      expect([momentum(row), values(matrix as tf.Variable)]).toEqual(before.slice(1));

      // State that waits is bound first.
      const restored = withClipping(reparametrize(new Probe(0.1)), { value: 100 });
      await restored.setWeights(await optimizer.getWeights());
      transformState(restored, kernel, (_, value) => tf.mul(value, 0.5));
      const bound = restored.inner.slots(kernel).get('matrix') as tf.Variable;
      const inner = updaterOf(restored, kernel);
      expect(values(inner.slots(bound).get('momentum') as tf.Variable)).toEqual(before[0]);
    });

    test('bindState binds W, its factors and their moments at once', async () => {
      const model = prepared();
      const optimizer = stack();
      model.compile({ optimizer, loss: 'meanSquaredError' });
      await train(model, 0, 3);
      const restored = stack();
      await restored.setWeights(await optimizer.getWeights());
      bindState(restored, model);
      const kernel = kernelOf(model);
      expect(factorsOf(restored, kernel)).toEqual(factorsOf(optimizer, kernel));
      const stateOf = async (of: tf.Optimizer) =>
        new Map((await of.getWeights()).map(({ name, tensor }) => [name, values(tensor)]));
      expect(await stateOf(restored)).toEqual(await stateOf(optimizer));
    });
  });

  describe('its configuration', () => {
    test('holds the options and the optimizer inside, and makes the same again', () => {
      const options = { select: ['matrix' as const, { name: 'a/kernel' }], row: false };
      const optimizer = reparametrize(adam(RATE), options);
      expect(optimizer.getConfig()).toEqual({
        ...options,
        column: true,
        scalar: false,
        inner: { className: 'LrmAdam', config: adam(RATE).getConfig() },
      });
      const again = deserializeOptimizer('here', {
        className: 'LrmReparametrize',
        config: JSON.parse(JSON.stringify(optimizer.getConfig())),
      });
      expect(again.getConfig()).toEqual(optimizer.getConfig());
      expect(() => reparametrize(adam(), { select: () => true }).getConfig()).toThrow(
        /"select" holds a function, which cannot be saved/,
      );
    });

    const inner = { className: 'LrmAdam', config: {} };
    const nested = (depth: number): unknown => (depth === 0 ? 1 : { deeper: nested(depth - 1) });
    test.each<[string, unknown, RegExp]>([
      [
        '__proto__',
        JSON.parse('{"inner":{"className":"LrmAdam","config":{"__proto__":{}}}}'),
        /__proto__/,
      ],
      ['__proto__ outside', JSON.parse('{"__proto__":{"row":false}}'), /__proto__/],
      ['absurd nesting', { inner, more: nested(40) }, /nested deeper than 32/],
      ['no optimizer', { inner: null }, /saved as { className, config }/],
      ['an unknown class', { inner: { className: 'Nowhere', config: {} } }, /not registered/],
      ['a wrong flag', { inner, row: 'yes' }, /"row" must be true or false/],
      ['a wrong selector', { inner, select: 'everything' }, /must be a role/],
      ['no factors', { inner, row: false, column: false }, /all false/],
      [
        'itself inside',
        { inner: { className: 'LrmReparametrize', config: { inner } } },
        /inside already/,
      ],
    ])('with %s is refused', (_, config, message) => {
      const { classNameMap } = tf.serialization.SerializationMap.getMap();
      const [cls, fromConfig] = classNameMap['LrmReparametrize'] as (typeof classNameMap)[string];
      expect(() => fromConfig(cls, config as tf.serialization.ConfigDict)).toThrow(message);
    });
  });
});
