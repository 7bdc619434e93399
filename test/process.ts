/** A saved model loaded by another Node process, which has the built packages and nothing else in common. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { noise, random } from './tensors.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

/** Builds the packages' dist where it is older than their sources. */
export async function build(packages: readonly string[]): Promise<void> {
  const projects = packages.map((name) => join(root, 'packages', name));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  await run(tsc, ['-b', ...projects]);
}

const SCRIPT = `
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const { root, entries, json, weightData, batches } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const require = createRequire(root + 'package.json');
const tf = require('@tensorflow/tfjs-core');
const layers = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
tf.env().set('IS_TEST', true);
await tf.setBackend('cpu');
for (const entry of entries) await import(entry);
const bytes = Uint8Array.from(Buffer.from(weightData, 'base64')).buffer;
const model = await layers.loadLayersModel(tf.io.fromMemory({ ...JSON.parse(json), weightData: bytes }));
for (const [x, y] of batches) await model.trainOnBatch(tf.tensor(x, [5, 3]), tf.tensor(y, [5, 2]));
const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
console.log(JSON.stringify({
  weights,
  names: model.weights.map((weight) => weight.name),
  iterations: model.optimizer.iterations,
  config: model.optimizer.getConfig(),
}));
`;

export interface Continued {
  readonly weights: number[][];
  readonly names: string[];
  readonly iterations: number;
  readonly config: unknown;
}

/** Trains the saved model further, on the batches of `train` for the steps in [from, to), in a new process. */
export async function continueInNewProcess(
  packages: readonly string[],
  saved: { json: string; weightData: ArrayBuffer },
  from: number,
  to: number,
): Promise<Continued> {
  const folder = await mkdtemp(join(tmpdir(), 'tfjs-lrm-'));
  try {
    const batches = Array.from({ length: to - from }, (_, i) => {
      const next = random(1000 + from + i);
      return [noise(next, 15), noise(next, 10)];
    });
    const entries = packages.map(
      (name) => pathToFileURL(join(root, 'packages', name, 'dist', 'index.js')).href,
    );
    const weightData = Buffer.from(saved.weightData).toString('base64');
    const [script, input] = [join(folder, 'continue.mjs'), join(folder, 'input.json')];
    await writeFile(script, SCRIPT);
    await writeFile(
      input,
      JSON.stringify({ root, entries, json: saved.json, weightData, batches }),
    );
    const { stdout } = await run(process.execPath, [script, input], { maxBuffer: 2 ** 24 });
    return JSON.parse(stdout) as Continued;
  } finally {
    await rm(folder, { recursive: true });
  }
}
