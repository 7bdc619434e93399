/** What the guide `write-your-own` says of its own optimizers: they type-check, are short, resume bit for bit and compile. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { adapter, byRole, OptimizerAdapter } from '@tfjs-lrm/core';
import { deserializeOptimizer, serializeOptimizer } from '@tfjs-lrm/core/kit';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { isLinked } from '@tfjs-lrm/native/linked';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { useBackend } from '../test/backends.ts';
import { noise, random, step, values } from '../test/tensors.ts';

const folder = join(import.meta.dirname, '.guide');
const page = readFileSync(join(import.meta.dirname, 'guides', 'write-your-own.md'), 'utf8');
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code as string);

type Make = (options?: object) => tf.Optimizer;
type Wrap = (inner: tf.Optimizer, options?: object) => tf.Optimizer;
let lion: Make;
let withAveraging: Wrap;
let withAccumulation: Wrap;

const blockOf = (name: string): string =>
  blocks.find((code) => code.includes(`const ${name} = `)) as string;

const NAMES = ['lion', 'withAveraging', 'withAccumulation'];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  blocks.forEach((code, i) => {
    const exported = NAMES.filter((name) => code.includes(`const ${name} = `));
    writeFileSync(join(folder, `${i}.ts`), `${code}\nexport { ${exported.join(', ')} };\n`);
  });
  const load = async (name: string): Promise<never> => {
    const path = join(folder, `${blocks.indexOf(blockOf(name))}.ts`);
    return ((await import(/* @vite-ignore */ path)) as Record<string, never>)[name] as never;
  };
  lion = await load('lion');
  withAveraging = await load('withAveraging');
  withAccumulation = await load('withAccumulation');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each in a new tree. */
const NESTINGS: readonly (readonly [name: string, make: () => tf.Optimizer])[] = [
  ['lion', () => lion({ learningRate: 0.05 })],
  [
    'schedule(clipping(decay(lion)))',
    () =>
      withSchedule(
        withClipping(withWeightDecay(lion({ learningRate: 0.05 })), { globalNorm: 1 }),
        cosine({ steps: 20 }),
      ),
  ],
  ['muon with lion as fallback', () => muon({ learningRate: 0.1, fallback: lion() })],
  ['byRole(lion, adam)', () => byRole({ matrix: lion({ learningRate: 0.05 }), default: adam() })],
  ['reparametrize(lion)', () => reparametrize(lion({ learningRate: 0.05 }))],
  ['averaging(adam)', () => withAveraging(adam({ learningRate: 0.05 }), { decay: 0.5 })],
  ['averaging(tf.train.adam)', () => withAveraging(tf.train.adam(0.05), { decay: 0.5 })],
  ['averaging(lion)', () => withAveraging(lion({ learningRate: 0.05 }))],
  ['reparametrize(averaging(lion))', () => reparametrize(withAveraging(lion()))],
  ['averaging(reparametrize(lion))', () => withAveraging(reparametrize(lion()))],
  [
    'accumulation(schedule(adam))',
    () =>
      withAccumulation(withSchedule(adam({ learningRate: 0.05 }), cosine({ steps: 9 })), {
        batches: 2,
      }),
  ],
  [
    'schedule(accumulation(adam))',
    () => withSchedule(withAccumulation(adam({ learningRate: 0.05 })), cosine({ steps: 20 })),
  ],
  ['accumulation(tf.train.momentum)', () => withAccumulation(tf.train.momentum(0.1, 0.9))],
  ['averaging(accumulation(lion))', () => withAveraging(withAccumulation(lion(), { batches: 3 }))],
  ['reparametrize(accumulation(adam))', () => reparametrize(withAccumulation(adam()))],
  ['accumulation(reparametrize(adam))', () => withAccumulation(reparametrize(adam()))],
  [
    'byRole(accumulation(lion), averaging(adam))',
    () => byRole({ matrix: withAccumulation(lion()), default: withAveraging(adam()) }),
  ],
];

const STEPS = 9;
/** Enough for each of four batches' two forms of a step to be recorded and run. */
const COMPILED_STEPS = 20;
const SHAPES = { 'guide/kernel': [4, 3], 'guide/bias': [3] };
const starts = (): number[][] =>
  Object.values(SHAPES).map((shape, i) => noise(random(i), tf.util.sizeFromShape(shape)));

const makeVariables = (numbers: readonly number[][]): tf.Variable[] =>
  Object.entries(SHAPES).map(([name, shape], i) =>
    tf.tidy(() => tf.variable(tf.tensor(numbers[i] as number[], shape), true, name)),
  );

function train(
  optimizer: tf.Optimizer,
  variables: readonly tf.Variable[],
  from: number,
  to: number,
): void {
  for (let at = from; at < to; at++) {
    step(
      optimizer,
      variables.map((variable, i) => [variable, noise(random(10 * at + i + 3), variable.size)]),
    );
  }
}

const numbersOf = (variables: readonly tf.Variable[]): number[][] => variables.map(values);

describe('the guide', () => {
  it('is short: Lion 35 lines at most, averaging 25', () => {
    const lines = (name: string): number => blockOf(name).trim().split('\n').length;
    expect(lines('lion')).toBeLessThanOrEqual(35);
    expect(lines('withAveraging')).toBeLessThanOrEqual(25);
  });

  it('type-checks without a cast in its optimizers and adapters', () => {
    for (const name of NAMES) expect(blockOf(name)).not.toMatch(/(?<!\* )\bas (?!const)/);
    const config = {
      extends: '../../tsconfig.tests.json',
      compilerOptions: { noUnusedLocals: false },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(import.meta.dirname, '..', 'node_modules', '.bin', 'tsc');
    let errors = '';
    try {
      execFileSync(tsc, ['-p', folder], { encoding: 'utf8' });
    } catch (error) {
      errors = (error as { stdout: string }).stdout;
    }
    expect(errors).toBe('');
  }, 120_000);
});

describe('on cpu', () => {
  beforeAll(() => useBackend('cpu'));

  it.each(NESTINGS)('%s is saved at any step, loaded and resumed bit for bit', async (_, make) => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const variables = makeVariables(starts());
    const whole = make();
    train(whole, variables, 0, STEPS);
    const expected = numbersOf(variables);
    expect(expected).not.toEqual(starts().map((numbers) => numbers.map(Math.fround)));
    tf.dispose(variables);
    whole.dispose();
    // Between two micro-steps, and between two steps.
    for (const stop of [3, 4]) {
      const before = makeVariables(starts());
      const first = make();
      train(first, before, 0, stop);
      const file = JSON.parse(JSON.stringify(serializeOptimizer(first)));
      const state = (await first.getWeights()).map(({ name, tensor }) => ({
        name,
        tensor: tf.clone(tensor),
      }));
      const numbers = numbersOf(before);
      tf.dispose(before);
      first.dispose();
      const after = makeVariables(numbers);
      const second = deserializeOptimizer('test', file);
      await second.setWeights(state);
      tf.dispose(state.map(({ tensor }) => tensor));
      train(second, after, stop, STEPS);
      expect(numbersOf(after)).toEqual(expected);
      tf.dispose(after);
      second.dispose();
    }
  });

  it('nothing is left behind', () => {
    const before = tf.memory().numTensors;
    for (const [, make] of NESTINGS) {
      const variables = makeVariables(starts());
      const optimizer = make();
      train(optimizer, variables, 0, 4);
      optimizer.dispose();
      tf.dispose(variables);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('Lion follows its formula', () => {
    const [w] = makeVariables(starts()) as [tf.Variable, ...tf.Variable[]];
    const optimizer = lion({ learningRate: 0.1, beta1: 0.5, beta2: 0.75 });
    const expected = values(w);
    const m = expected.map(() => 0);
    for (let at = 0; at < 4; at++) {
      const gradient = noise(random(at + 50), w.size).map(Math.fround);
      step(optimizer, [[w, gradient]]);
      gradient.forEach((g, i) => {
        const mean = m[i] as number;
        expected[i] = (expected[i] as number) - 0.1 * Math.sign(0.5 * mean + 0.5 * g);
        m[i] = 0.75 * mean + 0.25 * g;
      });
    }
    values(w).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] as number, 5);
    });
    tf.disposeVariables();
  });

  it('accumulation takes the step of the mean gradient, every few batches', () => {
    const variables = makeVariables(starts());
    const optimizer = withAccumulation(tf.train.sgd(1), { batches: 2 });
    train(optimizer, variables, 0, 1);
    expect(numbersOf(variables)).toEqual(starts().map((numbers) => numbers.map(Math.fround)));
    train(optimizer, variables, 1, 2);
    const [start, [first, second]] = [
      starts()[1] as number[],
      [0, 1].map((at) => noise(random(10 * at + 4), 3)),
    ];
    values(variables[1] as tf.Variable).forEach((value, i) => {
      const mean = ((first?.[i] as number) + (second?.[i] as number)) / 2;
      expect(value).toBeCloseTo((start[i] as number) - mean, 5);
    });
    tf.dispose(variables);
    optimizer.dispose();
  });
});

describe.skipIf(!isLinked())('on tensorflow', () => {
  beforeAll(() => useBackend('tensorflow'));

  /** @param traces how many functions a compiled step becomes; null for one that runs operation by operation */
  const run = async (make: () => tf.Optimizer, traces: number | null): Promise<number[][]> => {
    const isCompiled = traces !== null;
    const { compile } = await import('@tfjs-lrm/native');
    const variables = makeVariables(starts());
    const optimizer = make();
    const [kernel, bias] = variables as [tf.Variable, tf.Variable];
    const loss = (x: tf.Tensor): tf.Tensor =>
      optimizer.minimize(
        () =>
          tf.mean(
            tf.square(
              tf.add(tf.matMul(x as tf.Tensor2D, kernel as tf.Tensor as tf.Tensor2D), bias),
            ),
          ),
        true,
        variables,
      ) as tf.Tensor;
    const train = isCompiled ? compile(loss) : loss;
    try {
      for (let at = 0; at < COMPILED_STEPS; at++) {
        const x = tf.tensor(noise(random(at), 20), [5, 4]);
        tf.dispose([train(x), x]);
      }
      if (isCompiled) expect((train as { traces?: number }).traces).toBe(traces);
      return numbersOf(variables);
    } finally {
      if (isCompiled) (train as unknown as { dispose(): void }).dispose();
      optimizer.dispose();
      tf.dispose(variables);
    }
  };

  it.each(NESTINGS)('%s is compiled to the same weights', async (name, make) => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const traces = name.includes('accumulation') ? 2 : 1;
    const [eager, compiled] = [await run(make, null), await run(make, traces)];
    eager.flat().forEach((value, i) => {
      expect(Math.abs(value - (compiled.flat()[i] as number))).toBeLessThanOrEqual(
        1e-6 * Math.max(1, Math.abs(value)),
      );
    });
  });

  it('what does not say whether it may be compiled is refused by name, and so is a number of JavaScript', async () => {
    class Silent extends OptimizerAdapter {
      static override readonly className: string = 'DocsSilent';
      #isLast = false;
      override beforeStep(): void {
        this.#isLast = this.iterations % 2 === 1;
        super.beforeStep();
      }
      override update(...given: Parameters<OptimizerAdapter['update']>): void {
        if (this.#isLast) super.update(...given);
      }
      protected override options(): object {
        return {};
      }
    }
    const silent = adapter('silent', Silent, {});
    await expect(run(() => silent(adam()), 1)).rejects.toThrow(
      /^compile: DocsSilent does not say whether its update does the same operations in every step/,
    );
    for (const [name, read] of [
      ['learningRate', (it: Counting) => it.learningRate],
      ['iterations', (it: Counting) => it.iterations],
    ] as const) {
      const counting = adapter(
        'counting',
        class extends Counting {
          static override readonly className: string = `DocsCounting${name}`;
          override update(...given: Parameters<OptimizerAdapter['update']>): void {
            if (read(this) >= 0) super.update(...given);
          }
        },
        {},
      );
      await expect(run(() => counting(adam()), 1)).rejects.toThrow(
        `"update" must not read "${name}" in a step that is recorded`,
      );
      expect(await run(() => counting(adam()), null)).toEqual(await run(() => adam(), null));
    }
  });
});

/** Says that it may be compiled, and reads numbers of JavaScript all the same. */
abstract class Counting extends OptimizerAdapter {
  static override readonly className: string = 'DocsCounting';
  override get obstacle(): null {
    return null;
  }
  protected override options(): object {
    return {};
  }
}
