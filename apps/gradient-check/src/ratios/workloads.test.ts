import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBackend } from '../start-backend.ts';
import { ratioOf } from './ratio.ts';
import { workloadsOf } from './workloads.ts';

const workloads = workloadsOf({ sides: 8, batch: 1 });
const kernelNames = Object.values(tf).filter((member) => typeof member === 'string');

beforeAll(() => startBackend('cpu'));
afterAll(disableTraining);

test('every gradient that enableTraining() registers is measured', () => {
  const before = new Map(kernelNames.map((name) => [name, tf.getGradient(name)]));
  enableTraining();
  const ours = kernelNames.filter((name) => tf.getGradient(name) !== before.get(name));
  expect(ours.length).toBeGreaterThan(80);
  const measured = new Set(Object.keys(workloads).map((name) => name.split(',')[0]));
  expect(ours.filter((name) => !measured.has(name))).toEqual([]);
});

test('a ratio is measured, and leaves no tensor', () => {
  const before = tf.memory().numTensors;
  expect(ratioOf('Tanh', workloads['Tanh']!)!.ratio).toBeGreaterThan(0);
  expect(tf.memory().numTensors).toBe(before);
});
