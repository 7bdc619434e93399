import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { addMultipliers, multiply, withMultipliers } from './index.ts';

const dense = (): layers.Layer => layers.dense({ units: 2, inputShape: [3] });
const model = (): LayersModel => sequential({ layers: [dense()] });

onCpu(() => {
  test.each([
    // @ts-expect-error an option that there is not
    ['rows', () => withMultipliers(dense(), { rows: true })],
    // @ts-expect-error true or false
    ['a number for a switch', () => withMultipliers(dense(), { row: 1 })],
    // @ts-expect-error names, in a list
    ['one name', () => withMultipliers(dense(), { kernels: 'kernel' })],
    // @ts-expect-error no such placement
    ['an unknown placement', () => addMultipliers(model(), { placement: 'heads' })],
    // @ts-expect-error a factor that there is not
    ['rows of a product', () => multiply(tf.eye(2), { rows: tf.ones([2]) })],
  ])('the compiler and multipliers refuse: %s', (_, attempt) => {
    expect(attempt).toThrow(/^(withMultipliers|addMultipliers|multiply)/);
  });
});
