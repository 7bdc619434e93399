import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { expectClose, hostReads, values } from '../../../test/tensors.ts';
import { crossEntropy } from './index.ts';

const LOGITS = [
  [1, 2, -1],
  [0, 0.5, 3],
];

eachBackend(() => {
  it('an id outside the vocabulary gives NaN, and one that is ignored does not', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d(LOGITS);
      for (const wrong of [3, -1, 1000]) {
        const ids = tf.tensor1d([1, wrong], 'int32');
        expect(crossEntropy(ids, logits).dataSync()[0]).toBeNaN();
        const one = crossEntropy(tf.tensor1d([1], 'int32'), tf.tensor2d([LOGITS[0]!]));
        expectClose(values(crossEntropy(ids, logits, { ignore: wrong })), values(one), 1e-6);
      }
      const all = tf.tensor1d([2, 2], 'int32');
      expect(crossEntropy(all, logits, { ignore: 2 }).dataSync()[0]).toBeNaN();
    });
  });

  it('logits of any size give no infinity', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([[1000, 0, -1000]]);
      const ids = tf.tensor1d([0], 'int32');
      expectClose(values(crossEntropy(ids, logits)), [0], 1e-6, 1);
      const [gradient] = tf.grads((x) => crossEntropy(ids, x))([logits]);
      expectClose(values(gradient!), [0, 0, 0], 1e-6, 1);
    });
  });

  it('makes no one-hot matrix, and waits for nothing', async () => {
    const [logits, ids] = [tf.tensor2d(LOGITS), tf.tensor1d([1, 2], 'int32')];
    const { kernelNames } = await tf.profile(() =>
      tf.tidy(() => void tf.grads((x) => crossEntropy(ids, x, { ignore: 0 }))([logits])),
    );
    expect(kernelNames).not.toContain('OneHot');
    expect(hostReads(() => tf.tidy(() => void crossEntropy(ids, logits)))).toBe(0);
    tf.dispose([logits, ids]);
  });
});

onCpu(() => {
  it('makes one where the backend cannot scatter, with the same gradient', () => {
    const kernel = tf.getKernel('TensorScatterUpdate', 'cpu');
    tf.tidy(() => {
      const ids = tf.tensor1d([1, 2], 'int32');
      const slope = () =>
        values(tf.grads((x) => crossEntropy(ids, x, { zLoss: 0.1 }))([tf.tensor2d(LOGITS)])[0]!);
      const expected = slope();
      tf.unregisterKernel('TensorScatterUpdate', 'cpu');
      try {
        expectClose(slope(), expected, 1e-6);
      } finally {
        tf.registerKernel(kernel!);
      }
    });
  });

  it('takes ids of floats, and with a last axis of 1', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d(LOGITS);
      const expected = values(crossEntropy(tf.tensor1d([1, 2], 'int32'), logits));
      expect(values(crossEntropy(tf.tensor2d([[1], [2]]), logits))).toEqual(expected);
    });
  });

  it.each([
    ['shapes', () => crossEntropy(tf.zeros([2, 4]), tf.zeros([2, 3])), /\[2,4\] and \[2,3\]/],
    ['swapped', () => crossEntropy(tf.zeros([2, 3]), tf.zeros([2])), /in this order/],
    ['no tensor', () => crossEntropy([1] as never, tf.zeros([1, 3])), /the ids must be a tensor/],
    [
      'options',
      () => crossEntropy(tf.zeros([1]), tf.zeros([1, 3]), { labelSmoothing: 1 }),
      /"labelSmoothing" must be a finite number >= 0 and < 1. Received 1/,
    ],
  ])('mistakes are told: %s', (_, act, message) => {
    tf.tidy(() => {
      expect(act).toThrow(message);
    });
  });
});
