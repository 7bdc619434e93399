/** Watching a run: what the record holds, that it goes on after a restart, and that it leaves nothing behind. */
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles, effectiveLearningRate } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test, vi } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { expectClose, values } from '../../../test/tensors.ts';
import { type ScalePoint, type ScaleRecord, watchScales } from './index.ts';

const DECAY = 0.5;
const stack = (inner: tf.Optimizer = adam({ learningRate: 0.02, beta1: 0.8, beta2: 0.9 })) =>
  withSchedule(withWeightDecay(inner, { decay: DECAY }), linear({ steps: 40, from: 1, to: 0.5 }));

const initial = (seed: number) => initializers.glorotNormal({ seed });

function task(optimizer: tf.Optimizer = stack()) {
  const model = sequential({
    layers: [
      layers.dense({
        units: 6,
        activation: 'tanh',
        inputShape: [5],
        kernelInitializer: initial(3),
      }),
      layers.dense({ units: 3, kernelInitializer: initial(4) }),
    ],
  });
  assignRoles(model);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const x = tf.randomNormal([16, 5], 0, 1, 'float32', 1);
  const y = tf.randomNormal([16, 3], 0, 1, 'float32', 2);
  const variables = model.trainableWeights.map(variableOf);
  const step = (): void => {
    optimizer.minimize(
      () => tf.mean(tf.squaredDifference(model.apply(x) as tf.Tensor, y)),
      false,
      variables,
    );
  };
  return { model, optimizer, x, y, variables, step };
}

const rmsOf = (x: ArrayLike<number>): number =>
  Math.sqrt(Array.from(x).reduce((sum, each) => sum + each * each, 0) / x.length);

/** What the record should hold of a variable, computed on the host. */
function expected(before: number[], after: number[], rate: number, decay: number) {
  const update = after.map((value, i) => value - (1 - rate * decay) * before[i]!);
  const dot = update.reduce((sum, value, i) => sum + value * before[i]!, 0);
  return {
    rms: rmsOf(after),
    update: rmsOf(update) / rate,
    outward: dot / (rmsOf(update) * rmsOf(after) * after.length),
  };
}

const at = (record: ScaleRecord, variable: number, point: number): ScalePoint =>
  record.variables[variable]!.points[point]!;

eachBackend(() => {
  test('a point holds the weight, its update and the rates of that step', async () => {
    const { model, optimizer, variables, step } = task();
    const start = variables.map((each) => rmsOf(values(each)));
    const watch = watchScales(model, optimizer, { every: 4 });
    const seen: number[][][] = [];
    for (let t = 0; t < 8; t++) {
      step();
      watch.record();
      seen.push(variables.map((each) => values(each)));
    }
    const record = await watch.read();
    expect(record.variables.map(({ points }) => points.map(({ step }) => step))).toEqual(
      variables.map(() => [0, 4, 8]),
    );
    const rate = 0.02 * (1 - 0.5 * (7 / 40));
    expect(effectiveLearningRate(optimizer)).toBeCloseTo(rate, 10);
    variables.forEach((variable, i) => {
      const decay = variable.rank === 2 ? DECAY : 0;
      const point = at(record, i, 2);
      expect(at(record, i, 0).rms).toBeCloseTo(start[i]!, 5);
      expect(point.rate).toBeCloseTo(rate, 8);
      expect(point.share).toBeCloseTo(rate * decay, 8);
      const should = expected(seen[6]![i]!, seen[7]![i]!, rate, decay);
      const found = [point.rms, point.update!, point.outward!];
      expectClose(found, [should.rms, should.update, should.outward], 2e-3, 1);
    });
    watch.dispose();
  });

  test('the noise of gradients is that which was fed in, and the signal that which stays', async () => {
    const { model, optimizer, variables } = task(
      adam({ learningRate: 1e-4, beta1: 0.9, beta2: 0.99 }),
    );
    const watch = watchScales(model, optimizer, { every: 10 });
    for (let t = 0; t < 200; t++) {
      optimizer.applyGradients(
        Object.fromEntries(
          variables.map((variable, i) => [
            variable.name,
            tf.randomNormal(variable.shape, 2, 3, 'float32', 1 + t * variables.length + i),
          ]),
        ),
      );
      watch.record();
    }
    const { points } = (await watch.read()).variables[0]!;
    const late = points.slice(-10);
    expect(rmsOf(late.map(({ noise }) => noise!)) / 3).toBeCloseTo(1, 0.9);
    expect(rmsOf(late.map(({ signal }) => signal!)) / 2).toBeCloseTo(1, 0.7);
    watch.dispose();
  });

  test('no tensor stays behind from point to point, nor after dispose', () => {
    const { model, optimizer, step } = task();
    const before = tf.memory().numTensors;
    const watch = watchScales(model, optimizer, { every: 3 });
    const counts: number[] = [];
    for (let t = 0; t < 12; t++) {
      step();
      watch.record();
      if ((t + 1) % 3 === 0) counts.push(tf.memory().numTensors);
    }
    expect(new Set(counts).size).toBe(1);
    watch.dispose();
    const { numTensors } = tf.memory();
    step();
    expect(tf.memory().numTensors).toBe(numTensors);
    // All variables are small, and these backends are on the host.
    expect(counts[0]).toBe(numTensors);
    expect(numTensors).toBeGreaterThan(before);
  });
});

onCpu(() => {
  test('as a callback of fit, the record is that of a loop of one’s own', async () => {
    const [one, two] = [task(), task()];
    const [own, fitted] = [one, two].map(({ model, optimizer }) =>
      watchScales(model, optimizer, { every: 5 }),
    );
    for (let t = 0; t < 20; t++) {
      one.step();
      own!.record();
    }
    const options = { epochs: 20, batchSize: 16, shuffle: false, verbose: 0, callbacks: fitted! };
    await two.model.fit(two.x, two.y, options);
    const [a, b] = [await own!.read(), await fitted!.read()];
    a.variables.forEach(({ points }, i) => {
      expect(b.variables[i]!.points.map(({ step }) => step)).toEqual(
        points.map(({ step }) => step),
      );
      expectClose(
        b.variables[i]!.points.map(({ rms }) => rms),
        points.map(({ rms }) => rms),
        1e-5,
        1,
      );
    });
  });

  test('a run that goes on from a checkpoint goes on with its record', async () => {
    const whole = task();
    const watch = watchScales(whole.model, whole.optimizer, { every: 4 });
    const half = task();
    const first = watchScales(half.model, half.optimizer, { every: 4 });
    const run = (
      of: ReturnType<typeof task>,
      each: { record: () => void },
      steps: number,
    ): void => {
      for (let t = 0; t < steps; t++) {
        of.step();
        each.record();
      }
    };
    run(whole, watch, 24);
    run(half, first, 10);
    const weights = half.model.getWeights().map((each) => tf.clone(each));
    const state = (await half.optimizer.getWeights()).map(({ name, tensor }) => ({
      name,
      tensor: tf.clone(tensor),
    }));
    // The run went on for a while after the checkpoint.
    run(half, first, 6);
    const saved = JSON.parse(JSON.stringify(await first.read())) as ScaleRecord;
    const resumed = task();
    resumed.model.setWeights(weights);
    await resumed.optimizer.setWeights(state);
    const second = watchScales(resumed.model, resumed.optimizer, { resume: saved });
    run(resumed, second, 14);
    expect((await second.read()).variables.map(({ points }) => points)).toEqual(
      (await watch.read()).variables.map(({ points }) => points),
    );
  });

  test('in reparametrize it is W that is watched, with the decay of W', async () => {
    const optimizer = reparametrize(withWeightDecay(adam({ learningRate: 0.1 }), { decay: 0.3 }));
    const { model, variables, step } = task(optimizer);
    const watch = watchScales(model, optimizer, { every: 2 });
    for (let t = 0; t < 4; t++) {
      step();
      watch.record();
    }
    const point = at(await watch.read(), 0, 2);
    const parts = optimizer.slots(variables[0]!);
    expect(point.rms).toBeCloseTo(rmsOf(values(parts.get('matrix')!)), 5);
    expect(point.rms).not.toBeCloseTo(rmsOf(values(variables[0]!)), 3);
    expect(point.share).toBeCloseTo(0.03, 8);
    expect(point.update).toBeGreaterThan(0);
  });

  test('Muon has a recipe and no noise; an optimizer without one still has scales', async () => {
    const points = [muon({ learningRate: 0.01 }), tf.train.sgd(0.1)].map(async (optimizer) => {
      const { model, step } = task(optimizer);
      const watch = watchScales(model, optimizer, { every: 1 });
      for (let t = 0; t < 3; t++) {
        step();
        watch.record();
      }
      return (await watch.read()).variables[0]!;
    });
    const [ofMuon, ofSgd] = await Promise.all(points);
    expect(ofMuon!.recipe?.rule.kind).toBe('orthogonal');
    // 0.2 · √max(5, 6) / √(max(5, 6)), and the iteration is about 1 % off
    expect(ofMuon!.points[2]!.update).toBeCloseTo(0.2, 1);
    expect(ofMuon!.points[2]!.noise).toBeNull();
    expect(ofSgd!.recipe).toBeNull();
    expect(ofSgd!.points[2]).toMatchObject({ rate: 0.1, share: 0, noise: null });
  });

  test('where tensors are on a GPU nothing waits for it, and the record is the same', async () => {
    const run = async (isUsingGpuDevice: boolean) => {
      const { model, optimizer, step } = task();
      const backend = Object.assign(tf.backend(), { isUsingGpuDevice });
      const reads = vi.spyOn(tf.Tensor.prototype, 'dataSync');
      const watch = watchScales(model, optimizer, { every: 3 });
      for (let t = 0; t < 9; t++) {
        step();
        watch.record();
      }
      const count = reads.mock.calls.length;
      reads.mockRestore();
      const record = await watch.read();
      watch.dispose();
      Reflect.deleteProperty(backend, 'isUsingGpuDevice');
      return {
        count,
        numbers: record.variables.flatMap(({ points }) => points.flatMap(numbersOf)),
      };
    };
    const numbersOf = (point: ScalePoint): number[] =>
      Object.values(point).map((value) => value ?? -1);
    const [host, device] = [await run(false), await run(true)];
    expect(device.count).toBe(0);
    expect(host.count).toBeGreaterThan(0);
    expectClose(device.numbers, host.numbers, 1e-4, 1);
  });

  test('between points nothing is read and no operation runs', () => {
    const { model, optimizer, step } = task();
    const watch = watchScales(model, optimizer, { every: 10 });
    for (let t = 0; t < 5; t++) {
      step();
      const kernels = vi.spyOn(tf.engine(), 'runKernel');
      watch.record();
      expect(kernels).not.toHaveBeenCalled();
      kernels.mockRestore();
    }
  });

  test('mistakes are named', () => {
    const { model, optimizer } = task();
    expect(() => watchScales(5 as never, optimizer)).toThrow(
      'watchScales: the model must be a tf.LayersModel. Received 5. Try watchScales(model, optimizer).',
    );
    expect(() => watchScales(model, optimizer, { every: 0 })).toThrow(
      'watchScales: "every" must be a finite whole number >= 1. Received 0',
    );
    expect(() => watchScales(model, optimizer, { resume: {} as never })).toThrow(
      'watchScales: a record must be what `await watch.read()` returned.',
    );
    const other = { every: 5, variables: [{ name: 'w', shape: [2], points: [] }] };
    expect(() => watchScales(model, optimizer, { resume: other as never })).toThrow(
      /"resume" must be the record of this model. Received none of \S+kernel/,
    );
    expect(() => watchScales(model, 'adam' as never)).toThrow('expected a tf.Optimizer');
    const inside = adam();
    withWeightDecay(inside);
    expect(() => watchScales(model, inside)).toThrow(
      'watchScales: the optimizer must be the outermost one. Received adam, which is inside withWeightDecay. Try watchScales(model, model.optimizer).',
    );
    expect(() => watchScales(sequential(), optimizer)).toThrow('has no layers yet');
    model.trainable = false;
    expect(() => watchScales(model, optimizer)).toThrow(
      'watchScales: the model must have trainable weights. Received 4 weights, all of them frozen. Try layer.trainable = true first.',
    );
  });
});
