/**
 * Processes that save again and again are killed (SIGKILL) at moments spread over their writes:
 *
 *   npm run test:kill -w @tfjs-lrm/checkpoint     100 moments; 10 in the tests
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { build } from '../../../test/process.ts';
import { lastCheckpoint } from './index.ts';
import { folderStore } from './node.ts';

const KILLS = Number(process.env['TFJS_LRM_KILLS'] ?? 10);
/** Enough for writes that take a few milliseconds. */
const UNITS = 1000;

const dist = (entry: string): string =>
  JSON.stringify(pathToFileURL(join(import.meta.dirname, `../dist/${entry}.js`)).href);

/** Goes on from the last checkpoint: all weights hold the step, which is printed once it is saved. */
const SCRIPT = `
import { createRequire } from 'node:module';
const require = createRequire(${JSON.stringify(import.meta.filename)});
const tf = require('@tensorflow/tfjs-core');
const { layers, sequential } = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
tf.env().set('IS_TEST', true);
const { loadCheckpoint, saveCheckpoint } = await import(${dist('index')});
const { folderStore } = await import(${dist('node')});
const model = sequential({ layers: [layers.dense({ units: ${UNITS}, inputShape: [${UNITS}], name: 'd' })] });
const store = folderStore(process.argv[1]);
const from = await loadCheckpoint(store, { model });
if (from !== null && model.weights[0].read().dataSync()[0] !== from.step) throw new Error('another step');
for (let step = (from?.step ?? 0) + 1; ; step++) {
  tf.tidy(() => model.weights.forEach((weight) => weight.write(tf.fill(weight.shape, step))));
  await saveCheckpoint(store, { model, step }, { keep: 2 });
  process.stdout.write(step + '\\n');
}
`;

/** The last step that a process reported as saved before it was killed, `ms` after its first report. */
async function killed(folder: string, ms: number): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stderr.on('data', (text) => {
    errors += text;
  });
  let isWaiting = true;
  child.stdout.on('data', (text) => {
    output += text;
    if (isWaiting) setTimeout(() => child.kill('SIGKILL'), ms);
    isWaiting = false;
  });
  const signal = await new Promise((resolve) => {
    child.once('close', (_, name) => resolve(name));
  });
  expect([signal, errors]).toEqual(['SIGKILL', '']);
  // A line that was cut off counts as not reported.
  return Number(output.split('\n').at(-2));
}

onCpu(() => {
  beforeAll(() => build(['checkpoint']));

  it(`${KILLS} kills: nothing that was reported as saved is lost, and nothing is damaged`, {
    timeout: 600_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'checkpoint-kill-'));
    let inWrites = 0;
    try {
      for (let i = 0; i < KILLS; i++) {
        const reported = await killed(folder, (40 * (i + 0.5)) / KILLS);
        const last = await lastCheckpoint(folderStore(folder));
        expect(last?.damaged).toEqual([]);
        expect(last?.step).toBeGreaterThanOrEqual(reported);
        for (const { values } of last!.weights)
          expect(values.every((value) => value === last!.step)).toBe(true);
        if (readdirSync(folder).some((name) => name.endsWith('.tmp'))) inWrites++;
      }
      console.log(`${KILLS} kills, ${inWrites} of them while a file was being written`);
    } finally {
      rmSync(folder, { recursive: true });
    }
    // Every file that is half written says that the kills come at the right moments.
    if (KILLS >= 100) expect(inWrites).toBeGreaterThan(0);
  });
});
