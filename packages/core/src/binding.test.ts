import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { Passing, Probe } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { asTensorOptimizer, bindState, findOptimizer } from './index.ts';

/** The momentum of a variable, of ours and of tfjs' optimizers alike. */
function momentum(optimizer: Passing, target: tf.Variable): number | undefined {
  const slot = asTensorOptimizer(optimizer.inner).slots(target).get('momentum');
  return slot === undefined ? undefined : values(slot)[0];
}

let made = 0;
/** A fresh variable of a name; tfjs itself refuses names that live. */
function named(name: string, shape: number[] = [1]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.zeros(shape), true, name));
}
const scope = (): string => {
  made += 1;
  return `binding${made}`;
};
const full = (target: tf.Variable, value: number): number[] => new Array(target.size).fill(value);
const each = (targets: tf.Variable[], first: number) =>
  targets.map((target, i) => [target, full(target, first + i)] as const);

const INNER: [string, () => tf.Optimizer][] = [
  ['ours', () => new Probe(1)],
  ["tfjs'", () => tf.train.momentum(1, 0.5)],
];

onCpu(() => {
  /** State with momentum 1, 2, … for the given variables, taken by a new optimizer. */
  async function restoredFrom(targets: tf.Variable[], make: () => tf.Optimizer): Promise<Passing> {
    const [trained, restored] = [new Passing(make()), new Passing(make())];
    step(trained, each(targets, 1));
    await restored.setWeights(await trained.getWeights());
    trained.dispose();
    return restored;
  }

  /** Variables are bound at a step that itself changes no moment. */
  const touch = (optimizer: Passing, targets: tf.Variable[]): void =>
    step(
      optimizer,
      targets.map((target) => [target, null]),
    );

  test.each(INNER)(
    'state of %s is bound by name, whatever the order of the variables',
    async (_, make) => {
      const at = scope();
      const targets = ['a', 'b', 'c'].map((name) => named(`${at}/${name}`));
      const restored = await restoredFrom(targets, make);
      touch(restored, targets.toReversed());
      expect(targets.map((target) => momentum(restored, target))).toEqual([1, 2, 3]);
    },
  );

  test.each(INNER)(
    "state of %s is bound without the suffix that the process' second model has",
    async (_, make) => {
      const at = scope();
      const first = ['a', 'b'].map((name) => named(`${at}/${name}`));
      const second = ['b', 'a'].map((name) => named(`${at}/${name}_1`));
      const restored = await restoredFrom(first, make);
      touch(restored, second);
      expect(second.map((target) => momentum(restored, target))).toEqual([2, 1]);
    },
  );

  test.each(INNER)(
    'state of %s is bound by order and shape when no name matches',
    async (_, make) => {
      const shapes = [[2], [1, 1], []];
      const [old, fresh] = [scope(), scope()];
      const before = shapes.map((shape, i) => named(`${old}/x${i}x`, shape));
      const after = shapes.map((shape, i) => named(`${fresh}/y${i}y`, shape));
      const restored = await restoredFrom(before, make);
      touch(restored, after);
      expect(after.map((target) => momentum(restored, target))).toEqual([1, 2, 3]);
    },
  );

  test.each(INNER)(
    'the order is that of the variables, also where one of %s got its first gradient late',
    async (_, make) => {
      const [old, fresh] = [scope(), scope()];
      const before = ['a', 'b'].map((name) => named(`${old}/x${name}`));
      const after = ['c', 'd'].map((name) => named(`${fresh}/y${name}`));
      const [trained, restored] = [new Passing(make()), new Passing(make())];
      step(trained, [
        [before[0]!, null],
        [before[1]!, [2]],
      ]);
      step(trained, [
        [before[0]!, [1]],
        [before[1]!, null],
      ]);
      await restored.setWeights(await trained.getWeights());
      touch(restored, after);
      expect(after.map((target) => momentum(restored, target))).toEqual([1, 2]);
    },
  );

  test.each(INNER)(
    'unnamed variables are bound by order, whatever their numbers',
    async (_, make) => {
      const unnamed = (): tf.Variable[] =>
        [0, 1].map(() => tf.tidy(() => tf.variable(tf.zeros([1]))));
      const restored = await restoredFrom(unnamed(), make);
      const fresh = unnamed();
      touch(restored, fresh);
      expect(fresh.map((target) => momentum(restored, target))).toEqual([1, 2]);
    },
  );

  test.each(INNER)('two models under one optimizer of %s keep their own state', async (_, make) => {
    const at = scope();
    const first = [named(`${at}/w`)];
    const second = [named(`${at}/w_1`)];
    const restored = await restoredFrom([...first, ...second], make);
    const [one, two] = [[named(`${at}/w_2`)], [named(`${at}/w_3`)]];
    // One model at a time: the other's state must wait, through any number of steps.
    for (let i = 0; i < 3; i++) touch(restored, one);
    expect(momentum(restored, one[0]!)).toBe(1);
    step(restored, [[one[0]!, [1]]]);
    touch(restored, two);
    expect([momentum(restored, one[0]!), momentum(restored, two[0]!)]).toEqual([1.5, 2]);
  });

  test.each(INNER)(
    'what has been bound is saved together with what still waits',
    async (_, make) => {
      const at = scope();
      const targets = ['a', 'b'].map((name) => named(`${at}/${name}`));
      const restored = await restoredFrom(targets, make);
      step(restored, [[targets[0]!, [1]]]);
      const slots = (await restored.getWeights()).filter(({ name }) => name.endsWith('momentum'));
      expect(slots.map(({ name, tensor }) => [name.split('/').at(-2), values(tensor)[0]])).toEqual([
        ['a', 1.5],
        ['b', 2],
      ]);
      const again = new Passing(make());
      await again.setWeights(await restored.getWeights());
      touch(again, targets);
      expect(targets.map((target) => momentum(again, target))).toEqual([1.5, 2]);
    },
  );

  test('powers of beta go on when a part of the state is bound later', async () => {
    const at = scope();
    const [a, b] = ['a', 'b'].map((name) => named(`${at}/${name}`)) as [tf.Variable, tf.Variable];
    const make = (): Passing => new Passing(tf.train.adam(1, 0.5, 0.25));
    const [whole, parts] = [make(), make()];
    step(whole, each([a, b], 1));
    await parts.setWeights(await whole.getWeights());
    const powers = async (optimizer: Passing): Promise<number[]> =>
      (await optimizer.getWeights())
        .filter(({ name }) => name.includes('accBeta'))
        .flatMap(({ tensor }) => values(tensor));
    expect(await powers(parts)).toEqual([0.25, 0.0625]);
    touch(parts, [a]);
    touch(parts, [a]);
    expect(await powers(parts)).toEqual([0.0625, 0.00390625]);
    touch(parts, [a, b]);
    expect(await powers(parts)).toEqual([0.03125, 0.0009765625]);
    // One step saved and three taken; what binding asks of tfjs is no step.
    expect(findOptimizer(parts, 'Adam')!.iterations).toBe(4);
    expect([...asTensorOptimizer(parts.inner).slots(b).values()].map((v) => values(v)[0])).toEqual([
      1, 3,
    ]);
  });

  test.each(INNER)(
    'a variable that comes after the first step starts afresh, beside waiting state',
    async (_, make) => {
      const at = scope();
      const targets = ['a', 'b'].map((name) => named(`${at}/${name}`));
      const restored = await restoredFrom(targets, make);
      touch(restored, [targets[0]!]);
      const late = named(`${at}/late`);
      step(restored, [[late, [7]]]);
      expect(momentum(restored, late)).toBe(7);
      touch(restored, targets);
      expect(momentum(restored, targets[1]!)).toBe(2);
    },
  );

  test.each(INNER)(
    'state of %s that does not fit is an error that changes nothing and can be mended',
    async (_, make) => {
      const at = scope();
      const saved = [named(`${at}/w`, [2]), named(`${at}/v`, [1])];
      const restored = await restoredFrom(saved, make);
      tf.dispose(saved);
      const other = [named(`${at}/w`, [3]), named(`${at}/v`, [1])];
      const steps = restored.iterations;
      const left = await tensorsLeftBy(() => {
        expect(() => touch(restored, other)).toThrow(
          /^TestPassing \(testPassing:\w+\): saved state has other shapes: "binding\d+\/w" was saved with momentum \[2\], the variable is \[3\]\./,
        );
        expect(() => touch(restored, [named(`${at}/x`, [3]), other[1]!])).toThrow(
          /saved state and variables do not match by name, nor by order and shape\. Saved, unmatched: binding\d+\/w \[2\]\. Variables, unmatched: binding\d+\/x \[3\]\. Try bindState/,
        );
      });
      expect(left).toBe(1); // the variable x
      expect(restored.iterations).toBe(steps);
      tf.dispose(other);
      // The steps that failed are forgotten: their variables take no names away.
      const right = [named(`${at}/w`, [2]), named(`${at}/v`, [1])];
      touch(restored, right);
      expect(right.map((target) => momentum(restored, target))).toEqual([1, 2]);
    },
  );

  test.each(INNER)("a scalar does not take a vector's state", async (_, make) => {
    const at = scope();
    const vector = named(`${at}/w`, [2]);
    const restored = await restoredFrom([vector], make);
    vector.dispose();
    expect(() => touch(restored, [named(`${at}/w`, [])])).toThrow(/saved state has other shapes/);
  });

  test.each(INNER)(
    'bindState binds %s at once, by the names that the file has',
    async (_, make) => {
      const model = smallModel();
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      const restored = await restoredFrom(variables, make);
      const second = smallModel();
      const targets = second.trainableWeights.map((weight) => weight.read() as tf.Variable);
      expect(targets[0]!.name).not.toBe(second.trainableWeights[0]!.originalName);
      bindState(restored, second);
      expect(targets.map((target) => momentum(restored, target))).toEqual([1, 2, 3, 4]);
      expect(variables.map((target) => momentum(restored, target))).toEqual(
        variables.map(() => undefined),
      );
      bindState(restored, model);
      expect(targets.map((target) => momentum(restored, target))).toEqual([1, 2, 3, 4]);
      tf.dispose([model.weights.map((w) => w.read()), targets]);
    },
  );

  test.each(INNER)(
    'what bindState has bound in %s takes no part when the rest is bound by order',
    async (_, make) => {
      const [old, fresh] = [scope(), scope()];
      const model = smallModel();
      const kernel = model.trainableWeights[0]!.read() as tf.Variable;
      const restored = await restoredFrom([kernel, named(`${old}/a`), named(`${old}/b`)], make);
      bindState(restored, model);
      const others = ['y', 'z'].map((name) => named(`${fresh}/${name}`));
      touch(restored, [kernel, ...others]);
      expect([kernel, ...others].map((target) => momentum(restored, target))).toEqual([1, 2, 3]);
    },
  );

  test.each(INNER)(
    'a new head leaves the state of the rest of %s in place, whether its name or its shape is new',
    async (_, make) => {
      for (const [name, units] of [
        ['out', 5],
        ['other', 2],
      ] as const) {
        const before = [named('hidden/kernel_901', [3, 4]), named('out/kernel_901', [4, 2])];
        const restored = await restoredFrom(before, make);
        tf.dispose(before);
        const model = layers.sequential();
        model.add(
          layers.layers.dense({ name: 'hidden', units: 4, inputShape: [3], useBias: false }),
        );
        model.add(layers.layers.dense({ name, units, useBias: false }));
        const targets = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
        expect(bindState(restored, model, { strict: false })).toEqual(['out/kernel']);
        touch(restored, targets);
        expect(targets.map((target) => momentum(restored, target) || undefined)).toEqual([
          1,
          undefined,
        ]);
        model.dispose();
      }
    },
  );

  test.each(INNER)(
    'where some names match, state of %s is not taken by order for a layer of another name',
    async (_, make) => {
      const [old, fresh] = [scope(), scope()];
      const body = named(`${old}/body`);
      const restored = await restoredFrom([body, named(`${old}/head`)], make);
      expect(() => touch(restored, [body, named(`${fresh}/top`)])).toThrow(
        /do not match by name, nor by order and shape.*strict: false/,
      );
      touch(restored, [body, named(`${fresh}/head`)]);
      expect(momentum(restored, body)).toBe(1);
    },
  );

  test('bindState refuses an unknown option', () => {
    const wrong = { strickt: false } as object;
    expect(() => bindState(new Probe(1), smallModel(), wrong)).toThrow(
      /bindState: unknown option "strickt"\. Did you mean "strict"\?/,
    );
  });

  test('bindState leaves what it does not find waiting, and refuses other shapes', async () => {
    const at = scope();
    const elsewhere = named(`${at}/w`);
    const restored = await restoredFrom([elsewhere], () => new Probe(1));
    bindState(restored, smallModel());
    touch(restored, [elsewhere]);
    expect(momentum(restored, elsewhere)).toBe(1);
    const wrong = await restoredFrom([named('hidden/kernel_999', [7, 7])], () => new Probe(1));
    expect(() => bindState(wrong, smallModel())).toThrow(
      /saved state has other shapes: "hidden\/kernel" was saved with momentum \[7, 7\], the variable is \[3, 4\]/,
    );
  });
});
