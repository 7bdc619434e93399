import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';
import path from 'node:path';
import { multiply, withMultipliers } from './dist/index.js';
const require = createRequire(import.meta.url);
setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + '/');
const backend = process.argv[2] ?? 'wasm';
if (process.argv[3] === 'kernels') { const k = await import('../kernels/dist/index.js'); await tf.setBackend(backend); k.enableTraining(); }
await tf.setBackend(backend); await tf.ready();
const med = (a) => a.sort((x, y) => x - y)[a.length >> 1];
function race(fns, reps, inner) { const t = fns.map(() => []); for (const f of fns) for (let i = 0; i < 5; i++) f(); for (let r = 0; r < reps; r++) fns.forEach((f, i) => { const s = performance.now(); for (let j = 0; j < inner; j++) f(); t[i].push((performance.now() - s) / inner); }); return t.map(med); }
for (const shape of [[64, 64], [64, 176], [128, 352], [83, 64], [256, 256], [1024, 256]]) {
  const [n, m] = shape;
  const W = tf.variable(tf.randomNormal(shape)), r = tf.variable(tf.randomUniform([m], .5, 2)), c = tf.variable(tf.randomUniform([n], .5, 2)), s = tf.variable(tf.scalar(1.5)), G = tf.randomNormal(shape);
  const g = (f, xs) => () => tf.tidy(() => { const out = tf.grads(f)(xs, G); out.at(-1).dataSync(); });
  const names = ['clone', 'naive', 'row+col', 'row', 'col', 'scalar', 'all'];
  const t = race([
    g((W) => tf.mul(W, 1), [W]),
    g((W, r, c) => tf.mul(tf.mul(W, r), tf.reshape(c, [-1, 1])), [W, r, c]),
    g((W, r, c) => multiply(W, { row: r, column: c }), [W, r, c]),
    g((W, r) => multiply(W, { row: r }), [W, r]),
    g((W, c) => multiply(W, { column: c }), [W, c]),
    g((W, s) => multiply(W, { scalar: s }), [W, s]),
    g((W, r, c, s) => multiply(W, { row: r, column: c, scalar: s }), [W, r, c, s]),
  ], backend === 'cpu' ? 15 : 60, n * m > 1e5 ? 3 : 10);
  console.log(backend, shape.join('x'), names.map((k, i) => `${k} ${(t[i] * 1000).toFixed(0)}us`).join('  '));
}
for (const [sizes, batch] of [[[64, 64, 64, 10], 64], [[256, 256, 256, 10], 32], [[256, 256, 256, 10], 256], [[128, 352, 128, 10], 512]]) {
  const build = (wrap) => { const m = sequential({ layers: sizes.slice(1).map((units, i) => wrap(layers.dense({ units, activation: 'relu', ...(i ? {} : { inputShape: [sizes[0]] }) }))) }); m.compile({ optimizer: tf.train.adam(1e-3), loss: 'meanSquaredError' }); return m; };
  const plain = build((l) => l), wrapped = build((l) => withMultipliers(l));
  const x = tf.randomNormal([batch, sizes[0]]), y = tf.randomNormal([batch, 10]);
  const times = [[], []];
  for (let i = 0; i < 5; i++) for (const m of [plain, wrapped]) await m.trainOnBatch(x, y);
  for (let i = 0; i < 25; i++) for (const [k, m] of [plain, wrapped].entries()) { const s = performance.now(); await m.trainOnBatch(x, y); times[k].push(performance.now() - s); }
  const p = race([() => tf.dispose(plain.predict(x)), () => tf.dispose(wrapped.predict(x))].map((f) => f), 60, 3);
  const [a, b] = times.map(med);
  console.log(backend, sizes.join('-'), 'batch', batch, `train plain ${a.toFixed(2)}ms wrapped ${b.toFixed(2)}ms ratio ${(b / a).toFixed(2)}   predict ratio ${(p[1] / p[0]).toFixed(2)} (${p[0].toFixed(3)}ms)`);
}
