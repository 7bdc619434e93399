import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { isTapeOn } from './tape.ts';

onCpu(() => {
  it('records within a gradient, and in its backward pass where that has a gradient', () => {
    const seen: Record<string, boolean> = {};
    const cube = tf.customGrad((x) => {
      seen['forward pass'] = isTapeOn();
      return {
        value: tf.pow(x as tf.Tensor, 3),
        gradFunc(dy) {
          seen['backward pass'] = isTapeOn();
          return tf.mul(dy, tf.mul(3, tf.square(x as tf.Tensor)));
        },
      };
    });
    const gradient = (x: tf.Tensor): tf.Tensor =>
      tf.grad((at: tf.Tensor) => {
        seen['function'] = isTapeOn();
        return cube(at);
      })(x);
    tf.tidy(() => {
      expect(isTapeOn()).toBe(false);
      gradient(tf.scalar(2));
      expect(seen).toEqual({ function: true, 'forward pass': false, 'backward pass': false });
      expect(tf.grad(gradient)(tf.scalar(2)).dataSync()[0]).toBe(12);
      expect(seen).toEqual({ function: true, 'forward pass': false, 'backward pass': true });
    });
  });
});
