/**
 * node ../dist/main.js run --workers N equality.js STEPS: every worker trains each recipe twice, once with the others on
 * its part of the batches and once alone on all of them. Worker 0 prints, a line of JSON a recipe, how far they are apart.
 */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { withAccumulation } from '@tfjs-lrm/accumulation';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { connect, withAllReduce } from '@tfjs-lrm/distributed';
import { reparametrize, withMultipliers } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { compile } from '@tfjs-lrm/native';

const [steps = '6'] = process.argv.slice(2);
const workers = await connect({ check: { steps } });
const { rank, size } = workers;

const { dense, batchNormalization } = layers.layers;
const plain = () => [
  dense({ units: 16, inputShape: [8], activation: 'tanh' }),
  dense({ units: 3 }),
];
const multiplied = () => plain().map((layer) => withMultipliers(layer));
const normalized = () => [
  dense({ units: 16, inputShape: [8], useBias: false }),
  batchNormalization(),
  dense({ units: 3 }),
];
const rate = { learningRate: 1e-2 };

/** What is trained: the layers, what is distributed, and what does the same alone. */
const RECIPES = {
  adam: [plain, () => withAllReduce(adam(rate)), () => adam(rate)],
  muon: [plain, () => withAllReduce(muon(rate)), () => muon(rate)],
  sgd: [
    plain,
    () => withAllReduce(tf.train.momentum(1e-2, 0.9)),
    () => tf.train.momentum(1e-2, 0.9),
  ],
  clipping: [
    plain,
    () => withAllReduce(withClipping(adam(rate), { globalNorm: 0.1 })),
    () => withClipping(adam(rate), { globalNorm: 0.1 }),
  ],
  'accumulation inside': [
    plain,
    () => withAllReduce(withAccumulation(muon(rate), { steps: 2 })),
    () => withAccumulation(muon(rate), { steps: 2 }),
  ],
  'accumulation around': [
    plain,
    () => withAccumulation(withAllReduce(adam(rate)), { steps: 2 }),
    () => withAccumulation(adam(rate), { steps: 2 }),
  ],
  multipliers: [multiplied, () => withAllReduce(muon(rate)), () => muon(rate)],
  reparametrize: [
    plain,
    () => withAllReduce(reparametrize(adam(rate))),
    () => reparametrize(adam(rate)),
  ],
  'small buffers': [plain, () => withAllReduce(adam(rate), { bufferSize: 1e-4 }), () => adam(rate)],
  // It normalises over what one worker has seen: alone, that is a micro-batch for each worker.
  'batch normalization': [
    normalized,
    () => withAllReduce(adam(rate)),
    () => withAccumulation(adam(rate), { steps: size }),
    'in parts',
  ],
  'unequal batches': [plain, () => withAllReduce(adam(rate)), () => adam(rate), 'unequal'],
};

function make(build, seed) {
  const model = layers.sequential({ layers: build() });
  tf.tidy(() =>
    model.setWeights(
      model.weights.map(({ shape, originalName }, i) => {
        const noise = tf.randomNormal(shape, 0, 0.3, 'float32', seed + i);
        return /multiplier|gamma|variance/.test(originalName) ? tf.add(1, tf.abs(noise)) : noise;
      }),
    ),
  );
  assignRoles(model);
  return model;
}

function stepOf(model, optimizer) {
  const variables = model.trainableWeights.map((weight) => weight.read());
  return (x, y) =>
    optimizer.minimize(
      () => tf.mean(tf.squaredDifference(model.apply(x, { training: true }), y)),
      true,
      variables,
    );
}

/** Worker r's rows of a batch. */
function part([x, y], r, unequal) {
  const rows = x.shape[0];
  // Unequal: the last worker has all that the others leave, which have one each.
  const from = unequal ? r : (r * rows) / size;
  const to = unequal ? (r === size - 1 ? rows : r + 1) : ((r + 1) * rows) / size;
  return [tf.slice(x, [from, 0], [to - from, 8]), tf.slice(y, [from, 0], [to - from, 3])];
}

const numbers = (model) => model.trainableWeights.map((weight) => weight.read().dataSync());
const digest = (model) =>
  numbers(model)
    .reduce((hash, values) => hash.update(values), createHash('sha256'))
    .digest('hex');

for (const [name, [build, distributed, alone, kind]] of Object.entries(RECIPES)) {
  for (const isCompiled of [false, true]) {
    // Other weights on the other workers, which broadcastWeights is to replace.
    const models = [make(build, rank === 0 ? 5 : 900 + rank), make(build, 5)];
    const optimizers = [distributed(), alone()];
    await workers.broadcastWeights(models[0], optimizers[0]);
    const [together, single] = models.map((model, i) => {
      const step = stepOf(model, optimizers[i]);
      return isCompiled ? compile(step) : step;
    });
    const distances = { loss: 0, weights: 0, different: 0 };
    for (let at = 0; at < Number(steps); at++) {
      const batch = [
        tf.randomNormal([16, 8], 0, 1, 'float32', 10 + at),
        tf.randomNormal([16, 3], 0, 1, 'float32', 500 + at),
      ];
      const [x, y] = part(batch, rank, kind === 'unequal');
      workers.examples = x.shape[0];
      const weighted = tf.mul(together(x, y), x.shape[0] / 16);
      const loss = workers.allReduce(weighted, 'sum').dataSync()[0];
      let reference = 0;
      if (kind === 'in parts') {
        for (let r = 0; r < size; r++) reference += single(...part(batch, r)).dataSync()[0] / size;
      } else reference = single(...batch).dataSync()[0];
      distances.loss = Math.max(distances.loss, Math.abs(loss - reference));
      const own = digest(models[0]);
      if (workers.broadcast(own) !== own) distances.different += 1;
    }
    const [mine, theirs] = models.map(numbers);
    for (const [i, values] of mine.entries())
      for (const [j, value] of values.entries())
        distances.weights = Math.max(distances.weights, Math.abs(value - theirs[i][j]));
    const different = workers.allReduce(tf.scalar(distances.different), 'sum').dataSync()[0];
    const result = { recipe: name, compiled: isCompiled, ...distances, different };
    if (rank === 0) console.log(JSON.stringify(result));
    tf.dispose(models);
    for (const optimizer of optimizers) optimizer.dispose();
  }
}
workers.disconnect();
