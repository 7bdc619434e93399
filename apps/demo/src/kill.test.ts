import { expect, it } from 'vitest';
import { killTest } from './kill-test.ts';

it('a run killed at any moment goes on to the same losses', { timeout: 600_000 }, async () => {
  expect((await killTest(9, 1)).inWrites).toBeGreaterThan(0);
});
