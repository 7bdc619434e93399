import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { muon, orthogonalize } from './index.ts';

onCpu(() => {
  test.each([
    // @ts-expect-error an option that there is not
    ['weightDecay', () => muon({ weightDecay: 0.1 })],
    // @ts-expect-error no such preset
    ['an unknown preset', () => muon({ coefficients: 'cubic' })],
    // @ts-expect-error an iteration has three coefficients
    ['two coefficients', () => muon({ coefficients: [[1, 2]] })],
    // @ts-expect-error no such scale
    ['an unknown scale', () => muon({ scale: 'rms' })],
    // @ts-expect-error true or false
    ['a number for a switch', () => muon({ nesterov: 1 })],
    // @ts-expect-error an option of muon, not of this
    ['a scale here', () => orthogonalize(tf.eye(2), { scale: 'none' })],
  ])('the compiler and muon refuse: %s', (_, attempt) => {
    expect(attempt).toThrow(/^(muon|orthogonalize)/);
  });
});
