import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';
import path from 'node:path';
import { multiply, withMultipliers } from './dist/index.js';
import { adam } from '../adam/dist/index.js';
const require = createRequire(import.meta.url);
setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + '/');
await tf.setBackend('wasm');
const med = (a) => a.sort((x, y) => x - y)[a.length >> 1];
for (const [sizes, batch] of [[[64, 64, 64, 10], 64], [[256, 256, 256, 10], 32]]) {
  const build = (wrap, opt) => { const m = sequential({ layers: sizes.slice(1).map((units, i) => wrap(layers.dense({ units, activation: 'relu', ...(i ? {} : { inputShape: [sizes[0]] }) }))) }); m.compile({ optimizer: opt(), loss: 'meanSquaredError' }); return m; };
  const x = tf.randomNormal([batch, sizes[0]]), y = tf.randomNormal([batch, 10]);
  for (const [name, opt] of [['tf adam', () => tf.train.adam(1e-3)], ['our adam', () => adam()], ['sgd', () => tf.train.sgd(1e-3)]]) {
    const ms = [build((l) => l, opt), build((l) => withMultipliers(l), opt)];
    const times = [[], []], grads = [[], []];
    const g = (m) => { const vars = m.trainableWeights.map((w) => w.read()); tf.tidy(() => { const r = tf.variableGrads(() => tf.mean(tf.square(tf.sub(m.apply(x), y))), vars); r.value.dataSync(); }); };
    for (let i = 0; i < 40; i++) for (const [k, m] of ms.entries()) { let s = performance.now(); await m.trainOnBatch(x, y); times[k].push(performance.now() - s); s = performance.now(); g(m); grads[k].push(performance.now() - s); }
    const [a, b] = times.map(med), [c, d] = grads.map(med);
    console.log(sizes.join('-'), batch, name, `train ${a.toFixed(2)} -> ${b.toFixed(2)} (${(b / a).toFixed(2)})  grads ${c.toFixed(2)} -> ${d.toFixed(2)} (${(d / c).toFixed(2)})`);
  }
}
