import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, smallModel, train } from '../../../test/models.ts';
import { Passing, Probe } from '../../../test/optimizers.ts';
import { step, values } from '../../../test/tensors.ts';
import { assignRoles, bindState, byRole, describeRoles, roleOf, setRole } from './index.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

let made = 0;
/** Two variables of one name, of which tfjs would number the second: as a model and its copy. */
function twins(shape: number[]): [tf.Variable, tf.Variable] {
  made += 1;
  const make = (name: string): tf.Variable =>
    tf.tidy(() => tf.variable(tf.zeros(shape), true, name));
  return [make(`roles${made}/w`), make(`roles${made}/w_1`)];
}

const make = (): Passing => new Passing(byRole({ head: new Probe(1), default: new Probe(0) }));

onCpu(() => {
  test('a role that was set is saved and decides the first step after loading', async () => {
    const [before, after] = twins([1, 2]);
    setRole(before, 'head');
    const [trained, restored] = [make(), make()];
    step(trained, [[before, [1, 1]]]);
    const weights = await trained.getWeights();
    expect(
      weights
        .filter(({ name }) => name.startsWith('roles/'))
        .map(({ name, tensor }) => [name, values(tensor)]),
    ).toEqual([[`roles/roles${made}/w`, [2]]]);
    await restored.setWeights(weights);
    expect(roleOf(after)).toBe('matrix');
    step(restored, [[after, [1, 1]]]);
    expect(roleOf(after)).toBe('head');
    // Rate 1, momentum 1 from the file halved, plus 1.
    expect(values(after)).toEqual([-1.5, -1.5]);
  });

  test('the root saves each role once, however deep the nesting', async () => {
    const [target] = twins([1]);
    setRole(target, 'multiplier');
    const optimizer = new Passing(new Passing(make()));
    step(optimizer, [[target, [1]]]);
    const roles = (await optimizer.getWeights()).filter(({ name }) => name.startsWith('roles/'));
    expect(roles).toHaveLength(1);
    expect(roles[0]!.tensor.dtype).toBe('int32');
  });

  test('a role that names or structure tell is not saved', async () => {
    const model = smallModel();
    assignRoles(model);
    const optimizer = new Probe(1);
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 1);
    expect((await optimizer.getWeights()).filter(({ name }) => name.startsWith('roles/'))).toEqual(
      [],
    );
    model.dispose();
  });

  test('a live role that was set wins over a saved one, with one warning', async () => {
    const [before, after] = twins([1, 2]);
    setRole(before, 'head');
    const [trained, restored] = [make(), make()];
    step(trained, [[before, [1, 1]]]);
    setRole(after, 'vector');
    await restored.setWeights(await trained.getWeights());
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    step(restored, [[after, [1, 1]]]);
    step(restored, [[after, [1, 1]]]);
    expect(roleOf(after)).toBe('vector');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(
      `TestPassing: "${after.name}" was saved with the role 'head' and now has the role 'vector', which wins.`,
    );
  });

  test('a live role that agrees is no reason to warn, and neither is structure', async () => {
    const [before, after] = twins([1, 2]);
    setRole(before, 'head');
    setRole(after, 'head');
    const [trained, restored] = [make(), make()];
    step(trained, [[before, [1, 1]]]);
    await restored.setWeights(await trained.getWeights());
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    step(restored, [[after, [1, 1]]]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('a restored role replaces what the structure says', async () => {
    const model = smallModel();
    assignRoles(model, { out: 'embedding' });
    const trained = new Probe(1);
    model.compile({ optimizer: trained, loss: 'meanSquaredError' });
    await train(model, 0, 1);
    const loaded = await reload(model);
    assignRoles(loaded);
    expect(describeRoles(loaded).rows[2]!.role).toBe('head');
    bindState(loaded.optimizer, loaded);
    expect(describeRoles(loaded).rows[2]).toMatchObject({
      role: 'embedding',
      reason: 'setRole, restored with the optimizer',
    });
    model.dispose();
    loaded.dispose();
  });

  test('roles wait for variables that have not come, and are saved meanwhile', async () => {
    const [before, after] = twins([1, 2]);
    setRole(before, 'head');
    const [trained, restored, again] = [make(), make(), make()];
    step(trained, [[before, [1, 1]]]);
    await restored.setWeights(await trained.getWeights());
    await again.setWeights(await restored.getWeights());
    step(again, [[after, null]]);
    expect(roleOf(after)).toBe('head');
  });

  test('a step that fails to bind gives no role, and the saved one stays', async () => {
    const [before, after] = twins([1, 2]);
    setRole(before, 'head');
    const [trained, restored] = [make(), make()];
    step(trained, [[before, [1, 1]]]);
    await restored.setWeights(await trained.getWeights());
    const wrong = tf.variable(tf.zeros([5, 1]), true, `${before.name}_7`);
    expect(() => step(restored, [[wrong, null]])).toThrow(/other shapes/);
    expect(roleOf(wrong)).toBe('matrix');
    step(restored, [[after, null]]);
    expect(roleOf(after)).toBe('head');
  });

  test.each([
    ['ours', (): tf.Optimizer => new Probe(1)],
    ["tfjs' own", (): tf.Optimizer => tf.train.momentum(1, 0.5)],
  ])(
    'state saved for a role that nothing restored is not lost silently, in %s',
    async (_, head) => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      const stack = (): Passing => new Passing(byRole({ head: head(), default: new Probe(0) }));
      const [before, after] = twins([1, 2]);
      setRole(before, 'head');
      const trained = stack();
      step(trained, [[before, [1, 1]]]);
      const saved = (await trained.getWeights()).filter(({ name }) => !name.startsWith('roles/'));
      const restored = stack();
      await restored.setWeights(saved);
      for (let i = 0; i < 2; i++) step(restored, [[after, [1, 1]]]);
      expect(warn.mock.calls).toEqual([
        [
          expect.stringMatching(
            /^TestPassing: the saved state of roles\d+\/w belongs to .*assignRoles/,
          ),
        ],
      ]);
      const names = (await restored.getWeights()).map(({ name }) => name);
      for (const { name } of saved) expect(names).toContain(name);
    },
  );

  test('without an optimizer, assignRoles restores what the structure tells', async () => {
    const model = smallModel();
    assignRoles(model);
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const loaded = await reload(model);
    expect(describeRoles(loaded).rows.map(({ role }) => role)).toEqual([
      'matrix',
      'vector',
      'matrix',
      'vector',
    ]);
    expect(assignRoles(loaded).rows.map(({ role }) => role)).toEqual([
      'matrix',
      'vector',
      'head',
      'vector',
    ]);
    model.dispose();
    loaded.dispose();
  });
});
