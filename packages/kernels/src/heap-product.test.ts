import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { multiplyInHeap } from './heap-product.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { productsOf } from './wasm-products.ts';

beforeAll(() => useBackend('wasm'));

const BOOLEANS = [false, true];

test.each([
  ['our own module', productsOf],
  ['XNNPACK', () => undefined],
])(
  'by %s: a product replaces what is there or is added to it, with any transposes',
  (_, connectProducts) => {
    const backend = tf.backend() as unknown as WasmBackend;
    for (const [rows, inner, columns] of [
      [1, 1, 1],
      [3, 7, 5],
      [7, 300, 9],
      [200, 257, 70],
    ] as const)
      for (const transposeA of BOOLEANS)
        for (const transposeB of BOOLEANS)
          for (const adds of BOOLEANS)
            tf.tidy(() => {
              const draw = (shape: [number, number], seed: number): tf.Tensor2D =>
                tf.tensor2d(noise(random(seed), shape[0] * shape[1]), shape);
              const a = draw(transposeA ? [inner, rows] : [rows, inner], 1);
              const b = draw(transposeB ? [columns, inner] : [inner, columns], 2);
              const out = draw([rows, columns], 3);
              const product = tf.matMul(a, b, transposeA, transposeB);
              const expected = adds ? tf.add(product, out) : product;
              const scale = tf.add(tf.matMul(tf.abs(a), tf.abs(b), transposeA, transposeB), 1);
              // Reads what was uploaded: addresses are those of the heap from here on.
              const isRight = values(expected).map(() => true);
              multiplyInHeap(
                backend,
                {
                  ...{ a: addressOf(backend, a), b: addressOf(backend, b), transposeA, transposeB },
                  ...{ out: addressOf(backend, out), shape: [rows, inner, columns], adds },
                },
                connectProducts,
              );
              const errors = values(tf.div(tf.abs(tf.sub(out, expected)), scale));
              expect(errors.map((error) => error < 1e-6)).toEqual(isRight);
            });
  },
);
