/** Another Node process, which has the built packages and nothing else in common with this one. */
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
  const folders = new Set(packages.map((name) => name.split('/')[0] as string));
  const projects = [...folders].map((name) => join(root, 'packages', name));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  await run(tsc, ['-b', ...projects]);
}

/** What every script starts with: tfjs on cpu, the packages by name, and the input. */
const START = `
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const { root, entries, input } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const require = createRequire(root + 'package.json');
const tf = require('@tensorflow/tfjs-core');
const layers = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
await tf.setBackend('cpu');
// The first tensor on cpu advertises the native backend, unless tfjs tests itself.
tf.env().set('IS_TEST', true);
tf.scalar(0).dispose();
tf.env().set('IS_TEST', false);
const packages = {};
for (const [name, entry] of entries) packages[name] = await import(entry);
`;

/**
 * What a script prints as JSON. It has tf, layers, the built packages and their entries by name (`core`, `core/kit`),
 * and `input`.
 *
 * @param timeout milliseconds after which the process is ended, and this rejects with `killed`; 0 for none
 */
export async function inNewProcess<Output>(
  packages: readonly string[],
  body: string,
  input: unknown,
  timeout = 0,
): Promise<Output> {
  const folder = await mkdtemp(join(tmpdir(), 'tfjs-lrm-'));
  try {
    const entries = packages.map((name) => {
      const [folderName, entry = 'index'] = name.split('/') as [string, string?];
      const path = join(root, 'packages', folderName, 'dist', `${entry}.js`);
      return [name, pathToFileURL(path).href];
    });
    const [script, data] = [join(folder, 'script.mjs'), join(folder, 'input.json')];
    await writeFile(script, START + body);
    await writeFile(data, JSON.stringify({ root, entries, input }));
    const { stdout } = await run(process.execPath, [script, data], {
      maxBuffer: 2 ** 24,
      timeout,
      killSignal: 'SIGKILL',
    });
    return JSON.parse(stdout) as Output;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const CONTINUE = `
const bytes = Uint8Array.from(Buffer.from(input.weightData, 'base64')).buffer;
const model = await layers.loadLayersModel(
  tf.io.fromMemory({ ...JSON.parse(input.json), weightData: bytes }),
);
for (const [x, y] of input.batches) {
  await model.trainOnBatch(tf.tensor(x, [5, 3]), tf.tensor(y, [5, 2]));
}
console.log(JSON.stringify({
  weights: model.getWeights().map((weight) => Array.from(weight.dataSync())),
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
export function continueInNewProcess(
  packages: readonly string[],
  saved: { json: string; weightData: ArrayBuffer },
  from: number,
  to: number,
): Promise<Continued> {
  const batches = Array.from({ length: to - from }, (_, i) => {
    const next = random(1000 + from + i);
    return [noise(next, 15), noise(next, 10)];
  });
  const weightData = Buffer.from(saved.weightData).toString('base64');
  return inNewProcess(packages, CONTINUE, { json: saved.json, weightData, batches });
}
