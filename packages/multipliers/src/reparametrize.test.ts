import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { byRole, describeRoles, roleOf, setRole } from '@tfjs-lrm/core';
import { muon } from '@tfjs-lrm/muon';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { describe, expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { smallModel, train } from '../../../test/models.ts';
import { Passing, Probe, Recorder } from '../../../test/optimizers.ts';
import { hostReads, step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { modelOf } from '../test/layers.ts';
import { byHand, distance, numbers, sizeOf } from '../test/numbers.ts';
import { multiply, reparametrize, withMultipliers } from './index.ts';

const ALL = { row: true, column: true, scalar: true };
const variableOf = (shape: number[], name = 'kernel', seed = 1): tf.Variable =>
  variable(numbers(seed, sizeOf(shape), -1, 1), shape, name);
const partsOf = (optimizer: ReturnType<typeof reparametrize>, kernel: tf.Variable) =>
  Object.fromEntries(optimizer.slots(kernel)) as Record<
    'matrix' | 'row' | 'column' | 'scalar',
    tf.Variable
  >;
const assign = (target: tf.Variable, data: readonly number[]): void =>
  tf.tidy(() => target.assign(tf.tensor([...data], target.shape)));

const SHAPES: readonly [string, number[], { row: number; column: number }][] = [
  ['kernel', [3, 5], { row: 1, column: 0 }],
  ['embeddings', [7, 2], { row: 1, column: 0 }],
  ['conv1d/kernel', [2, 3, 4], { row: 2, column: 1 }],
  ['conv2d/kernel', [2, 3, 4, 5], { row: 3, column: 2 }],
  ['conv3d/kernel', [1, 2, 2, 3, 4], { row: 4, column: 3 }],
  ['conv2d_transpose_Conv2DTranspose3/kernel', [2, 3, 4, 5], { row: 2, column: 3 }],
];

eachBackend(() => {
  test.each(SHAPES)('%s %j gets the gradients of eq. 4, and holds W_eff', (name, shape, axes) => {
    const kernel = variableOf(shape, name);
    const recorder = new Recorder(0);
    const optimizer = reparametrize(recorder, { ...ALL, select: () => true });
    step(optimizer, [[kernel, numbers(9, kernel.size)]]);
    const parts = partsOf(optimizer, kernel);
    expect(parts.row.shape).toEqual([shape[axes.row]]);
    expect(parts.column.shape).toEqual([shape[axes.column]]);
    expect(values(kernel)).toEqual(values(parts.matrix));

    const scaling = {
      row: numbers(2, parts.row.size),
      column: numbers(3, parts.column.size),
      scalar: 1.7,
    };
    assign(parts.row, scaling.row);
    assign(parts.column, scaling.column);
    assign(parts.scalar, [scaling.scalar]);
    const gradient = numbers(4, kernel.size, -1, 1);
    const expected = byHand(values(parts.matrix), shape, scaling, gradient, axes);
    step(optimizer, [[kernel, gradient]]);
    const reached = (part: tf.Variable): number[] => recorder.reached.get(part) as number[];
    expect(distance(reached(parts.matrix), expected.kernel)).toBeLessThan(1e-6);
    expect(distance(reached(parts.row), expected.row)).toBeLessThan(1e-5);
    expect(distance(reached(parts.column), expected.column)).toBeLessThan(1e-5);
    expect(distance(reached(parts.scalar), [expected.scalar])).toBeLessThan(1e-5);
    expect(distance(values(kernel), expected.effective)).toBeLessThan(1e-6);
    expect(recorder.reached.has(kernel)).toBe(false);
  });

  test('a depthwise kernel has a row factor for each of its outputs, and no column', () => {
    const kernel = variableOf([2, 3, 4, 2], 'depthwise_kernel');
    const optimizer = reparametrize(new Probe(0.1), { select: 'vector' });
    step(optimizer, [[kernel, numbers(1, 48)]]);
    const { row, matrix, column } = partsOf(optimizer, kernel);
    expect([row.shape, column]).toEqual([[4, 2], undefined]);
    const product = tf.tidy(() => values(tf.mul(matrix, row)));
    expect(distance(values(kernel), product)).toBeLessThan(1e-6);
  });

  test('a kernel that was assigned from outside becomes W, with factors of 1 and the moments it had', () => {
    const kernel = variableOf([3, 4]);
    const probe = new Probe(0.1);
    const optimizer = reparametrize(probe, ALL);
    step(optimizer, [[kernel, numbers(1, 12)]]);
    const parts = partsOf(optimizer, kernel);
    const moments = [...optimizer.slots(kernel).values()].map((part) =>
      values(probe.slots(part).get('momentum') as tf.Variable),
    );
    const loaded = numbers(5, 12, -1, 1);
    assign(kernel, loaded);
    // A gradient of 0 halves the momentum, and moves by it.
    step(optimizer, [[kernel, new Array(12).fill(0)]]);
    const moved = (start: readonly number[], momentum: readonly number[]): number[] =>
      start.map((value, i) => value - 0.1 * 0.5 * (momentum[i] as number));
    for (const [i, part] of [parts.matrix, parts.row, parts.column, parts.scalar].entries()) {
      const start = i === 0 ? loaded : new Array(part.size).fill(1);
      expect(distance(values(part), moved(start, moments[i] as number[]))).toBeLessThan(1e-6);
    }
    // One that was assigned what it holds, such as weights that were averaged for a while, keeps its factors.
    const before = values(parts.row);
    assign(kernel, values(kernel));
    step(optimizer, [[kernel, null]]);
    expect(values(parts.row)).toEqual(before);
    expect(Math.max(...before.map((r) => Math.abs(r - 1)))).toBeGreaterThan(0.01);
  });

  test('a kernel with one changed element, a NaN or nothing but zeros is adopted as it is', () => {
    const changes: ((from: number[]) => number[])[] = [
      (from) => from.with(5, (from[5] as number) * 1.00001),
      (from) => from.with(0, Number.NaN),
      (from) => from.map(() => 0),
    ];
    for (const change of changes) {
      const kernel = variableOf([3, 4]);
      const optimizer = reparametrize(new Probe(0.1));
      step(optimizer, [[kernel, numbers(1, 12)]]);
      const given = change(values(kernel)).map(Math.fround);
      assign(kernel, given);
      step(optimizer, [[kernel, null]]);
      const { matrix, row, column } = partsOf(optimizer, kernel);
      expect([values(kernel), values(matrix)]).toEqual([given, given]);
      expect([...values(row), ...values(column)]).toEqual(new Array(7).fill(1));
    }
  });

  test('a step waits for no value, and leaves nothing but W, its factors and their state', async () => {
    const [kernel, bias] = [variableOf([3, 4]), variableOf([4], 'bias')];
    const optimizer = reparametrize(withClipping(withWeightDecay(muon()), { globalNorm: 1 }), ALL);
    const one = (): void =>
      step(optimizer, [
        [kernel, numbers(1, 12)],
        [bias, numbers(2, 4)],
      ]);
    one();
    expect(await tensorsLeftBy(one)).toBe(0);
    assign(kernel, numbers(7, 12));
    expect(hostReads(one)).toBe(0);
    const before = tf.memory().numTensors;
    assign(kernel, numbers(8, 12));
    one();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('disposing of it leaves the kernels, which hold W_eff, and no other tensor', async () => {
    const model = smallModel();
    const left = await tensorsLeftBy(async () => {
      const optimizer = reparametrize(adam({ learningRate: 0.1 }), ALL);
      model.compile({ optimizer, loss: 'meanSquaredError' });
      await train(model, 0, 3);
      const expected = model.trainableWeights
        .map((weight) => weight.read() as tf.Variable)
        .filter(({ rank }) => rank === 2)
        .map((kernel) => {
          const { matrix, ...factors } = partsOf(optimizer, kernel);
          return tf.tidy(() => values(multiply(matrix, factors)));
        });
      optimizer.dispose();
      const kernels = model.getWeights().filter(({ rank }) => rank === 2);
      expect(kernels.map(values)).toEqual(expected);
      expect(() => step(optimizer, [])).toThrow(/disposed/);
    });
    expect(left).toBe(0);
  });
});

onCpu(() => {
  test('W has the role and the base name of its kernel, factors are multipliers, and names are free', () => {
    const kernel = variableOf([3, 4]);
    const seen: tf.Variable[] = [];
    const optimizer = reparametrize(
      withWeightDecay(new Probe(0.1), { exclude: (v) => seen.push(v) === 0 }),
      { ...ALL, select: ['matrix', 'head'] },
    );
    step(optimizer, [[kernel, numbers(1, 12)]]);
    const names = [
      kernel.name,
      ...['row', 'column', 'scalar'].map((f) => `${kernel.name}/${f}_multiplier`),
    ];
    expect(seen.map(({ name }) => name.replace(/_0\d+$/, ''))).toEqual(names);
    expect(seen.map(roleOf)).toEqual(['matrix', 'multiplier', 'multiplier', 'multiplier']);
    expect(seen.map(({ trainable }) => trainable)).toEqual([false, false, false, false]);
    expect(seen.map((v) => tf.engine().registeredVariables[v.name])).toEqual(seen);
    setRole(kernel, 'head');
    step(optimizer, [[kernel, numbers(1, 12)]]);
    const { matrix } = partsOf(optimizer, kernel);
    expect(describeRoles([matrix]).rows[0]).toMatchObject({ role: 'head', reason: 'setRole' });
  });

  test('the names that tfjs-layers gives next stay free', async () => {
    const name = 'taken_by_factors';
    const build = () => modelOf(layers.dense({ name, units: 2, inputShape: [3] }));
    const model = build();
    model.compile({ optimizer: reparametrize(adam()), loss: 'meanSquaredError' });
    await train(model, 0, 1);
    const names = [1, 2, 3].map(() => build().weights[0]?.name);
    expect(names).toEqual([1, 2, 3].map((at) => `${name}/kernel_${at}`));
  });

  test('an adapter of your own that assigns variables is refused around it, at any depth, when it says so', () => {
    class Shrinking extends Passing {
      static override readonly className: string = 'TestShrinking';
      override get assignsVariables(): boolean {
        return true;
      }
    }
    const inner = reparametrize(adam());
    const clipped = withClipping(inner, { globalNorm: 1 });
    expect(() => new Shrinking(clipped)).toThrow(
      'TestShrinking: it must be inside reparametrize, which makes the variables anew in each step',
    );
    // Nothing is taken by what is refused, and inside it is fine.
    withClipping(clipped, { value: 1 });
    reparametrize(new Shrinking(adam()));
  });

  test('one that does not say so is noticed at the step', () => {
    class Silent extends Passing {
      static override readonly className: string = 'TestSilent';
      override update(entries: Parameters<Passing['update']>[0]): void {
        for (const { variable: target } of entries) target.assign(tf.mul(target, 0.5));
        super.update(entries);
      }
    }
    const kernel = variableOf([2, 2]);
    const gradient = [1, 1, 1, 1];
    const around = new Silent(reparametrize(adam({ learningRate: 0 })));
    expect(() => step(around, [[kernel, gradient]])).toThrow(
      `reparametrize: an adapter around it has assigned to "${kernel.name}" in this step, which would be lost`,
    );
    const within = reparametrize(new Silent(adam({ learningRate: 0 })));
    const before = values(kernel);
    step(within, [[kernel, gradient]]);
    // W and both factors are halved.
    expect(
      distance(
        values(kernel),
        before.map((value) => value / 8),
      ),
    ).toBeLessThan(1e-7);
  });

  test('decay around it is refused, at any depth, and takes nothing', () => {
    const inner = reparametrize(adam());
    const message = /must be inside reparametrize/;
    expect(() => withWeightDecay(inner)).toThrow(message);
    const clipped = withClipping(byRole({ matrix: inner, default: adam() }), { globalNorm: 1 });
    expect(() => withWeightDecay(clipped)).toThrow(message);
    expect(() => reparametrize(withWeightDecay(clipped))).toThrow(message);
    withClipping(clipped, { value: 1 });
  });

  test('clipping outside cuts G, inside the gradient of W alone', () => {
    const scale = [2, 1, 1, 1];
    const run = (wrap: (inner: tf.Optimizer) => tf.Optimizer, seed: number) => {
      const kernel = variableOf([1, 4], 'kernel', seed);
      const recorder = new Recorder(0);
      const optimizer = wrap(recorder);
      const own = optimizer.getClassName() === 'LrmReparametrize' ? optimizer : undefined;
      const slots = (own ?? (optimizer as never as { inner: tf.Optimizer }).inner) as never;
      step(optimizer, [[kernel, [0, 0, 0, 0]]]);
      const { matrix, row, column } = partsOf(slots, kernel);
      assign(row, scale);
      step(optimizer, [[kernel, [3, 0, 0, 4]]]);
      return [matrix, row, column].map((part) => recorder.reached.get(part) as number[]);
    };
    const w = values(variableOf([1, 4]));
    const outside = run((inner) => withClipping(reparametrize(inner), { globalNorm: 1 }), 1);
    const expect4 = (g: number[], which: readonly number[][]): void => {
      const { kernel, row, column } = byHand(w, [1, 4], { row: scale }, g);
      [kernel, row, column].forEach((value, i) => {
        if (which[i] !== undefined) expect(distance(which[i], value)).toBeLessThan(1e-5);
      });
    };
    expect4([0.6, 0, 0, 0.8], outside);
    const inside = run((inner) => reparametrize(withClipping(inner, { globalNorm: 1 })), 1);
    const [cut, ...factors] = inside as [number[], number[], number[]];
    expect(Math.hypot(...cut)).toBeCloseTo(1, 5);
    // [6, 0, 0, 4] to a norm of 1.
    expect(
      distance(
        cut,
        [6, 0, 0, 4].map((g) => g / Math.hypot(6, 4)),
      ),
    ).toBeLessThan(1e-5);
    const whole = byHand(w, [1, 4], { row: scale }, [3, 0, 0, 4]);
    expect(distance(factors[0], whole.row)).toBeLessThan(1e-5);
    expect(distance(factors[1], whole.column)).toBeLessThan(1e-5);
  });

  test('null and missing gradients change nothing; variables may come, freeze and go', async () => {
    const [a, b] = [variableOf([2, 3]), variableOf([3, 2])];
    const optimizer = reparametrize(new Probe(0.1));
    const g = numbers(1, 6);
    step(optimizer, [[a, g]]);
    const before = [values(a), values(partsOf(optimizer, a).row)];
    step(optimizer, [
      [a, null],
      [b, g],
    ]);
    step(optimizer, [[b, g]]);
    expect([values(a), values(partsOf(optimizer, a).row)]).toEqual(before);
    step(optimizer, [
      [b, g],
      [a, g],
    ]);
    expect(values(a)).not.toEqual(before[0]);

    const counts = [1, 2, 3].map(() => {
      const passing = variableOf([4, 4]);
      step(optimizer, [[passing, numbers(2, 16)]]);
      const count = tf.memory().numTensors;
      passing.dispose();
      return count;
    });
    expect(counts).toEqual(new Array(3).fill(counts[0]));
  });

  test('a kernel that is no longer selected gives up its factors and trains on by itself', () => {
    const kernel = variableOf([2, 3]);
    const probe = new Probe(0.1);
    const optimizer = reparametrize(probe);
    step(optimizer, [[kernel, numbers(1, 6)]]);
    const [held, before] = [tf.memory().numTensors, values(kernel)];
    setRole(kernel, 'head');
    step(optimizer, [[kernel, new Array(6).fill(1)]]);
    expect(optimizer.slots(kernel).size).toBe(0);
    expect(
      distance(
        values(kernel),
        before.map((w) => w - 0.1),
      ),
    ).toBeLessThan(1e-6);
    expect(tf.memory().numTensors).toBeLessThanOrEqual(held);
    setRole(kernel, 'matrix');
    step(optimizer, [[kernel, null]]);
    expect(values(partsOf(optimizer, kernel).matrix)).toEqual(values(kernel));
  });

  describe('mistakes', () => {
    const message = (action: () => unknown): string => {
      try {
        action();
      } catch (error) {
        return String(error);
      }
      return 'no error';
    };
    test('of options', () => {
      expect(message(() => reparametrize(adam(), { colum: true } as never))).toMatch(
        /RangeError: reparametrize: unknown option "colum". Did you mean "column"\?/,
      );
      expect(message(() => reparametrize(adam(), { row: 1 } as never))).toMatch(/true or false/);
      expect(message(() => reparametrize(adam(), { select: 'matrices' } as never))).toMatch(
        /"select" must be a role/,
      );
      expect(message(() => reparametrize(adam(), { row: false, column: false }))).toMatch(
        /all false/,
      );
      expect(message(() => reparametrize({} as never))).toMatch(
        /TypeError.*expected a tf.Optimizer/,
      );
      const inner = adam();
      reparametrize(inner);
      expect(message(() => reparametrize(inner))).toMatch(/already inside LrmReparametrize/);
      const twice = withClipping(reparametrize(adam()), { value: 1 });
      expect(message(() => reparametrize(twice))).toMatch(/reparametrize inside already/);
    });

    test('of selected variables, before anything changes', () => {
      const [kernel, bias] = [variableOf([2, 3]), variableOf([3], 'bias')];
      const start = values(kernel);
      const flat = reparametrize(new Probe(0.1), { select: ['matrix', 'vector'] });
      expect(
        message(() =>
          step(flat, [
            [kernel, numbers(1, 6)],
            [bias, numbers(1, 3)],
          ]),
        ),
      ).toMatch(
        /RangeError: reparametrize: it takes float32 kernels of two axes.*bias" \[3\].*Narrow/,
      );
      expect([values(kernel), flat.iterations, flat.slots(kernel).size]).toEqual([start, 0, 0]);
      const scalar = reparametrize(new Probe(0.1), {
        select: 'vector',
        row: false,
        column: false,
        scalar: true,
      });
      step(scalar, [[bias, [1, 1, 1]]]);
      expect(scalar.slots(bias).get('scalar')?.shape).toEqual([]);
      const column = reparametrize(new Probe(0.1), { select: 'vector', row: false });
      const depthwise = variableOf([1, 1, 2, 2], 'depthwise_kernel');
      expect(message(() => step(column, [[depthwise, numbers(1, 4)]]))).toMatch(/no column axis/);
    });

    test('of layers that have multipliers already', async () => {
      const model = modelOf(withMultipliers(layers.dense({ units: 2, inputShape: [3] })));
      model.compile({ optimizer: reparametrize(adam()), loss: 'meanSquaredError' });
      await expect(train(model, 0, 1)).rejects.toThrow(/has multipliers in its layer already/);
    });
  });
});
