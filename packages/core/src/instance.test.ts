import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { Factor, Passing, Probe, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import {
  asTensorOptimizer,
  byRole,
  isTensorOptimizer,
  OptimizerAdapter,
  roleOf,
  setRole,
  TensorOptimizer,
} from './index.ts';
import { adopt } from './kit.ts';

onCpu(() => {
  test("tfjs' own optimizers are instances of no class here, ours of their own classes only", () => {
    for (const [, make] of TFJS_OPTIMIZERS) {
      const optimizer = make();
      expect(optimizer instanceof TensorOptimizer).toBe(false);
      expect(optimizer instanceof OptimizerAdapter).toBe(false);
      expect(optimizer instanceof Probe).toBe(false);
      expect(isTensorOptimizer(optimizer)).toBe(false);
      expect(asTensorOptimizer(optimizer) instanceof TensorOptimizer).toBe(true);
      expect(asTensorOptimizer(optimizer) instanceof OptimizerAdapter).toBe(false);
    }
    const probe = new Probe(1);
    const passing = new Passing(probe);
    const is = (o: unknown): boolean[] =>
      [TensorOptimizer, OptimizerAdapter, Probe, Passing, Factor].map(
        (c) => o instanceof (c as never),
      );
    expect(is(probe)).toEqual([true, false, true, false, false]);
    expect(is(passing)).toEqual([true, true, false, true, false]);
    expect(is(byRole({ default: new Probe(1) }))).toEqual([true, false, false, false, false]);
    for (const other of [null, undefined, 5, 'x', {}, Probe]) {
      expect(is(other)).toEqual([false, false, false, false, false]);
    }
  });

  test('ours are instances of tf.Optimizer, so compile takes them', () => {
    expect(new Passing(new Probe(1)) instanceof tf.Optimizer).toBe(true);
    const model = smallModel();
    const optimizer = new Passing(new Probe(1));
    model.compile({ optimizer, loss: 'meanSquaredError' });
    expect(model.optimizer).toBe(optimizer);
    model.dispose();
  });

  test('one optimizer always has the same wrapper, and one of ours none', () => {
    const adam = tf.train.adam(0.1);
    expect(asTensorOptimizer(adam)).toBe(asTensorOptimizer(adam));
    expect(Object.keys(adam)).not.toContain('wrapper');
    const probe = new Probe(1);
    expect(asTensorOptimizer(probe)).toBe(probe);
  });

  test.each([
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a string', 'adam', '"adam"'],
    ['an object', {}, 'an object (Object)'],
    ['a class', tf.SGDOptimizer, 'a function (SGDOptimizer)'],
    ['a factory', tf.train.adam, /a function/],
  ] as const)('%s is not an optimizer', (_, wrong, shown) => {
    const message = typeof shown === 'string' ? `Received ${shown}.` : shown;
    for (const attempt of [
      () => asTensorOptimizer(wrong as never),
      () => new Passing(wrong as never),
      () => byRole({ default: wrong as never }),
    ]) {
      if (wrong === undefined && attempt.toString().includes('byRole')) continue;
      expect(attempt).toThrow(message);
      expect(attempt).toThrow(TypeError);
    }
  });

  test('one optimizer in two adapters is an error that names both', () => {
    for (const inner of [new Probe(1), tf.train.adam(0.1)]) {
      const name = inner.getClassName();
      const first = new Passing(inner);
      expect(() => new Factor(inner, 1)).toThrow(
        `TestFactor: ${name} is already inside TestPassing. Give each its own optimizer.`,
      );
      expect(() => byRole({ default: inner })).toThrow(
        `LrmByRole: ${name} is already inside TestPassing. Give each its own optimizer.`,
      );
      // Under its wrapper it is the same optimizer.
      expect(() => new Factor(asTensorOptimizer(inner), 1)).toThrow(/already inside TestPassing/);
      const around = new Factor(first, 1);
      expect(() => new Passing(first)).toThrow(
        'TestPassing: TestPassing is already inside TestFactor.',
      );
      expect(around.inner).toBe(first);
    }
    const twice = new Probe(1);
    expect(() => byRole({ matrix: twice, default: twice })).not.toThrow();
    expect(() => adopt(new Probe(2), twice)).toThrow(
      'TestProbe: TestProbe is already inside LrmByRole.',
    );
  });

  test('a disposed optimizer is refused, alone, on its way into an adapter, and inside one', async () => {
    const target = variable([1], [1]);
    const inner = new Probe(1);
    const outer = new Passing(inner);
    step(outer, [[target, [1]]]);
    const weights = await outer.getWeights();
    inner.dispose();
    const message = 'TestPassing: the TestProbe inside was disposed. Make a new optimizer.';
    expect(() => step(outer, [[target, [1]]])).toThrow(message);
    await expect(outer.getWeights()).rejects.toThrow(message);
    await expect(outer.setWeights(weights)).rejects.toThrow(message);
    const alone = new Probe(1);
    alone.dispose();
    expect(() => step(alone, [])).toThrow('TestProbe: this optimizer was disposed.');
    expect(() => new Passing(alone)).toThrow(
      'TestPassing: TestProbe was disposed. Make a new optimizer.',
    );
    expect(() => byRole({ default: alone })).toThrow('LrmByRole: TestProbe was disposed.');
    expect(values(target)).toEqual([0]);
    expect([alone.isDisposed, outer.isDisposed]).toEqual([true, false]);
  });

  test('dispose frees everything inside, leaves trained variables alone, and may be called twice', async () => {
    for (const [, make] of TFJS_OPTIMIZERS) {
      const target = variable([1, 2], [2]);
      const left = await tensorsLeftBy(async () => {
        const optimizer = new Passing(
          byRole({ matrix: new Probe(1), default: new Passing(make()) }),
        );
        step(optimizer, [[target, [1, 1]]]);
        await optimizer.getWeights();
        optimizer.dispose();
        optimizer.dispose();
      });
      expect(left).toBe(0);
      expect(target.isDisposed).toBe(false);
    }
  });

  test('class names are our own and without underscore, which loading would take out', () => {
    const { classNameMap } = tf.serialization.SerializationMap.getMap();
    const ours = Object.keys(classNameMap).filter((name) => name.startsWith('Lrm'));
    expect(ours.sort()).toEqual(['LrmByRole', 'LrmTfjsOptimizer']);
    expect(ours.join('')).not.toContain('_');
  });

  test('tfjs is a peer, never a dependency: a second copy of it would keep its own register of classes', () => {
    for (const name of ['core', 'adam', 'weight-decay', 'schedule', 'clipping']) {
      const path = new URL(`../../${name}/package.json`, import.meta.url);
      const { dependencies, peerDependencies } = JSON.parse(readFileSync(path, 'utf8'));
      expect(Object.keys(dependencies).filter((key) => key.startsWith('@tensorflow'))).toEqual([]);
      expect(Object.keys(peerDependencies)).toContain('@tensorflow/tfjs-core');
      expect(Object.keys(peerDependencies)).not.toContain('@tensorflow/tfjs');
    }
  });

  test('two copies of this package agree on roles, on what is theirs, and on what is taken', async () => {
    const kernel = variable([1, 1], [1, 2]);
    setRole(kernel, 'head');
    vi.resetModules();
    const copy = await import('./index.ts');
    expect(copy.TensorOptimizer).not.toBe(TensorOptimizer);
    expect(copy.roleOf(kernel)).toBe('head');
    copy.setRole(kernel, 'vector');
    expect(roleOf(kernel)).toBe('vector');

    const probe = new Probe(1);
    expect(copy.isTensorOptimizer(probe)).toBe(true);
    expect(copy.asTensorOptimizer(probe)).toBe(probe);
    const adam = tf.train.adam(1);
    expect(copy.asTensorOptimizer(adam)).toBe(asTensorOptimizer(adam));
    const outer = copy.byRole({ vector: probe, default: adam });
    expect(outer instanceof TensorOptimizer).toBe(true);
    expect(() => new Passing(probe)).toThrow('TestPassing: TestProbe is already inside LrmByRole.');
    step(outer, [[kernel, [1, 1]]]);
    expect(values(kernel)).toEqual([0, 0]);
    const weights = await outer.getWeights();
    expect(weights.map(({ name }) => name)[0]).toBe('iter');
  });
});
