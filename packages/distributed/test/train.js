/**
 * Trains with checkpoints and ends with a digest of the weights: train.js FOLDER STEPS [compiled]. A resumed run ends with
 * the digest of one that was never interrupted. FAULT=signal:rank:step sends a worker a signal, in the first run alone.
 */
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { loadCheckpoint, saveCheckpoint } from '@tfjs-lrm/checkpoint';
import { folderStore } from '@tfjs-lrm/checkpoint/node';
import { withClipping } from '@tfjs-lrm/clipping';
import { connect, withAllReduce } from '@tfjs-lrm/distributed';
import { compile } from '@tfjs-lrm/native';

const [folder, steps, kind] = process.argv.slice(2);
console.log(`process ${process.pid}`);
const timeout = Number(process.env.TIMEOUT ?? 5);
const workers = await connect({ timeout, startTimeout: Number(process.env.START_TIMEOUT ?? 30) });
console.log('connected');
const { rank, size } = workers;

const seeded = (seed) => layers.initializers.glorotUniform({ seed });
const { dense } = layers.layers;
const model = layers.sequential({
  layers: [
    dense({ units: 16, inputShape: [8], activation: 'tanh', kernelInitializer: seeded(1) }),
    dense({ units: 2, kernelInitializer: seeded(2) }),
  ],
});
const optimizer = withAllReduce(withClipping(adam({ learningRate: 1e-2 }), { globalNorm: 0.5 }));
const variables = model.trainableWeights.map((weight) => weight.read());

const store = folderStore(folder);
const from = rank === 0 ? await loadCheckpoint(store, { model, optimizer }) : null;
const first = workers.broadcast(from?.step ?? 0);
await workers.broadcastWeights(model, optimizer);
console.log(`from step ${first}`);

const stepOf = (x, y) =>
  optimizer.minimize(() => tf.mean(tf.squaredDifference(model.apply(x), y)), true, variables);
const step = kind === 'compiled' ? compile(stepOf) : stepOf;
const [signal, victim, when] = (process.env.FAULT ?? '').split(':');
const mark = join(folder, 'fault');

let loss = null;
for (let at = first; at < Number(steps); at++) {
  if (Number(victim) === rank && Number(when) === at && signal !== '' && !existsSync(mark)) {
    writeFileSync(mark, '');
    console.log(`fault ${Date.now()}`);
    process.kill(process.pid, signal);
  }
  const seed = at * size + rank;
  const x = tf.randomNormal([4, 8], 0, 1, 'float32', 1 + seed);
  try {
    loss = workers.allReduce(step(x, tf.slice(tf.sin(x), [0, 0], [4, 2]))).dataSync()[0];
  } catch (error) {
    console.log(`left after ${Date.now()}: ${error.message}`);
    throw error;
  }
  if (rank === 0 && (at + 1) % 5 === 0)
    await saveCheckpoint(store, { model, optimizer, step: at + 1 });
  if (process.env.PACE)
    await new Promise((resolve) => setTimeout(resolve, Number(process.env.PACE)));
}
const hash = createHash('sha256');
for (const variable of variables) hash.update(variable.dataSync());
console.log(JSON.stringify({ loss, digest: hash.digest('hex') }));
workers.disconnect();
