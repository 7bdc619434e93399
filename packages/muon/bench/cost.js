/**
 * What a step of Muon costs beside a step of Adam, by size and preset, on wasm and cpu:
 *
 *     npx turbo run build --filter=@tfjs-lrm/muon && node packages/muon/bench/cost.js
 *
 * Medians over interleaved steps; each ends when its new weights can be read.
 */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { muon } from '@tfjs-lrm/muon';

const STEPS = { wasm: 100, cpu: 20 };
const SHAPES = [
  [64, 64],
  [64, 176],
  [128, 352],
  [256, 256],
];
const OPTIMIZERS = {
  adam: () => adam(),
  quintic: () => muon(),
  'polar-express-8': () => muon({ coefficients: 'polar-express-8' }),
  'hybrid-10': () => muon({ coefficients: 'hybrid-10' }),
};

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

function measure(backend, shape) {
  const runs = Object.entries(OPTIMIZERS).map(([name, make]) => {
    const kernel = tf.variable(tf.randomNormal(shape), true, `${backend}/${shape}/${name}/kernel`);
    const gradients = { [kernel.name]: tf.randomNormal(shape) };
    return { name, kernel, gradients, optimizer: make(), times: [] };
  });
  for (let step = 0; step < STEPS[backend]; step++) {
    for (const { kernel, gradients, optimizer, times } of runs) {
      const began = performance.now();
      optimizer.applyGradients(gradients);
      kernel.dataSync();
      times.push(performance.now() - began);
    }
  }
  return runs.map(({ name, times }) => ({ name, ms: median(times) }));
}

const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
setWasmPaths(`${dirname(wasm)}/`);
tf.env().set('IS_TEST', true);
const [machine] = cpus();
console.log(
  `${machine.model}, Node ${process.version}, tfjs ${tf.version_core}, ms a step (× Adam's)`,
);
for (const backend of Object.keys(STEPS)) {
  await tf.setBackend(backend);
  for (const shape of SHAPES) {
    if (backend === 'cpu' && shape[1] > 176) continue;
    const found = measure(backend, shape);
    const cells = found.map(
      ({ name, ms }) => `${name} ${ms.toFixed(2)} (${(ms / found[0].ms).toFixed(1)})`,
    );
    console.log(`${backend} [${shape.join(', ')}]  ${cells.join('  ')}`);
  }
}
