import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, random, step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { adam } from './index.ts';

// Around the size up to which variables are packed, 2048, and small ones of every rank.
const SHAPES = [[], [1], [7], [3, 2], [2, 3, 4], [2, 2, 2, 2], [2048], [32, 64], [2049], [41, 50]];

function world(): tf.Variable[] {
  const next = random(5);
  return SHAPES.map((shape) => variable(noise(next, tf.util.sizeFromShape(shape)), shape));
}

const gradientsAt = (t: number, variables: tf.Variable[]): number[][] => {
  const next = random(50 + t);
  return variables.map(({ size }) => noise(next, size));
};

/** How often a step takes square roots: one is for the bias correction, the others are updates. */
async function roots(action: () => void): Promise<number> {
  const { kernels } = await tf.profile(() => {
    action();
    return tf.scalar(0);
  });
  return kernels.filter(({ name }) => ['Sqrt', 'LrmAdam'].includes(name)).length;
}

eachBackend(() => {
  test('variables updated together get the numbers that each gets alone, bit for bit', () => {
    const [together, alone] = [world(), world()];
    const one = adam({ learningRate: 0.1 });
    const many = alone.map(() => adam({ learningRate: 0.1 }));
    for (let t = 0; t < 5; t++) {
      const gradients = gradientsAt(t, together);
      step(
        one,
        together.map((v, i) => [v, gradients[i]!]),
      );
      many.forEach((optimizer, i) => {
        step(optimizer, [[alone[i]!, gradients[i]!]]);
      });
    }
    expect(together.map(values)).toEqual(alone.map(values));
    together.forEach((v, i) => {
      for (const name of ['m', 'v']) {
        const [a, b] = [one.slots(v).get(name)!, many[i]!.slots(alone[i]!).get(name)!];
        expect(a.shape).toEqual(SHAPES[i]);
        expect(values(a)).toEqual(values(b));
      }
    });
  });

  test('many small variables cost as many operations as one', async () => {
    const small = Array.from({ length: 20 }, (_, i) => variable(noise(random(i), 3), [3]));
    const optimizer = adam();
    const gradients = small.map((v) => [v, [1, 2, 3]] as const);
    step(optimizer, gradients);
    expect(await roots(() => step(optimizer, gradients))).toBe(2);
    const large = [
      variable(noise(random(1), 2049), [2049]),
      variable(noise(random(2), 2049), [2049]),
    ];
    const ones = new Array<number>(2049).fill(1);
    // A kernel of its own takes variables of any size together.
    const isInOnePass = tf.getKernel('LrmAdam', tf.getBackend()) !== undefined;
    expect(
      await roots(() =>
        step(
          adam(),
          large.map((v) => [v, ones]),
        ),
      ),
    ).toBe(isInOnePass ? 2 : 3);
  });

  test('a step leaves no tensor behind, whatever is packed', async () => {
    const variables = world();
    const optimizer = adam();
    const take = (list: tf.Variable[]): void => {
      const gradients = gradientsAt(0, list);
      step(
        optimizer,
        list.map((v, i) => [v, gradients[i]!]),
      );
    };
    take(variables);
    for (const list of [
      variables,
      variables.slice(0, 1),
      variables.slice(8),
      variables.slice(0, 2),
      [],
    ]) {
      take(list);
      expect(await tensorsLeftBy(() => take(list))).toBe(0);
    }
    expect(await tensorsLeftBy(() => optimizer.dispose())).toBe(-(2 * SHAPES.length + 2 * 4 + 1));
  });
});
