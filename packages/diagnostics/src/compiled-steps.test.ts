/** Watching steps that run as one function of TensorFlow: the same record, nothing left behind, and resumed runs go on. */
import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { describe, expect, test } from 'vitest';
import { backends, useBackend } from '../../../test/backends.ts';
import { type ScaleRecord, type ScaleWatch, watchScales } from './index.ts';

const EVERY = 3;

/** A model whose decay and rate change from step to step, with a training step. */
function task() {
  const initial = (seed: number) => initializers.glorotNormal({ seed });
  const model = sequential({
    layers: [
      layers.dense({
        ...{ units: 6, activation: 'tanh', inputShape: [5] },
        kernelInitializer: initial(3),
      }),
      layers.dense({ units: 3, kernelInitializer: initial(4) }),
    ],
  });
  assignRoles(model);
  const optimizer = withSchedule(
    withWeightDecay(adam({ learningRate: 0.02, beta1: 0.8, beta2: 0.9 }), { decay: 0.5 }),
    linear({ steps: 40, from: 1, to: 0.5 }),
  );
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const x = tf.randomNormal([16, 5], 0, 1, 'float32', 1);
  const y = tf.randomNormal([16, 3], 0, 1, 'float32', 2);
  const variables = model.trainableWeights.map(variableOf);
  const minimize = (inputs: tf.Tensor, targets: tf.Tensor): tf.Scalar =>
    optimizer.minimize(
      () => tf.mean(tf.squaredDifference(model.apply(inputs) as tf.Tensor, targets)),
      true,
      variables,
    ) as tf.Scalar;
  return { model, optimizer, x, y, minimize };
}

type Task = ReturnType<typeof task>;

function run(
  { x, y }: Task,
  step: (x: tf.Tensor, y: tf.Tensor) => tf.Scalar,
  watch: ScaleWatch,
  steps: number,
): void {
  for (let t = 0; t < steps; t++) {
    step(x, y).dispose();
    watch.record();
  }
}

/** All numbers of a record are within a ten-thousandth of the other's, or of 1 where they are small. */
function expectSame(record: ScaleRecord, other: ScaleRecord): void {
  const close = (value: number | null) =>
    value === null
      ? null
      : expect.closeTo(value, 4 - Math.max(0, Math.floor(Math.log10(Math.abs(value) + 1e-9))));
  expect(record.variables.map(({ name }) => name.split('/')[1])).toEqual(
    other.variables.map(({ name }) => name.split('/')[1]),
  );
  record.variables.forEach(({ points }, i) => {
    const others = other.variables[i]!.points;
    expect(points).toEqual(
      others.map(({ step, moves, ...numbers }) => ({
        ...{ step, moves },
        ...Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, close(value)])),
      })),
    );
  });
}

/** What operations run one by one leave in the record. */
async function plain(steps: number): Promise<ScaleRecord> {
  const one = task();
  const watch = watchScales(one.model, one.optimizer, { every: EVERY });
  run(one, one.minimize, watch, steps);
  const record = await watch.read();
  watch.dispose();
  return record;
}

describe.runIf(backends.includes('tensorflow'))('on tensorflow', () => {
  test('the record of a compiled step is that of its operations', async () => {
    await useBackend('tensorflow');
    const { compile } = await import('@tfjs-lrm/native');
    const compiled = task();
    const step = compile(compiled.minimize);
    const watch = watchScales(compiled.model, compiled.optimizer, { every: EVERY });
    run(compiled, step, watch, 24);
    expect(step.traces).toBe(1);
    const { numTensors } = tf.memory();
    run(compiled, step, watch, 4 * EVERY);
    expect(tf.memory().numTensors).toBe(numTensors);
    expectSame(await watch.read(), await plain(24 + 4 * EVERY));
    watch.dispose();
    step.dispose();
  });

  test('in a fit of a compiled model, and after a restart, the record goes on as one', async () => {
    await useBackend('tensorflow');
    const { compileModel } = await import('@tfjs-lrm/native');
    const [first, second] = [task(), task()];
    const fit = async ({ model, x, y }: Task, watch: ScaleWatch, epochs: number) => {
      const compiled = compileModel(model);
      const options = { epochs, batchSize: 16, shuffle: false, verbose: 0 } as const;
      await model.fit(x, y, { ...options, callbacks: watch });
      compiled.dispose();
    };
    const before = watchScales(first.model, first.optimizer, { every: EVERY });
    await fit(first, before, 14);
    second.model.setWeights(first.model.getWeights());
    await second.optimizer.setWeights(await first.optimizer.getWeights());
    const resume = JSON.parse(JSON.stringify(await before.read())) as ScaleRecord;
    const after = watchScales(second.model, second.optimizer, { resume });
    // The first fit ends, and the run is taken up, right before a point; so does a fit that the same watch goes on in.
    await fit(second, after, 6);
    await fit(second, after, 10);
    const record = await after.read();
    expect(record.variables[0]!.points).toHaveLength(11);
    expectSame(record, await plain(30));
  });
});
