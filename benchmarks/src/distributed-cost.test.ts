import { expect, test } from 'vitest';
import { allReduceTime, efficiency, fitMessages } from './distributed-cost.ts';

test('the fit finds the costs that made the messages, and gives their times back', () => {
  const cost = { latency: 0.1, perByte: 2e-6 };
  const instant = { bandwidth: Number.POSITIVE_INFINITY, delay: 0 };
  const messages = [1e3, 1e5, 1e7].map((bytes) => ({
    bytes,
    ms: allReduceTime(2, bytes, cost, instant),
  }));
  const { latency, perByte } = fitMessages(messages);
  expect(latency).toBeCloseTo(cost.latency, 9);
  expect(perByte).toBeCloseTo(cost.perByte, 15);
});

test('the slower of process and network decides, and a ring sends each byte almost twice', () => {
  const network = { bandwidth: 1e10, delay: 0 };
  // 1 GB at 10 Gbit/s is 0.8 s.
  expect(allReduceTime(1000, 1e9, { latency: 0, perByte: 0 }, network)).toBeCloseTo(
    1600 * 0.999,
    6,
  );
  expect(allReduceTime(2, 1e9, { latency: 0, perByte: 1e-5 }, network)).toBeCloseTo(10_000, 6);
  expect(allReduceTime(1, 1e9, { latency: 1, perByte: 1 }, network)).toBe(0);
  expect(efficiency(30, 10)).toBe(0.75);
});
