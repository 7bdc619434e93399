import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { amountOf, count, sum } from './count.ts';

beforeAll(() => useBackend('cpu'));

describe('count', () => {
  it('counts two operations for each multiplication of a product, transposed or not', async () => {
    const [a, b] = [tf.ones([5, 3, 4]), tf.ones([5, 4, 7])];
    const plain = await count('cpu', async () => tf.matMul(a, b).dispose());
    expect(sum(plain.values())).toMatchObject({ flop: 2 * 5 * 3 * 4 * 7, bytes: 0 });
    const c = tf.ones([5, 7, 4]);
    const transposed = await count('cpu', async () => tf.matMul(a, c, false, true).dispose());
    expect(transposed.get('BatchMatMul')?.flop).toBe(2 * 5 * 3 * 4 * 7);
    const d = tf.ones([5, 4, 3]);
    const both = await count('cpu', async () => tf.matMul(d, c, true, true).dispose());
    expect(both.get('BatchMatMul')?.flop).toBe(2 * 5 * 3 * 4 * 7);
    tf.dispose([a, b, c, d]);
  });

  it('counts the bytes that other kernels read and write, not those of views', async () => {
    const [a, row] = [tf.ones([10, 8]), tf.ones([8])];
    const amounts = await count('cpu', async () => tf.dispose(tf.reshape(tf.add(a, row), [80])));
    expect(amounts.get('Add')).toEqual({ calls: 1, flop: 0, bytes: 4 * (80 + 8 + 80) });
    expect(amounts.get('Reshape')?.bytes).toBe(0);
    tf.dispose([a, row]);
  });

  it('leaves the kernels as they were, also after an error', async () => {
    const before = tf.getKernel('Add', 'cpu').kernelFunc;
    await expect(count('cpu', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(tf.getKernel('Add', 'cpu').kernelFunc).toBe(before);
  });

  it('counts dense layers and their gradients, which wasm runs as products within one kernel', async () => {
    await import('@tensorflow/tfjs-backend-wasm');
    await useBackend('wasm');
    enableTraining();
    try {
      const [x, dy, kernel] = [tf.ones([2, 5, 3]), tf.ones([2, 5, 4]), tf.ones([3, 4])];
      const dense = await count('wasm', async () => {
        tf.dispose(tf.engine().runKernel('LrmDense', { x, kernel }, { transposeKernel: false }));
        tf.dispose(tf.engine().runKernel('LrmDenseGradient', { x, dy }));
      });
      expect([...dense.values()].map(({ flop }) => flop)).toEqual([240, 240]);
      expect([...dense.keys()]).toEqual(['LrmDense', 'LrmDenseGradient']);
      tf.dispose([x, dy, kernel]);
    } finally {
      disableTraining();
      await useBackend('cpu');
    }
  });

  it('refuses a kernel that hides products', async () => {
    tf.registerKernel({
      ...{ kernelName: 'Hidden', backendName: 'cpu' },
      kernelFunc: ({ inputs, backend }) =>
        tf.getKernel('BatchMatMul', 'cpu').kernelFunc({
          ...{ inputs, backend, attrs: { transposeA: false, transposeB: false } },
        }),
    });
    const a = tf.ones([1, 2, 2]);
    const run = async () => tf.dispose(tf.engine().runKernel('Hidden', { a, b: a }));
    await expect(count('cpu', run)).rejects.toThrow('the products within Hidden are not counted');
    tf.unregisterKernel('Hidden', 'cpu');
    a.dispose();
  });

  it('refuses what it does not count', () => {
    expect(() => amountOf('Conv2D', {}, {}, [])).toThrow(
      'the operations of Conv2D are not counted',
    );
  });
});
