/** Saved state of one recipe in another: what is carried over, and what is refused. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { asTensorOptimizer, byRole } from '@tfjs-lrm/core';
import { afterEach, expect, test, vi } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { Factor, Passing } from '../../../test/optimizers.ts';
import { expectClose, step, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { muon } from './index.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const rate = { learningRate: 0.05 };
const RECIPES: Readonly<Record<string, () => tf.Optimizer>> = {
  adam: () => adam(rate),
  'passing(adam)': () => new Passing(adam(rate)),
  'factor(passing(adam))': () => new Factor(new Passing(adam(rate)), 1),
  'muon(adam)': () => muon({ ...rate, fallback: adam(rate) }),
  'passing(muon(passing(adam)))': () =>
    new Passing(muon({ ...rate, fallback: new Passing(adam(rate)) })),
  'byRole(adam, adam)': () => byRole({ matrix: adam(rate), default: adam(rate) }),
  'passing(byRole(passing(adam), adam))': () =>
    new Passing(byRole({ matrix: new Passing(adam(rate)), default: adam(rate) })),
  "passing(tfjs' adam)": () => new Passing(tf.train.adam(0.05)),
  // Only saved: what takes it here is tfjs' own code.
  "tfjs' adam": () => tf.train.adam(0.05),
};

// What of the state of each recipe (rows) goes into each other one (columns, in the order above):
// = all of it · v that of the vectors, with a warning for the matrices · x refused
const TABLE: Readonly<Record<string, string>> = {
  adam: '= = = v v x x x',
  'passing(adam)': '= = = v v x x x',
  'factor(passing(adam))': '= = = v v x x x',
  'muon(adam)': 'x x x = = x x x',
  'passing(muon(passing(adam)))': 'x x x = = x x x',
  'byRole(adam, adam)': 'x x x x x = = x',
  'passing(byRole(passing(adam), adam))': 'x x x x x = = x',
  "tfjs' adam": '= = = v v x x x',
  "passing(tfjs' adam)": '= = = v v x x =',
};
const names = Object.keys(RECIPES);
const CASES = Object.entries(TABLE).flatMap(([from, row]) =>
  row.split(' ').map((outcome, i) => [from, names[i] as string, outcome] as const),
);

let made = 0;
function variables(names = ['kernel', 'bias']): tf.Variable[] {
  made += 1;
  return tf.tidy(() => [
    tf.variable(
      tf.tensor2d([
        [0.3, -0.2],
        [0.5, 0.1],
      ]),
      true,
      `recipe${made}/${names[0]}`,
    ),
    tf.variable(tf.tensor1d([0.1, -0.4]), true, `recipe${made}/${names[1]}`),
  ]);
}

function train(optimizer: tf.Optimizer, targets: tf.Variable[], from: number, to: number): void {
  for (let at = from; at < to; at++) {
    step(
      optimizer,
      targets.map((target, i) => [
        target,
        Array.from({ length: target.size }, (_, j) => Math.sin(1 + at * 3 + i * 5 + j)),
      ]),
    );
  }
}

eachBackend((backend) => {
  test.each(CASES)('%s → %s: %s', async (from, to, outcome) => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    const [trained, fresh, same] = [RECIPES[from]!(), RECIPES[to]!(), RECIPES[from]!()];
    const targets = variables();
    train(trained, targets, 0, 3);
    const saved = await trained.getWeights();
    if (outcome === 'x') {
      const before = await fresh.getWeights();
      const left = await tensorsLeftBy(async () => {
        await expect(fresh.setWeights(saved)).rejects.toThrow(
          /\.setWeights: "[^"]+\/[^"]+" belongs to none of .* The nearest here is "[^"]+"\./,
        );
      });
      expect(left).toBe(0);
      expect((await fresh.getWeights()).length).toBe(before.length);
      return;
    }
    const [start, run] = [
      targets.map(values),
      async (optimizer: tf.Optimizer) => {
        tf.tidy(
          () =>
            targets.map((target, i) => target.assign(tf.tensor(start[i]!, target.shape))) &&
            undefined,
        );
        await optimizer.setWeights(saved);
        train(optimizer, targets, 3, 6);
        return targets.map(values);
      },
    ];
    const expected = await run(same);
    warn.mockClear();
    const resumed = await run(fresh);
    const compared = outcome === 'v' ? [1] : [0, 1];
    for (const i of compared)
      expectClose(resumed[i]!, expected[i]!, backend === 'cpu' ? 2e-6 : 1e-5);
    expect(warn).toHaveBeenCalledTimes(outcome === 'v' ? 1 : 0);
    expect(fresh.iterations).toBe(6);
  });
});

onCpu(() => {
  test("tfjs' count of steps gives the bias correction, and its betas where they are others", async () => {
    const targets = variables();
    const own = new Passing(tf.train.adam(0.05, 0.5, 0.75));
    train(own, targets, 0, 2);
    const taken = new Passing(adam());
    await taken.setWeights(await own.getWeights());
    const corrections = (await taken.getWeights()).filter(({ name }) =>
      /kernel\/c[12]$/.test(name),
    );
    const [c1, c2] = corrections.map(({ tensor }) => values(tensor)[0] as number);
    expect(c1).toBeCloseTo(1 - 0.5 ** 2, 6);
    expect(c2).toBeCloseTo(1 - 0.75 ** 2, 6);
  });

  test('state of another recipe is never matched by order', async () => {
    const before = variables();
    const trained = adam();
    train(trained, before, 0, 1);
    const other = new Passing(adam());
    await other.setWeights(await trained.getWeights());
    const after = variables(['kernal', 'bais']);
    const start = after.map(values);
    expect(() => train(other, after, 1, 2)).toThrow(
      /saved state of "recipe\d+\/kernel" was made by another recipe.* The nearest is "recipe\d+\/kernal"/,
    );
    expect(after.map(values)).toEqual(start);
    expect(other.iterations).toBe(1);
  });

  test('two optimizers of one name in the saved tree or here are refused, and nothing changes', async () => {
    const targets = variables();
    const both = byRole({ matrix: adam(), default: adam() });
    train(both, targets, 0, 1);
    const swapped = byRole({ vector: adam(), default: adam() });
    train(swapped, targets, 0, 1);
    const slots = asTensorOptimizer(swapped).iterations;
    await expect(swapped.setWeights(await both.getWeights())).rejects.toThrow(
      /"byRole:matrix:adam\/recipe\d+\/kernel\/m" belongs to none/,
    );
    expect(swapped.iterations).toBe(slots);
  });
});
