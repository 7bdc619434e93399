import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Passing, Probe } from '../../../test/optimizers.ts';
import { expectClose, values, variable } from '../../../test/tensors.ts';

/** A gradient of ones. */
const ones = (v: tf.Variable): tf.Tensor => tf.ones(v.shape);

eachBackend(() => {
  test('a map and a list of gradients make the same step', () => {
    const [a, b] = [variable([1, 2], [2], 'a'), variable([1, 2], [2], 'b')];
    const [mapped, listed] = [new Probe(0.1), new Probe(0.1)];
    tf.tidy(() => {
      mapped.applyGradients({ [a.name]: ones(a) });
      listed.applyGradients([{ name: b.name, tensor: ones(b) }]);
    });
    expectClose(values(a), [0.9, 1.9], 1e-6);
    expect(values(b)).toEqual(values(a));
  });

  test('missing, null and undefined gradients change nothing and reach every optimizer as null', () => {
    const list = ['x', 'y', 'z'].map((name) => variable([1], [1], name));
    const probe = new Probe(1);
    const optimizer = new Passing(probe);
    const gradients = [ones(list[0]!), null, undefined] as tf.Tensor[];
    optimizer.applyGradients(list.map(({ name }, i) => ({ name, tensor: gradients[i]! })));
    expect(probe.seen.map(({ variable: v }) => v)).toEqual(list);
    expect(probe.seen.map(({ gradient }) => gradient === null)).toEqual([false, true, true]);
    expect(list.map((v) => values(v)[0])).toEqual([0, 1, 1]);

    const map = { [list[1]!.name]: null, [list[0]!.name]: ones(list[0]!) };
    optimizer.applyGradients(map as unknown as tf.NamedTensorMap);
    expect(probe.seen.map(({ variable: v }) => v)).toEqual([list[1], list[0]]);
    expect(probe.seen[0]!.gradient).toBeNull();
    expect(values(list[1]!)).toEqual([1]);
  });

  test('minimize with and without a list of variables hands over both forms', () => {
    const [a, b] = [variable([3], [], 'a'), variable([5], [], 'b')];
    const optimizer = new Probe(0.25);
    const loss = (): tf.Scalar => tf.square(a) as tf.Scalar;
    optimizer.minimize(loss, false, [a, b]);
    expect(optimizer.seen.map(({ gradient }) => gradient === null)).toEqual([false, true]);
    expect(values(a)).toEqual([1.5]);
    const cost = optimizer.minimize(loss, true) as tf.Scalar;
    expect(values(cost)).toEqual([2.25]);
    // In the map that tf.variableGrads returns, unconnected variables are absent.
    expect(optimizer.seen.map(({ variable: v }) => v)).toEqual([a]);
    expect(values(b)).toEqual([5]);
    cost.dispose();
  });

  test('an empty step counts and changes nothing', () => {
    const optimizer = new Probe(1);
    optimizer.applyGradients([]);
    optimizer.applyGradients({});
    expect(optimizer.iterations).toBe(2);
  });

  test.each([
    [
      'a name of no variable',
      (v: tf.Variable) => [
        { name: v.name, tensor: ones(v) },
        { name: 'nobody', tensor: ones(v) },
      ],
      /TestPassing.applyGradients: no variable is named "nobody"\. Use the names of live variables/,
    ],
    [
      'a name inherited by every object',
      (v: tf.Variable) => [{ name: 'toString', tensor: ones(v) }],
      /no variable is named "toString"/,
    ],
    [
      'a name given twice',
      (v: tf.Variable) => [
        { name: v.name, tensor: ones(v) },
        { name: v.name, tensor: ones(v) },
      ],
      /"test\d+\/w" is given twice\. Give one gradient a variable\./,
    ],
    [
      'a gradient of another shape',
      (v: tf.Variable) => [{ name: v.name, tensor: tf.ones([3, 1]) }],
      /the gradient of "test\d+\/w" must have the variable's shape \[2\]\. Received \[3, 1\]\./,
    ],
  ] as const)('%s is refused before anything changed', (_, gradients, message) => {
    const target = variable([1, 2], [2]);
    const probe = new Probe(0.1);
    const optimizer = new Passing(probe);
    tf.tidy(() => {
      expect(() => optimizer.applyGradients([...gradients(target)])).toThrow(message);
    });
    expect(values(target)).toEqual([1, 2]);
    expect([optimizer.iterations, probe.iterations, probe.calls.length]).toEqual([0, 0, 0]);
    expect(probe.slots(target).size).toBe(0);
  });

  test('the names of disposed variables are names of no variable', () => {
    const target = variable([1], [1]);
    target.dispose();
    expect(() =>
      new Probe(0.1).applyGradients([{ name: target.name, tensor: tf.ones([1]) }]),
    ).toThrow(/no variable is named/);
  });
});
