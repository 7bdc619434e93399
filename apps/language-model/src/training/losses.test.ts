import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Losses } from './losses.ts';

beforeEach(async () => {
  await tf.setBackend('cpu');
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Takes a step whose host part lasts 2 ms; a read waits until the device has done all of them. */
async function step(losses: Losses, at: number, deviceMs: number | null): Promise<void> {
  losses.begin();
  losses.add(at, tf.scalar(1), tf.scalar(0.1));
  vi.advanceTimersByTime(2);
  if (deviceMs !== null) {
    vi.advanceTimersByTime(deviceMs);
    await losses.read();
  }
  losses.end();
}

describe('the time of a step', () => {
  test('counts what the device still has to do when the losses are read', async () => {
    const losses = new Losses('cpu');
    for (let at = 0; at < 20; at++) await step(losses, at, at % 10 === 9 ? 980 : null);
    expect(losses.msPerStep).toBe(100);
  });

  test('is the median, which a slow start does not change', async () => {
    const losses = new Losses('cpu');
    for (const deviceMs of [9000, 8, 8]) await step(losses, 0, deviceMs);
    expect(losses.msPerStep).toBe(10);
  });

  test('leaves out what is between steps', async () => {
    const losses = new Losses('cpu');
    await step(losses, 0, 8);
    vi.advanceTimersByTime(60_000);
    await step(losses, 1, 8);
    expect(losses.msPerStep).toBe(10);
  });
});

test('a loss that is no number names the step, the rate and the backend', async () => {
  const losses = new Losses('cpu');
  losses.add(7, tf.scalar(Number.NaN), tf.scalar(0.5));
  await expect(losses.read()).rejects.toThrow(
    'the loss of step 7 is NaN, at a learning rate of 0.500, on cpu',
  );
});
