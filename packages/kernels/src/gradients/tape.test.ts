// For the gradients of tfjs itself, which stock has.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { tensorsLeftBy, values } from '../../../../test/tensors.ts';
import { disableTraining, enableTraining } from '../index.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

onCpu(() => {
  test('a gradient that needs only shapes keeps no copy of an input', async () => {
    const { activeTape } = tf.engine().state;
    expect(activeTape ?? []).toEqual([]);
    const x = tf.ones([64]);
    const left = await tensorsLeftBy(() => {
      const gradient = tf.grad((t: tf.Tensor) => {
        const sliced = tf.stridedSlice(tf.mul(t, 2), [0], [64], [2]);
        const node = tf.engine().state.activeTape.find(({ outputs }) => outputs[0] === sliced);
        expect(node!.saved).toEqual([]);
        return sliced;
      })(x);
      expect(values(gradient).slice(0, 4)).toEqual([2, 0, 2, 0]);
      gradient.dispose();
    });
    expect(left).toBe(0);
    x.dispose();
  });

  test.each<[string, (t: tf.Tensor) => tf.Tensor]>([
    ['a sum', (t) => tf.add(t, [1])],
    ['a difference', (t) => tf.sub(t, [1])],
    ['a reshape', (t) => tf.reshape(t, [2, 2])],
    ['another axis', (t) => tf.expandDims(t, 0)],
    ['a sum of elements', (t) => tf.sum(t)],
    ['a mean', (t) => tf.mean(t)],
  ])('%s saves nothing', (_, f) => {
    tf.tidy(() => {
      const gradient = tf.grad((t: tf.Tensor) => {
        const y = f(t);
        expect(tf.engine().state.activeTape.map(({ saved }) => saved)).toEqual([[]]);
        return y;
      });
      gradient(tf.ones([4]));
    });
  });

  test('it is right where the input is disposed of before the backward pass', () => {
    tf.tidy(() => {
      const gradient = tf.grad((t: tf.Tensor) => {
        const inner = tf.mul(t, 2);
        const sliced = tf.stridedSlice(inner, [0], [4], [2]);
        inner.dispose();
        return sliced;
      })(tf.ones([4]));
      expect(values(gradient)).toEqual([2, 0, 2, 0]);
    });
  });

  test('a gradient function that is called by itself says that it needs the tape', () => {
    const { gradFunc } = tf.getGradient('StridedSlice');
    const dy = tf.ones([1]);
    expect(() => gradFunc(dy, [], {})).toThrow('from its tape');
    dy.dispose();
  });
});
