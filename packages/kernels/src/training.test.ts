import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Backend, useBackend } from '../../../test/backends.ts';
import {
  expectClose,
  noise,
  random,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

const randomTensor = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

/** The same computation on cpu and on wasm. */
async function onBoth<T>(compute: () => T): Promise<{ cpu: T; wasm: T }> {
  const on = async (backend: Backend) => {
    await useBackend(backend);
    return compute();
  };
  return { cpu: await on('cpu'), wasm: await on('wasm') };
}

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterAll(disableTraining);

describe('gradients equal those of the cpu backend', () => {
  const side = fc.constantFrom(1, 2, 5, 8, 17, 48, 49, 64);

  test('of products', async () => {
    const cases = fc.sample(
      fc.tuple(side, side, side, fc.boolean(), fc.boolean(), fc.constantFrom([], [3]), fc.nat()),
      { numRuns: 120, seed: 1 },
    );
    const { cpu, wasm } = await onBoth(() =>
      cases.map(([m, k, n, ta, tb, outer, seed]) =>
        tf.tidy(() => {
          const a = randomTensor([...outer, ...(ta ? [k, m] : [m, k])], seed);
          const b = randomTensor([...outer, ...(tb ? [n, k] : [k, n])], seed + 1);
          const weights = randomTensor([...outer, m, n], seed + 2);
          const loss = (x: tf.Tensor, y: tf.Tensor) =>
            tf.sum(tf.mul(weights, tf.matMul(x, y, ta, tb)));
          return tf
            .grads(loss as never)([a, b])
            .map(values);
        }),
      ),
    );
    for (const [i, [ofA, ofB]] of cpu.entries()) {
      expectClose(wasm[i]![0]!, ofA!, 1e-5, 1);
      expectClose(wasm[i]![1]!, ofB!, 1e-5, 1);
    }
  });

  test('of gather, along any axis and by ids of any rank', async () => {
    const cases = fc.sample(
      fc.record({
        shape: fc.array(fc.constantFrom(1, 2, 4, 7), { minLength: 1, maxLength: 4 }),
        idShape: fc.array(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 3 }),
        axis: fc.nat(),
        seed: fc.nat(),
      }),
      { numRuns: 120, seed: 2 },
    );
    const { cpu, wasm } = await onBoth(() =>
      cases.map(({ shape, idShape, axis: anyAxis, seed }) =>
        tf.tidy(() => {
          const axis = anyAxis % shape.length;
          const next = random(seed);
          const x = randomTensor(shape, seed);
          const count = tf.util.sizeFromShape(idShape);
          const ids = Array.from({ length: count }, () => Math.floor(next() * shape[axis]!));
          const indices = tf.tensor(ids, idShape, 'int32');
          const outShape = [...shape.slice(0, axis), ...idShape, ...shape.slice(axis + 1)];
          const weights = randomTensor(outShape, seed + 1);
          return values(tf.grad((t) => tf.sum(tf.mul(weights, tf.gather(t, indices, axis))))(x));
        }),
      ),
    );
    for (const [i, gradient] of cpu.entries()) expectClose(wasm[i]!, gradient, 1e-5, 1);
  });

  test('of segment sums', async () => {
    const { cpu, wasm } = await onBoth(() =>
      tf.tidy(() => {
        const ids = tf.tensor1d([2, 0, -1, 2, 1], 'int32');
        const weights = randomTensor([3, 4], 1);
        const loss = (x: tf.Tensor) => tf.sum(tf.mul(weights, tf.unsortedSegmentSum(x, ids, 3)));
        return values(tf.grad(loss)(randomTensor([5, 4], 2)));
      }),
    );
    expect(wasm).toEqual(cpu);
  });
});

test('gradients of products equal differences of the loss', async () => {
  await useBackend('wasm');
  const side = fc.constantFrom(1, 3, 8, 17, 40);
  fc.assert(
    fc.property(side, side, side, fc.boolean(), fc.boolean(), fc.nat(), (m, k, n, ta, tb, seed) => {
      tf.tidy(() => {
        const a = randomTensor(ta ? [k, m] : [m, k], seed);
        const b = randomTensor(tb ? [n, k] : [k, n], seed + 1);
        const direction = randomTensor(a.shape, seed + 2);
        const loss = (x: tf.Tensor) => tf.sum(tf.square(tf.matMul(x, b, ta, tb)));
        const slope = values(tf.sum(tf.mul(tf.grad(loss)(a), direction)))[0]!;
        // The loss is quadratic, so a central difference is exact but for rounding, which goes by the
        // size of the loss.
        const [up, down] = [loss(tf.add(a, direction)), loss(tf.sub(a, direction))].map(values);
        expect(Math.abs(slope - (up![0]! - down![0]!) / 2)).toBeLessThan(
          1e-5 * (up![0]! + down![0]!),
        );
      });
    }),
    { numRuns: 100, seed: 3 },
  );
});

describe('training', () => {
  test('20 steps of a perceptron end in the weights that cpu ends in', async () => {
    const { cpu, wasm } = await onBoth(() => {
      const next = random(1);
      const make = (...shape: number[]) => variable(noise(next, shape[0]! * shape[1]!, 0.3), shape);
      const [w1, b1, w2] = [make(20, 48), make(1, 48), make(48, 3)];
      const x = randomTensor([64, 20], 2);
      const y = randomTensor([64, 3], 3);
      const optimizer = tf.train.sgd(0.1);
      const losses = Array.from({ length: 20 }, () =>
        tf.tidy(() => {
          const { value, grads } = tf.variableGrads(() => {
            const hidden = tf.tanh(tf.add(tf.matMul(x, w1), b1));
            return tf.mean(tf.squaredDifference(tf.matMul(hidden, w2), y)) as tf.Scalar;
          });
          optimizer.applyGradients(grads);
          return values(value)[0]!;
        }),
      );
      const trained = [losses, ...[w1, b1, w2].map(values)];
      tf.dispose([w1, b1, w2, x, y]);
      optimizer.dispose();
      return trained;
    });
    expect(wasm[0]![19]!).toBeLessThan(wasm[0]![0]!);
    for (const [i, expected] of cpu.entries()) expectClose(wasm[i]!, expected, 1e-5);
  });

  // Causal attention over an embedding: transposed, batched and gathered operands together.
  const attentionStep = (
    table: tf.Variable,
    out: tf.Variable,
    ids: tf.Tensor,
    targets: tf.Tensor,
  ) =>
    tf.variableGrads(() => {
      const x = tf.gather(table, tf.cast(ids, 'int32')); // [batch, time, model]
      const split = tf.transpose(tf.reshape(x, [4, 16, 2, 8]), [0, 2, 1, 3]); // [batch, heads, time, headDim]
      const scores = tf.softmax(tf.mul(tf.matMul(split, split, false, true), 8 ** -0.5));
      const mixed = tf.reshape(tf.transpose(tf.matMul(scores, split), [0, 2, 1, 3]), [64, 16]);
      const logits = tf.matMul(mixed, out);
      return tf.losses.softmaxCrossEntropy(targets, logits) as tf.Scalar;
    });

  test('20 steps of an embedding with attention end in the weights that cpu ends in', async () => {
    const { cpu, wasm } = await onBoth(() => {
      const next = random(4);
      const table = variable(noise(next, 30 * 16), [30, 16]);
      const out = variable(noise(next, 16 * 30, 0.3), [16, 30]);
      const tokens = (seed: number) => {
        const draw = random(seed);
        return tf.tensor(
          Array.from({ length: 64 }, () => Math.floor(draw() * 30)),
          [4, 16],
          'int32',
        );
      };
      const ids = tokens(5);
      const targets = tf.tidy(() => tf.cast(tf.oneHot(tf.reshape(tokens(6), [64]), 30), 'float32'));
      const optimizer = tf.train.sgd(0.5);
      const losses = Array.from({ length: 20 }, () =>
        tf.tidy(() => {
          const { value, grads } = attentionStep(table, out, ids, targets);
          optimizer.applyGradients(grads);
          return values(value)[0]!;
        }),
      );
      const trained = [losses, values(table), values(out)];
      tf.dispose([table, out, ids, targets]);
      optimizer.dispose();
      return trained;
    });
    expect(wasm[0]![19]!).toBeLessThan(wasm[0]![0]!);
    for (const [i, expected] of cpu.entries()) expectClose(wasm[i]!, expected, 1e-5);
  });

  test('model.fit trains an Embedding layer, which stock tfjs cannot', async () => {
    await useBackend('wasm');
    const train = () => {
      const model = sequential({
        layers: [
          layers.embedding({ inputDim: 7, outputDim: 4, inputLength: 3 }),
          layers.flatten(),
          layers.dense({ units: 2 }),
        ],
      });
      model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
      const x = tf.tensor2d([
        [0, 1, 2],
        [6, 5, 0],
        [1, 1, 1],
      ]);
      return model.fit(x, tf.ones([3, 2]), { epochs: 5, verbose: 0 });
    };
    const { history } = await train();
    expect(history.loss![4]).toBeLessThan(history.loss![0] as number);
    disableTraining();
    await expect(train()).rejects.toThrow("Kernel 'UnsortedSegmentSum' not registered");
  });

  test('a step of training leaves no tensor', async () => {
    await useBackend('wasm');
    const [table, w] = [
      variable(noise(random(1), 40), [10, 4]),
      variable(noise(random(2), 12), [4, 3]),
    ];
    const step = () => {
      const { value, grads } = tf.variableGrads(() => {
        const x = tf.gather(
          table,
          tf.tensor2d(
            [
              [1, 2],
              [3, 9],
            ],
            [2, 2],
            'int32',
          ),
        );
        return tf.mean(tf.matMul(tf.reshape(x, [4, 4]), w)) as tf.Scalar;
      });
      tf.dispose([value, grads]);
    };
    step();
    expect(await tensorsLeftBy(() => Array.from({ length: 200 }, step))).toBe(0);
  });
});
