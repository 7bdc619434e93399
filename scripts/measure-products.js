/**
 * `npm run wasm:measure`: what products cost by the wasm module of `kernels` and by the best way through tfjs, for random
 * shapes, and the constants of `packedCost` with which a step loses least by choosing wrong. The variant is the one that the engine takes: relaxed SIMD from
 * Node 21 on. CPU time, the least of the rounds, both ways in turn. Options: `--products 300 --rounds 5 --seed 1`. With `--listed` it
 * prints the products that the README of kernels lists instead: the time by the way that is chosen, relative to that through tfjs.
 * With `--threads 2` it prints, for those, the time on so many threads relative to that on one: elapsed time, so that the machine must be idle.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { batchMatMul } from '../packages/kernels/dist/batch-mat-mul.js';
import * as cost from '../packages/kernels/dist/product-cost.js';
import { useThreads } from '../packages/kernels/dist/training-threads.js';
import { productsOf } from '../packages/kernels/dist/wasm-products.js';

const { values: options } = parseArgs({
  options: {
    products: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    listed: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1' },
  },
});
const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
setWasmPaths(`${dirname(wasm)}/`);
const threads = Number(options.threads);
useThreads(threads);
await tf.setBackend('wasm');
const backend = tf.backend();
const products = productsOf(backend);
if (products === undefined) throw new Error('measure: this engine must have SIMD.');
const { isRelaxed } = products;
const stock = tf.getKernel('BatchMatMul', 'wasm').kernelFunc;
const ways =
  threads === 1
    ? {
        tfjs: batchMatMul(stock, () => undefined),
        packed: batchMatMul(stock, undefined, () => 0),
      }
    : {
        one: batchMatMul(stock, () => ({ ...products, threads: undefined })),
        several: batchMatMul(stock),
      };
/** Nanoseconds: CPU time, which other processes hardly change, or elapsed time, which several threads shorten. */
function now() {
  if (threads > 1) return performance.now() * 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

let state = Number(options.seed);
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};
const size = (most) => Math.max(1, Math.round(2 ** (random() * Math.log2(most))));

function draw() {
  for (;;) {
    const batches = random() < 0.5 ? 1 : size(64);
    const matricesB = random() < 0.7 ? batches : 1;
    const [rows, inner, columns] = [size(2048), size(2048), size(1024)];
    const multiplications = batches * rows * inner * columns;
    if (multiplications < 2000 || multiplications > 6e7) continue;
    const [transposeA, transposeB] = [random() < 0.5, random() < 0.5];
    if (matricesB !== batches && !transposeA) continue; // merged: drawn as one batch
    return { batches, rows, inner, columns, transposeA, transposeB, matricesA: batches, matricesB };
  }
}

/** Nanoseconds by both ways, the least of the rounds. */
function measure(product) {
  const { batches, rows, inner, columns, transposeA, transposeB, matricesB } = product;
  const a = tf.randomNormal([batches, ...(transposeA ? [inner, rows] : [rows, inner])]);
  const shapeB = [matricesB, ...(transposeB ? [columns, inner] : [inner, columns])];
  const repeats = Math.max(1, Math.ceil(4e6 / (batches * rows * inner * columns + 2e4)));
  const attrs = { transposeA, transposeB };
  const least = Object.fromEntries(Object.keys(ways).map((name) => [name, Infinity]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [name, way] of Object.entries(ways)) {
      // New operands, as in training: tfjs keeps a repeated one packed.
      const operands = Array.from({ length: repeats }, () => tf.ones(shapeB));
      const before = now();
      for (const b of operands) {
        backend.disposeData(way({ backend, inputs: { a, b }, attrs }).dataId);
      }
      least[name] = Math.min(least[name], (now() - before) / repeats);
      tf.dispose(operands);
    }
  }
  tf.dispose(a);
  return least;
}

const viaTfjs = (product) =>
  Math.min(cost.slowCost(product), cost.directCost(product), cost.swappedCost(product));

/** Products of the demo's small model, as [batches, rows, inner, columns]. */
const LISTED = {
  'Dense forward, [2048, 128] · [128, 352]': { size: [1, 2048, 128, 352] },
  'Dense backward to its input, [2048, 352] · [128, 352]ᵀ': {
    size: [1, 2048, 352, 128],
    transposeB: true,
  },
  'Dense backward to its kernel, [2048, 128]ᵀ · [2048, 352]': {
    size: [1, 128, 2048, 352],
    transposeA: true,
  },
  'Attention, 128 × [64, 32] · [64, 32]ᵀ': { size: [128, 64, 32, 64], transposeB: true },
  'Attention, 128 × [64, 64] · [64, 32]': { size: [128, 64, 64, 32] },
  'Attention backward, 128 × [64, 64]ᵀ · [64, 32]': { size: [128, 64, 64, 32], transposeA: true },
};

const start = isRelaxed ? cost.RELAXED_SIMD : cost.SIMD;
measure({ ...draw(), batches: 64, matricesB: 64, rows: 64, inner: 64, columns: 64 }); // compiles
if (options.listed || threads > 1) {
  for (const [name, { size, transposeA = false, transposeB = false }] of Object.entries(LISTED)) {
    const [batches, rows, inner, columns] = size;
    const sizes = { batches, rows, inner, columns, matricesA: batches, matricesB: batches };
    const product = { ...sizes, transposeA, transposeB };
    const { tfjs, packed, one, several } = measure(product);
    if (threads > 1) {
      console.log(`| ${name} | ${(several / one).toFixed(2)} |`);
      continue;
    }
    const isPacked = cost.packedCost(product, isRelaxed, start) < viaTfjs(product);
    console.log(`| ${name} | ${(isPacked ? packed / tfjs : 1).toFixed(2)} |`);
  }
  process.exit();
}
const rows = Array.from({ length: Number(options.products) }, draw).map((product) => ({
  product,
  ...measure(product),
}));

const mean = (numbers) =>
  Math.exp(numbers.reduce((sum, x) => sum + Math.log(x), 0) / numbers.length);

/** The time of each product by the way that these constants choose. */
const chosenWith = (constants) =>
  rows.map(({ product, tfjs, packed }) =>
    cost.packedCost(product, isRelaxed, constants) < viaTfjs(product) ? packed : tfjs,
  );
const lossOf = (constants) =>
  mean(chosenWith(constants).map((time, i) => time / Math.min(rows[i].tfjs, rows[i].packed)));

/** The constants that lose least against always choosing best, by steps of one constant at a time. */
function fitConstants(start) {
  let [best, least] = [start, lossOf(start)];
  for (let step = 1.6; step > 1.02; step **= 0.7) {
    for (let sweep = 0; sweep < 5; sweep++) {
      for (const key of Object.keys(start)) {
        for (const factor of [step, 1 / step]) {
          const trial = { ...best, [key]: best[key] * factor };
          const loss = lossOf(trial);
          if (loss < least) [best, least] = [trial, loss];
        }
      }
    }
  }
  return best;
}

const constants = fitConstants(start);
const quality = (used) => {
  const chosen = chosenWith(used);
  return {
    'chosen / tfjs': mean(chosen.map((time, i) => time / rows[i].tfjs)).toFixed(3),
    'chosen / best': lossOf(used).toFixed(3),
    'always packed / best': mean(
      rows.map(({ tfjs, packed }) => packed / Math.min(tfjs, packed)),
    ).toFixed(3),
    'share packed': mean([
      chosen.filter((time, i) => time === rows[i].packed).length / rows.length,
    ]).toFixed(2),
  };
};
console.log(`${process.version}, ${isRelaxed ? 'relaxed SIMD' : 'SIMD'}, ${rows.length} products`);
console.log('constants that choose best:', constants, quality(constants));
console.log('those in product-cost.ts:', quality(start));
