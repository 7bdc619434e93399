/** Names in the rules of every package: what each option selects by a name, and what it says where that is nothing. */
import * as tf from '@tensorflow/tfjs-core';
import { withClipping } from '@tfjs-lrm/clipping';
import type { Selector } from '@tfjs-lrm/core';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { afterEach, expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { step } from '../../../test/tensors.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

type Named = { name: string };
type Make = (names: readonly Named[]) => tf.Optimizer;

const sgd = () => tf.train.sgd(0.5);
const SPLIT = { axis: 1, sizes: [1, 1] };

/** Each option that takes names, and an optimizer without any. */
const RULES: Readonly<Record<string, Make>> = {
  'withClipping: "exclude"': (exclude) => withClipping(sgd(), { globalNorm: 0.01, exclude }),
  'withWeightDecay: "exclude"': (exclude) =>
    withWeightDecay(sgd(), { decay: { matrix: 0.5, vector: 0.5 }, exclude }),
  'muon: "select"': (select) =>
    muon({ learningRate: 0.5, select: select as Selector, fallback: sgd() }),
  'muon: "split"': (names) =>
    muon({
      learningRate: 0.5,
      split: names.map(({ name }) => ({ name, ...SPLIT })),
      fallback: sgd(),
    }),
  'reparametrize: "select"': (select) => reparametrize(sgd(), { select: select as Selector }),
};
const rules = Object.entries(RULES);

const GRADIENT = [1, -0.25, 0.5, 2];
let scopes = 0;

/** What one step makes of fresh variables of these names, each in a scope that no other test has. */
function after(make: Make, names: readonly string[], chosen: readonly string[]): number[][] {
  scopes += 1;
  const scope = `names${scopes}`;
  const all = names.map((name) =>
    tf.tidy(() =>
      tf.variable(name.endsWith('bias') ? tf.ones([4]) : tf.ones([2, 2]), true, `${scope}/${name}`),
    ),
  );
  const optimizer = make(chosen.map((name) => ({ name: `${scope}/${name}` })));
  // The second step is where factors have moved.
  for (let i = 0; i < 2; i++)
    step(
      optimizer,
      all.map((each) => [each, GRADIENT]),
    );
  const values = all.map((each) => [...each.dataSync()]);
  optimizer.dispose();
  tf.dispose(all);
  return values;
}

/** Which of the variables a rule selects: what becomes of them is what becomes of them where nothing else is there. */
function selected(make: Make, names: readonly string[], chosen: string): boolean[] {
  const all = after(make, names, [chosen]);
  return names.map((name, i) => {
    const [alone] = after(make, [name], [name]);
    return JSON.stringify(all[i]) === JSON.stringify(alone);
  });
}

onCpu(() => {
  test.each(rules)("%s: a layer's name means its kernel, and that of no other layer", (_, make) => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const names = ['layer/kernel', 'other/kernel'];
    expect(selected(make, names, 'layer')).toEqual([true, false]);
  });

  test.each(rules)('%s: a name does not take a numbered variable where one has it', (_, make) => {
    vi.spyOn(console, 'warn').mockReturnValue();
    expect(selected(make, ['w', 'w_1'], 'w')).toEqual([true, false]);
    expect(selected(make, ['w_1', 'w'], 'w')).toEqual([false, true]);
    expect(selected(make, ['w_1', 'v'], 'w')).toEqual([true, false]);
  });

  test.each(rules.filter(([where]) => where !== 'muon: "split"'))(
    '%s: what selects nothing is told once, with the nearest name',
    (where, make) => {
      const warn = vi.spyOn(console, 'warn').mockReturnValue();
      after(make, ['hidden/kernel', 'out/kernel'], ['hidden', 'ouut', 'out/kernal']);
      const scope = `names${scopes}`;
      expect(warn.mock.calls).toEqual([
        [
          `${where} selects no variable by the name "${scope}/ouut" (did you mean "${scope}/out"?), the name "${scope}/out/kernal" (did you mean "${scope}/out/kernel"?). The variables here are ${scope}/hidden/kernel, ${scope}/out/kernel.`,
        ],
      ]);
      warn.mockClear();
      after(make, ['hidden/kernel', 'out/kernel'], ['hidden', 'out/kernel']);
      expect(warn).not.toHaveBeenCalled();
    },
  );

  test('muon: "split": a name that is not there is an error with the nearest one', () => {
    const split = RULES['muon: "split"'] as Make;
    expect(() => after(split, ['hidden/kernel', 'out/kernel'], ['hidden', 'ouut'])).toThrow(
      /^muon: "split" names "names\d+\/ouut", which is not a variable of this step.* Did you mean "names\d+\/out\/kernel"\?/,
    );
  });
});
