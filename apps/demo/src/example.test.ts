import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const example = join(import.meta.dirname, '../../../examples/language-model.js');

it('examples/language-model.js learns', { timeout: 240_000 }, () => {
  const { status, stdout, stderr } = spawnSync('node', [example], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const losses = [...stdout.matchAll(/step (\d+): ([\d.]+) nats/g)].map(([, , loss]) =>
    Number(loss),
  );
  expect(losses).toHaveLength(10);
  expect(losses[0]).toBeGreaterThan(3); // ln 83 = 4.4 at the start
  expect(losses.at(-1)).toBeLessThan(2.6);
});
