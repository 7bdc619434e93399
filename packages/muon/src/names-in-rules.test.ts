/** Names in the rules of a whole stack: what matches nothing is told, and names mean the same everywhere. */
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { Passing } from '../../../test/optimizers.ts';
import { step } from '../../../test/tensors.ts';
import { muon } from './index.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const named = (name: string): tf.Variable => tf.tidy(() => tf.variable(tf.eye(2), true, name));
const GRADIENT = [1, 0, 0.5, 1];

onCpu(() => {
  test('a name in "select" that matches nothing is told at the first step, through adapters, once', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const target = named('rules/dense/kernel');
    const optimizer = new Passing(muon({ select: ['matrix', { name: 'rules/dens' }] }));
    for (let i = 0; i < 3; i++) step(optimizer, [[target, GRADIENT]]);
    expect(warn.mock.calls).toEqual([
      [
        'muon: "select" selects no variable by the name "rules/dens" (did you mean "rules/dense"?). The variables here are rules/dense/kernel.',
      ],
    ]);
  });

  test('an exact name leaves the numbered variable to the fallback, also where state is bound', async () => {
    const [w, second] = [named('exact/w'), named('exact/w_1')];
    const make = () => muon({ select: { name: 'exact/w' } });
    const trained = make();
    step(trained, [
      [second, GRADIENT],
      [w, GRADIENT],
    ]);
    const keys = (await trained.getWeights()).map(({ name }) => name);
    expect(keys.filter((key) => key.endsWith('/momentum'))).toHaveLength(1);
    expect([...trained.slots(w).keys()]).toEqual(['momentum']);
    expect(trained.slots(second).size).toBe(0);
    const restored = make();
    await restored.setWeights(await trained.getWeights());
    step(restored, [
      [second, null],
      [w, null],
    ]);
    expect([...restored.slots(w).keys()]).toEqual(['momentum']);
    expect(restored.slots(second).size).toBe(0);
  });

  test('a layer\'s name in "split" means its kernel', () => {
    const target = named('splitting/kernel');
    const split = [{ name: 'splitting', axis: 1, sizes: [1, 1] }];
    const [whole, parts] = [named('whole/kernel'), target];
    step(muon(), [[whole, GRADIENT]]);
    step(muon({ split }), [[parts, GRADIENT]]);
    expect([...parts.dataSync()]).not.toEqual([...whole.dataSync()]);
  });
});
