import * as tf from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';
import { expect, test, vi } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { smallModel, train, weightsOf } from '../../../test/models.ts';
import { Factor, Passing, Probe, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { asTensorOptimizer, byRole, findOptimizer, setRole } from './index.ts';
import { isRecording, updaterOf, whileRecording } from './kit.ts';

eachBackend(() => {
  test('a step runs the host half, then the tensor half, of every optimizer once', () => {
    const probe = new Probe(0.1);
    const inner = new Passing(probe);
    const outer = new Passing(inner);
    const target = variable([1], [1]);
    step(outer, [[target, [1]]]);
    for (const optimizer of [outer, inner, probe]) {
      expect(optimizer.calls).toEqual(['beforeStep', 'update']);
    }
  });

  test('iterations count once an optimizer and step, however it is nested', () => {
    const common = new Probe(0.1);
    const wrapped = tf.train.adam(0.1);
    const heads = new Passing(wrapped);
    const groups = byRole({ matrix: common, vector: common, head: heads, default: new Probe(1) });
    const outer = new Passing(new Passing(groups));
    const [a, b] = [variable([1], [1]), variable([1, 1], [2, 1])];
    for (let i = 1; i <= 3; i++) {
      step(outer, [
        [a, [1]],
        [b, [1, 1]],
      ]);
      const all = [outer, outer.inner, groups, common, heads, heads.inner, wrapped];
      expect(all.map(({ iterations }) => iterations)).toEqual(all.map(() => i));
    }
    expect(common.calls.filter((call) => call === 'beforeStep')).toHaveLength(3);
  });

  test('while a step is recorded only the tensor half runs, and the root is noted', () => {
    const probe = new Probe(0.5);
    const outer = new Factor(probe, 0.5);
    const target = variable([1], [1]);
    const roots = new Set<tf.Optimizer>();
    const recorded = (body: () => void): void =>
      whileRecording((root) => void roots.add(root), body);
    recorded(() => {
      expect(isRecording()).toBe(true);
      step(outer, [[target, [1]]]);
    });
    expect(isRecording()).toBe(false);
    expect([...roots]).toEqual([outer]);
    expect(probe.calls).toEqual(['update']);
    expect([outer.iterations, probe.iterations]).toEqual([0, 0]);
    // The factor that the last host half wrote is in force: none yet.
    expect(values(target)).toEqual([0.5]);
    // What a recorder does: the host half of each root, once before the recorded call and each replay.
    outer.beforeStep();
    expect([outer.iterations, probe.iterations]).toEqual([1, 1]);
    recorded(() => step(outer, [[target, [0]]]));
    expect(values(target)).toEqual([0.375]);
    recorded(() => step(new Passing(new Probe(1)), []));
    expect(roots.size).toBe(2);
  });

  test('compile, fit, trainOnBatch and minimize all train, and leave no tensor but the state', async () => {
    const x = tf.ones([6, 3]);
    const y = tf.ones([6, 2]);
    for (const [, make] of TFJS_OPTIMIZERS) {
      const model = smallModel();
      const optimizer = new Passing(make());
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const before = weightsOf(model);
      await model.fit(x, y, { epochs: 1, batchSize: 2, verbose: 0 });
      expect(optimizer.iterations).toBe(3);
      await model.trainOnBatch(x, y);
      const minimize = (): void => {
        optimizer.minimize(() => tf.mean(tf.square(tf.sub(model.apply(x) as tf.Tensor, y))));
      };
      minimize();
      expect(optimizer.iterations).toBe(5);
      expect(weightsOf(model)).not.toEqual(before);
      // trainOnBatch and minimize run outside of tidy: a step must not leave anything behind.
      expect(await tensorsLeftBy(() => tf.dispose(undefined))).toBe(0);
      expect(await tensorsLeftBy(minimize)).toBe(0);
      expect(await tensorsLeftBy(() => model.fit(x, y, { epochs: 2, verbose: 0 }))).toBe(0);
      optimizer.dispose();
      model.dispose();
    }
    tf.dispose([x, y]);
  });

  test('a layer frozen after compile keeps its weights, and thawed goes on with its own moments', async () => {
    const model = smallModel();
    const probe = new Probe(0.05);
    const compile = (optimizer: tf.Optimizer): void => {
      model.compile({ optimizer, loss: 'meanSquaredError' });
    };
    const [hidden, out] = model.layers as [layers.layers.Layer, layers.layers.Layer];
    const read = (layer: layers.layers.Layer): number[][] =>
      layer.weights.map((weight) => values(weight.read()));
    const momentum = (): number[] =>
      values(probe.slots(hidden.weights[0]!.read() as tf.Variable).get('momentum')!);
    compile(new Passing(probe));
    await train(model, 0, 2);
    const [frozen, moving, moment] = [read(hidden), read(out), momentum()];
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    hidden.trainable = false;
    await train(model, 2, 4);
    warn.mockRestore();
    expect(read(hidden)).toEqual(frozen);
    expect(read(out)).not.toEqual(moving);
    // Compiled anew the frozen layer's variables are no longer in the list at all, and positions shift.
    compile(model.optimizer);
    await train(model, 4, 6);
    expect(read(hidden)).toEqual(frozen);
    expect(momentum()).toEqual(moment);
    hidden.trainable = true;
    compile(model.optimizer);
    await train(model, 6, 7);
    expect(read(hidden)).not.toEqual(frozen);
    model.dispose();
  });

  test('byRole hands each variable to the optimizer of its role, in order, and only to it', () => {
    const [matrix, rest] = [new Probe(0.1), new Probe(0.2)];
    const optimizer = byRole({ matrix, default: rest });
    const kernel = variable([1, 1], [1, 2]);
    const bias = variable([1], [1]);
    const other = variable([1, 1], [2, 1]);
    setRole(other, 'head');
    step(optimizer, [
      [kernel, [1, 1]],
      [bias, null],
      [other, [1, 1]],
    ]);
    expect(matrix.seen.map((entry) => entry.variable)).toEqual([kernel]);
    expect(rest.seen.map((entry) => entry.variable)).toEqual([bias, other]);
    expect(values(kernel)[0]).toBeCloseTo(0.9, 6);
    expect(values(other)[0]).toBeCloseTo(0.8, 6);
    expect(updaterOf(optimizer, kernel)).toBe(matrix);
    expect(updaterOf(optimizer, bias)).toBe(rest);
    expect(findOptimizer(optimizer, 'TestProbe')).toBe(matrix);
    expect(asTensorOptimizer(optimizer)).toBe(optimizer);
  });

  test('a role that changes between steps changes the optimizer, and neither mixes its moments', () => {
    const [matrix, rest] = [tf.train.momentum(1, 0.5), tf.train.momentum(1, 0.5)];
    const optimizer = byRole({ matrix, default: rest });
    const [a, b] = [variable([0, 0], [1, 2]), variable([0, 0], [1, 2])];
    step(optimizer, [
      [a, [1, 1]],
      [b, [10, 10]],
    ]);
    setRole(a, 'head');
    step(optimizer, [
      [a, [1, 1]],
      [b, [10, 10]],
    ]);
    expect(values(a)).toEqual([-2, -2]);
    expect(values(b)).toEqual([-25, -25]);
  });

  test('byRole refuses unknown roles and a missing default, and takes nothing then', () => {
    const probe = new Probe(0.1);
    expect(() => byRole({ matrix: probe } as never)).toThrow(
      /^byRole: give an optimizer for each role and a default\./,
    );
    expect(() =>
      byRole({ matrix: probe, kernels: new Probe(1), default: new Probe(1) } as never),
    ).toThrow(/^byRole: a role is one of .* Received "kernels"/);
    const taken = new Probe(1);
    new Passing(taken);
    expect(() => byRole({ matrix: probe, default: taken })).toThrow(/already inside TestPassing/);
    expect(() => byRole(null as never)).toThrow(/^byRole: give an optimizer/);
    expect(() => byRole({ matrix: probe, head: undefined, default: new Probe(1) })).not.toThrow();
  });

  test('slots of a variable that was disposed are freed', async () => {
    for (const make of [(): tf.Optimizer => new Probe(0.1), ...TFJS_OPTIMIZERS.map(([, m]) => m)]) {
      const optimizer = new Passing(make());
      const stays = variable([1], [1]);
      step(optimizer, [[stays, [1]]]);
      const round = (): void => {
        const goes = variable([1, 2], [2]);
        step(optimizer, [
          [goes, [1, 1]],
          [stays, [1]],
        ]);
        goes.dispose();
      };
      round();
      // The slots of one round live until the next variable comes.
      expect(await tensorsLeftBy(() => [round(), round(), round()])).toBe(0);
      step(optimizer, [[stays, [1]]]);
      optimizer.dispose();
      stays.dispose();
    }
  });
});
