import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const main = join(import.meta.dirname, '../../dist/commands/bench.js');

it('measures two sides in turn and writes what was measured where', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const file = join(folder, 'result.json');
    const args = ['kernels', '--rounds', '3', '--steps', '1', '--json', file];
    const run = spawnSync('node', [main, ...args], { encoding: 'utf8' });
    expect(run.stderr).not.toContain('bench:');
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/kernels +enableTraining +stock wasm +wasm/);
    const { conditions, results } = JSON.parse(readFileSync(file, 'utf8'));
    expect(conditions.node).toBe(process.version);
    expect(results).toHaveLength(1);
    const [{ a, b, ratio }] = results;
    for (const side of [a, b, ratio]) expect(side.min).toBeLessThanOrEqual(side.median);
    // An order of magnitude apart on an idle machine; the test only asks which one is slower.
    expect(ratio.median).toBeLessThan(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('refuses an unknown benchmark in one line', () => {
  const run = spawnSync('node', [main, 'kernelz'], { encoding: 'utf8' });
  expect(run.status).toBe(2);
  expect(run.stderr).toBe(
    'bench: there is no benchmark "kernelz". Did you mean "kernels"? Try --help.\n',
  );
});
