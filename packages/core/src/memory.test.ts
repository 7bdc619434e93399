import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { Factor, Passing, Probe } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, variable } from '../../../test/tensors.ts';
import {
  assignRoles,
  asTensorOptimizer,
  bindState,
  byRole,
  describeRoles,
  findOptimizer,
  isTensorOptimizer,
  learningRate,
  learningRateOf,
  ratesOf,
  roleOf,
  setRates,
  setRole,
  transformState,
} from './index.ts';
import { selects, updaterOf } from './kit.ts';

eachBackend(() => {
  test('no public function leaves a tensor behind', async () => {
    const model = smallModel();
    const kernel = model.weights[0]!.read() as tf.Variable;
    const adam = tf.train.adam(0.1);
    const optimizer = new Passing(
      byRole({ matrix: new Factor(new Probe(0.1), 0.5), default: adam }),
    );
    model.compile({ optimizer, loss: 'meanSquaredError' });
    const [x, y] = [tf.ones([2, 3]), tf.ones([2, 2])];
    await model.trainOnBatch(x, y);
    // What is made once and lives as long as the optimizer.
    await optimizer.getWeights();
    setRates(kernel, { learningRate: 0.5 });
    await model.trainOnBatch(x, y);
    learningRateOf(optimizer, kernel);

    const functions: Record<string, () => unknown> = {
      step: () => model.trainOnBatch(x, y),
      fit: () => model.fit(x, y, { verbose: 0 }),
      assignRoles: () => assignRoles(model, { hidden: 'matrix' }),
      describeRoles: () => String(describeRoles(model)),
      roleOf: () => roleOf(kernel),
      setRole: () => setRole(model.layers[1]!.weights[1]!, 'vector'),
      setRates: () => setRates(kernel, { decay: 2 }),
      ratesOf: () => ratesOf(kernel),
      selects: () => selects(['head', { name: 'x' }], kernel),
      learningRate: () => learningRate(optimizer),
      setLearningRate: () => findOptimizer(optimizer, 'TestProbe'),
      learningRateOf: () => learningRateOf(optimizer, kernel),
      updaterOf: () => updaterOf(optimizer, kernel),
      isTensorOptimizer: () => isTensorOptimizer(adam),
      asTensorOptimizer: () => asTensorOptimizer(adam),
      transformState: () => transformState(optimizer, kernel, (_, value) => tf.mul(value, 1)),
      getConfig: () => optimizer.getConfig(),
      getWeights: () => optimizer.getWeights(),
      setWeights: async () => {
        await optimizer.setWeights(await optimizer.getWeights());
        bindState(optimizer, model);
      },
      bindState: () => bindState(optimizer, model),
    };
    for (const [name, call] of Object.entries(functions)) {
      // What setRole and setRates gave is saved as a tensor, made when it is first saved.
      if (name === 'getWeights') await call();
      expect([name, await tensorsLeftBy(call)]).toEqual([name, 0]);
    }
    optimizer.dispose();
    model.dispose();
    tf.dispose([x, y]);
  });

  test('an optimizer owns nothing before its first step but what tfjs itself allocates', async () => {
    expect(await tensorsLeftBy(() => new Factor(new Passing(new Probe(0.1)), 0.5))).toBe(0);
    expect(await tensorsLeftBy(() => asTensorOptimizer(tf.train.rmsprop(0.1)))).toBe(0);
  });

  test('after dispose() nothing is left of many steps, saves, loads and failures', async () => {
    const targets = [variable([1, 2], [2]), variable([1], [])];
    const left = await tensorsLeftBy(async () => {
      const make = (): Passing =>
        new Passing(byRole({ vector: tf.train.adam(0.1), default: new Probe(1) }));
      const [a, b] = [make(), make()];
      for (let i = 0; i < 3; i++) {
        step(a, [
          [targets[0]!, [1, 1]],
          [targets[1]!, null],
        ]);
        await b.setWeights(await a.getWeights());
        await b.getWeights();
      }
      await expect(b.setWeights([])).rejects.toThrow();
      expect(() => step(b, [[variable([1], [1]), [1]]])).toThrow();
      step(b, [[targets[0]!, [1, 1]]]);
      a.dispose();
      b.dispose();
    });
    expect(left).toBe(1); // the variable of the failed step
  });
});
