import { DEFAULT_RECIPE } from '@tfjs-lrm/language-model';
import { expect, it } from 'vitest';
import { brownianNorm } from './brownian.ts';

const walk = (learningRate: number, decay: number) => ({
  ...DEFAULT_RECIPE,
  steps: Math.round(4 / (learningRate * decay)),
  schedule: () => 1,
  learningRate,
  decay,
  start: 0.01,
});

it.each([
  [1e-2, 0.5],
  [4e-3, 1],
  [2e-2, 0.2],
])('settles at about √(η / 2λ): η %f, λ %f', (learningRate, decay) => {
  // Adam's update is a running mean of dependent steps: 0.988 of the formula (PyTorch, over a wide range).
  const expected = 0.988 * Math.sqrt(learningRate / (2 * decay));
  expect(Math.abs(brownianNorm(walk(learningRate, decay)) / expected - 1)).toBeLessThan(0.05);
});

it('stays where it starts without a rate', () => {
  expect(brownianNorm({ ...walk(1e-3, 0), steps: 10, schedule: () => 0 })).toBeCloseTo(0.01, 3);
});
