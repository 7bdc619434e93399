import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Passing, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { noise, random, step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { asTensorOptimizer } from './index.ts';
import { nodeOf } from './kit.ts';

const SHAPES = [[2, 3], [3], []];
const STEPS = 10;

interface World {
  readonly variables: tf.Variable[];
  readonly read: () => number[][];
}

function world(shapes: number[][] = SHAPES): World {
  const next = random(7);
  const variables = shapes.map((shape) =>
    variable(noise(next, tf.util.sizeFromShape(shape)), shape),
  );
  return { variables, read: () => variables.map(values) };
}

/** The gradient of a variable at a step: the same in every world. */
function gradientAt(at: number, index: number, size: number): number[] {
  const next = random(100 * at + index + 1);
  return noise(next, size, 2).map((g) => g + Math.sign(g) * 0.1);
}

/** One step for the given indices, in that order; negative numbers are null entries (~index). */
function stepFor(
  optimizer: tf.Optimizer,
  { variables }: World,
  at: number,
  indices: number[],
): void {
  step(
    optimizer,
    indices.map((index) => {
      const target = variables[index < 0 ? ~index : index] as tf.Variable;
      return [target, index < 0 ? null : gradientAt(at, index, target.size)];
    }),
  );
}

eachBackend(() => {
  test.each(TFJS_OPTIMIZERS)(
    '%s under the contract steps as bare where bare is right: one list, nulls in place',
    (_, make) => {
      const [bare, wrapped] = [world(), world()];
      const [plain, contract] = [make(), asTensorOptimizer(make())];
      // Which gradients are null changes, the list does not.
      const lists = [
        [0, 1, 2],
        [0, ~1, 2],
        [~0, 1, 2],
        [0, 1, ~2],
        [~0, ~1, 2],
      ];
      for (let at = 0; at < STEPS; at++) {
        const list = lists[at % lists.length] as number[];
        stepFor(plain, bare, at, list);
        stepFor(contract, wrapped, at, list);
      }
      expect(bare.read().flat().every(Number.isFinite)).toBe(true);
      expect(wrapped.read()).toEqual(bare.read());
      expect(contract.iterations).toBe(plain.iterations);
    },
  );

  test.each(TFJS_OPTIMIZERS)('%s takes the map form as bare', (_, make) => {
    const [bare, wrapped] = [world(), world()];
    const [plain, contract] = [make(), asTensorOptimizer(make())];
    for (let at = 0; at < 3; at++) {
      for (const [optimizer, { variables }] of [
        [plain, bare],
        [contract, wrapped],
      ] as const) {
        tf.tidy(() => {
          const gradients = variables.map((v, i) => [
            v.name,
            tf.tensor(gradientAt(at, i, v.size), v.shape),
          ]);
          optimizer.applyGradients(Object.fromEntries(gradients));
        });
      }
    }
    expect(wrapped.read()).toEqual(bare.read());
  });

  // Two variables of one shape, of which the first misses steps by being absent from the list.
  const alternating = (at: number): number[] =>
    at % 3 === 1 ? [1] : at % 3 === 2 ? [1, 0] : [0, 1];

  // SGD has no moments. Those of tfjs' Adadelta cancel: it takes the root of both accumulators before the
  // step, which are then always equal, and steps like SGD.
  test.each(TFJS_OPTIMIZERS.filter(([name]) => name !== 'sgd' && name !== 'adadelta'))(
    '%s keeps moments with their variables when gradients come and go; bare it mixes them up',
    (_, make) => {
      const shapes = [
        [2, 3],
        [2, 3],
      ];
      const [right, wrapped, mixed] = [world(shapes), world(shapes), world(shapes)];
      const [plain, contract, naive] = [make(), asTensorOptimizer(make()), make()];
      for (let at = 0; at < STEPS; at++) {
        const present = alternating(at);
        // What bare tfjs would have to be told: every variable, always in the same order.
        stepFor(plain, right, at, [present.includes(0) ? 0 : ~0, 1]);
        stepFor(contract, wrapped, at, present);
        stepFor(naive, mixed, at, present);
      }
      expect(right.read().flat().every(Number.isFinite)).toBe(true);
      expect(wrapped.read()).toEqual(right.read());
      expect(mixed.read()).not.toEqual(right.read());
    },
  );

  test('bare Adam breaks when the set of gradients changes shape; under the contract it does not', () => {
    const [bare, wrapped] = [world(), world()];
    const [plain, contract] = [tf.train.adam(0.1), asTensorOptimizer(tf.train.adam(0.1))];
    for (const [optimizer, target] of [
      [plain, bare],
      [contract, wrapped],
    ] as const) {
      stepFor(optimizer, target, 0, [0, 1, 2]);
    }
    expect(() => stepFor(plain, bare, 1, [1, 2])).toThrow();
    expect(() => stepFor(contract, wrapped, 1, [1, 2])).not.toThrow();
  });

  test.each(TFJS_OPTIMIZERS)('%s goes on rightly after a variable was disposed', (_, make) => {
    const [alone, wrapped] = [world(), world()];
    const [plain, contract] = [make(), asTensorOptimizer(make())];
    for (let at = 0; at < STEPS; at++) {
      stepFor(plain, alone, at, at < 3 ? [0, 1] : at < 5 ? [~0, 1] : [~0, 1, 2]);
      stepFor(contract, wrapped, at, at < 3 ? [0, 1] : at < 5 ? [1] : [2, 1]);
      if (at === 2) wrapped.variables[0]!.dispose();
    }
    expect(values(wrapped.variables[1]!)).toEqual(values(alone.variables[1]!));
    expect(values(wrapped.variables[2]!)).toEqual(values(alone.variables[2]!));
  });

  test.each([
    ['sgd', []],
    ['momentum', ['momentum']],
    ['adam', ['m', 'v']],
    ['adamax', ['m', 'v']],
    ['rmsprop', ['rms', 'momentum']],
    ['centered rmsprop', ['rms', 'momentum', 'mg']],
    ['adagrad', ['accumulator']],
    ['adadelta', ['accum_grad', 'accum_var']],
  ])("the slots of tfjs' %s have their names and their variable's shape", (name, slots) => {
    const make = TFJS_OPTIMIZERS.find(([key]) => key === name)![1];
    const optimizer = asTensorOptimizer(make());
    const here = world();
    stepFor(optimizer, here, 0, [0, 1]);
    expect([...optimizer.slots(here.variables[0]!).keys()]).toEqual(slots);
    for (const slot of optimizer.slots(here.variables[1]!).values())
      expect(slot.shape).toEqual([3]);
    expect(optimizer.slots(here.variables[2]!).size).toBe(0);
    expect(nodeOf(optimizer).store.owners()).toEqual(here.variables.slice(0, 2));
  });

  test.each(TFJS_OPTIMIZERS)('disposing a wrapped %s leaves nothing behind', async (_, make) => {
    const here = world();
    const left = await tensorsLeftBy(() => {
      const optimizer = asTensorOptimizer(make());
      stepFor(optimizer, here, 0, [0, 1, 2]);
      optimizer.dispose();
    });
    expect(left).toBe(0);
  });

  test('bare Momentum leaks its cached rate when disposed: what the wrapper frees', async () => {
    expect(await tensorsLeftBy(() => tf.train.momentum(0.1, 0.9).dispose())).toBe(1);
  });

  test.each(TFJS_OPTIMIZERS)(
    'a %s that has trained by itself goes on inside an adapter as if it had stayed alone',
    (_, make) => {
      const [alone, wrapped] = [make(), make()];
      const [a, b] = [world(), world()];
      for (let at = 0; at < 2; at++) {
        stepFor(alone, a, at, [0, 1]);
        stepFor(wrapped, b, at, [0, 1]);
      }
      const adapter = new Passing(wrapped);
      for (let at = 2; at < 5; at++) {
        stepFor(alone, a, at, [0, 1]);
        stepFor(adapter, b, at, [0, 1]);
      }
      expect(b.variables.map(values)).toEqual(a.variables.map(values));
    },
  );

  test.each(TFJS_OPTIMIZERS)(
    'a %s that has trained another model starts afresh on this one, in any shapes',
    async (_, make) => {
      const [used, fresh] = [make(), make()];
      const old = [variable(new Array(12).fill(1), [4, 3]), variable([1, 1], [2])];
      step(used, [
        [old[0] as tf.Variable, new Array(12).fill(1)],
        [old[1] as tf.Variable, [1, 1]],
      ]);
      const left = await tensorsLeftBy(() => tf.dispose(old));
      expect(left).toBe(-2);
      const [adapter, other] = [new Passing(used), new Passing(fresh)];
      const [a, b] = [variable([1, 2, 3], [3]), variable([1, 2, 3], [3])];
      const slotsOf = (target: tf.Variable, optimizer: Passing): number[][] =>
        [...optimizer.inner.slots(target).values()].map(values);
      step(adapter, [[a, [1, 2, 3]]]);
      step(other, [[b, [1, 2, 3]]]);
      expect(slotsOf(a, adapter)).toEqual(slotsOf(b, other));
    },
  );
});
