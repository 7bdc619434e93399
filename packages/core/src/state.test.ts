import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { Factor, Passing, Probe } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { asTensorOptimizer, byRole, setRole } from './index.ts';

type Weights = Awaited<ReturnType<tf.Optimizer['getWeights']>>;

const names = (weights: Weights): string[] => weights.map(({ name }) => name);
const numbers = (weights: Weights): Record<string, number[]> =>
  Object.fromEntries(weights.map(({ name, tensor }) => [name, values(tensor)]));
/** Copies that outlive the optimizer: what a file holds. */
const copied = (weights: Weights): Weights =>
  weights.map(({ name, tensor }) => ({
    name,
    tensor: tf.tensor(tensor.dataSync().slice(), tensor.shape, tensor.dtype),
  }));

onCpu(() => {
  test('the saved format: iter first and bare, then path, variable and slot', async () => {
    const kernel = tf.variable(tf.ones([2, 1]), true, 'format/kernel_1');
    const bias = tf.variable(tf.ones([1]), true, 'format/bias');
    const optimizer = new Passing(
      byRole({ matrix: new Factor(new Probe(1), 1), default: tf.train.adam(1) }),
    );
    step(optimizer, [
      [kernel, [1, 1]],
      [bias, [1]],
    ]);
    const weights = await optimizer.getWeights();
    expect(names(weights)).toEqual([
      'iter',
      'testPassing:byRole/iter',
      'testPassing:byRole:matrix:testFactor/iter',
      'testPassing:byRole:matrix:testFactor:testProbe/iter',
      'testPassing:byRole:matrix:testFactor:testProbe/format/kernel/momentum',
      'testPassing:byRole:default:Adam/iter',
      'testPassing:byRole:default:Adam/accBeta1',
      'testPassing:byRole:default:Adam/accBeta2',
      'testPassing:byRole:default:Adam/format/bias/m',
      'testPassing:byRole:default:Adam/format/bias/v',
    ]);
    for (const { name, tensor } of weights) {
      if (name.endsWith('iter')) expect([tensor.dtype, values(tensor)]).toEqual(['int32', [1]]);
    }
    tf.dispose([kernel, bias]);
  });

  test('variables of one name get #2 in the order in which they were first seen; unnamed ones a name', async () => {
    const first = tf.variable(tf.zeros([1]), true, 'twins/w');
    const second = tf.variable(tf.zeros([1]), true, 'twins/w_1');
    const unnamed = [tf.variable(tf.zeros([1])), tf.variable(tf.zeros([2]))];
    const optimizer = new Probe(1);
    step(optimizer, [
      [second, [1]],
      [first, [1]],
      ...unnamed.map((v) => [v, new Array(v.size).fill(1)] as const),
    ]);
    expect(names(await optimizer.getWeights()).slice(1)).toEqual([
      'testProbe/twins/w/momentum',
      'testProbe/twins/w#2/momentum',
      'testProbe/variable/momentum',
      'testProbe/variable#2/momentum',
    ]);
    tf.dispose([first, second, unnamed]);
  });

  test('before the first step there is iter alone', async () => {
    expect(numbers(await new Probe(1).getWeights())).toEqual({ iter: [0] });
    expect(names(await new Passing(new Probe(1)).getWeights())).toEqual([
      'iter',
      'testPassing:testProbe/iter',
    ]);
  });

  test('getWeights again and again leaks nothing and gives the same live variables', async () => {
    const target = variable([1], [1]);
    setRole(target, 'head');
    for (const inner of [new Probe(1), tf.train.adam(1)]) {
      const optimizer = new Passing(inner);
      step(optimizer, [[target, [1]]]);
      const before = await optimizer.getWeights();
      expect(await tensorsLeftBy(() => optimizer.getWeights())).toBe(0);
      step(optimizer, [[target, [1]]]);
      const after = await optimizer.getWeights();
      expect(after.map(({ tensor }) => tensor)).toEqual(before.map(({ tensor }) => tensor));
      expect(values(before[0]!.tensor)).toEqual([2]);
    }
  });

  test('bare Adam leaks a scalar each time: what tfjs does', async () => {
    const adam = tf.train.adam(1);
    expect(await tensorsLeftBy(() => adam.getWeights())).toBe(1);
  });

  test('setWeights copies, so that the given tensors may be disposed, and replaces without a leak', async () => {
    const target = variable([1], [1]);
    for (const make of [(): tf.Optimizer => new Probe(1), () => tf.train.adam(1)]) {
      const [trained, restored] = [new Passing(make()), new Passing(make())];
      step(trained, [[target, [1]]]);
      step(restored, [[target, [1]]]);
      await restored.getWeights();
      const saved = copied(await trained.getWeights());
      const left = await tensorsLeftBy(async () => {
        for (let i = 0; i < 3; i++) {
          await restored.setWeights(saved);
          step(restored, [[target, null]]);
        }
      });
      expect(left).toBe(0);
      tf.dispose(saved.map(({ tensor }) => tensor));
      await expect(restored.getWeights().then(numbers)).resolves.toBeTruthy();
    }
  });

  test("state of one's own can be set again", async () => {
    const target = variable([1, 2], [2]);
    const optimizer = new Passing(tf.train.adam(1));
    step(optimizer, [[target, [1, -2]]]);
    const before = numbers(await optimizer.getWeights());
    await optimizer.setWeights(await optimizer.getWeights());
    expect(numbers(await optimizer.getWeights())).toEqual(before);
  });

  const wrong: [string, (saved: Weights) => Weights, RegExp][] = [
    [
      'without iter',
      (saved) => saved.slice(1),
      /TestPassing.setWeights: the state has no "iter"\. Pass what/,
    ],
    ['empty', () => [], /the state has no "iter"/],
    [
      'of another optimizer',
      (saved) => [...saved, { name: 'adam/x/m', tensor: tf.scalar(1) }],
      /"adam\/x\/m" belongs to none of the optimizers here \(testPassing, testPassing:.*\)\. It was saved by another/,
    ],
    [
      'with a bare name',
      (saved) => [...saved, { name: 'kernel', tensor: tf.scalar(1) }],
      /"kernel" belongs to none of the optimizers here/,
    ],
    [
      'with a fractional step count',
      (saved) => [{ name: 'iter', tensor: tf.scalar(1.5) }, ...saved.slice(1)],
      /"iter" must hold a whole number of steps\. Received 1\.5\./,
    ],
    [
      'with a negative step count',
      (saved) => [{ name: 'iter', tensor: tf.scalar(-1, 'int32') }, ...saved.slice(1)],
      /"iter" must hold a whole number of steps\. Received -1\./,
    ],
    [
      'with an unknown role',
      (saved) => [...saved, { name: 'roles/x', tensor: tf.scalar(99, 'int32') }],
      /"roles\/x" holds no known role/,
    ],
  ];
  test.each(wrong)(
    'state %s is refused, and the state before stays and works',
    async (_, change, message) => {
      for (const make of [(): tf.Optimizer => new Probe(1), () => tf.train.momentum(1, 0.5)]) {
        const target = variable([0], [1]);
        const optimizer = new Passing(make());
        step(optimizer, [[target, [1]]]);
        const before = numbers(await optimizer.getWeights());
        const saved = change(await optimizer.getWeights());
        const left = await tensorsLeftBy(async () => {
          await expect(optimizer.setWeights(saved)).rejects.toThrow(message);
        });
        expect(left).toBe(0);
        expect(numbers(await optimizer.getWeights())).toEqual(before);
        step(optimizer, [[target, [1]]]);
        expect(values(target)).toEqual([-2.5]);
      }
    },
  );

  test('state that waits to be bound is saved as it came', async () => {
    const [a, b] = [variable([1], [1], 'a'), variable([1, 1], [2, 1], 'b')];
    setRole(b, 'head');
    const make = (): Passing =>
      new Passing(byRole({ head: tf.train.adam(1), default: new Probe(1) }));
    const [trained, restored] = [make(), make()];
    for (let i = 0; i < 2; i++) {
      step(trained, [
        [a, [1]],
        [b, [1, 2]],
      ]);
    }
    const saved = numbers(await trained.getWeights());
    await restored.setWeights(await trained.getWeights());
    expect(restored.iterations).toBe(2);
    expect(asTensorOptimizer(restored.inner).iterations).toBe(2);
    expect(numbers(await restored.getWeights())).toEqual(saved);
    const again = make();
    await again.setWeights(await restored.getWeights());
    expect(numbers(await again.getWeights())).toEqual(saved);
  });

  test('an optimizer with two roles keeps one state, and one configuration', async () => {
    const both = tf.train.momentum(1, 0.5);
    const optimizer = byRole({ matrix: both, vector: both, default: new Probe(1) });
    const [a, b] = [variable([0], [1], 'a'), variable([0, 0], [2, 1], 'b')];
    const gradients = [
      [a, [1]],
      [b, [1, 1]],
    ] as const;
    step(optimizer, gradients);
    const config = JSON.parse(JSON.stringify(optimizer.getConfig()));
    const [cls, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap.LrmByRole!;
    const restored = fromConfig(cls, config) as unknown as tf.Optimizer;
    await restored.setWeights(await optimizer.getWeights());
    step(restored, gradients);
    expect([...values(a), ...values(b)]).toEqual([-2.5, -2.5, -2.5]);
    expect(names(await restored.getWeights())).toEqual(names(await optimizer.getWeights()));
  });
});
