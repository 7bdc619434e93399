/** Every worker fits a model to its parts of the data, and then alone to all of it; worker 0 prints both. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { connect, evaluate, reduceLogs, shard, withAllReduce } from '@tfjs-lrm/distributed';

const workers = await connect();
const { rank } = workers;

function make(optimizer, seed) {
  const { dense } = layers.layers;
  const initializer = layers.initializers.glorotUniform({ seed });
  const model = layers.sequential({
    layers: [
      dense({ units: 2, inputShape: [3], kernelInitializer: initializer, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  return model;
}

const examples = (count, seed) => {
  const xs = tf.randomNormal([count, 3], 0, 1, 'float32', seed);
  const isFirst = tf.cast(tf.greater(tf.sum(xs, 1), 0), 'float32');
  return { xs, ys: tf.stack([isFirst, tf.sub(1, isFirst)], 1) };
};
// 50 examples in batches of 8: the last has 2, so that the third worker gets none of them.
const [training, validation] = [examples(50, 1), examples(31, 2)];
const batches = { batchSize: 8 };

const optimizer = withAllReduce(adam({ learningRate: 0.05 }));
const together = make(optimizer, 3 + rank);
await workers.broadcastWeights(together, optimizer);
const { history } = await together.fitDataset(shard(training, { ...batches, shuffle: 5 }), {
  epochs: 4,
  verbose: 0,
  callbacks: [reduceLogs({ validation: shard(validation, batches) })],
});
const evaluated = await evaluate(together, shard(training, batches));

// Alone: the same batches, put together again from all parts.
const order = (epoch) => {
  const drawn = tf.randomUniform([50], 0, 1, 'float32', 5 + epoch).dataSync();
  return Int32Array.from({ length: 50 }, (_, i) => i).sort((a, b) => drawn[a] - drawn[b]);
};
const single = make(adam({ learningRate: 0.05 }), 3);
const alone = { loss: [], acc: [], val_loss: [], val_acc: [] };
for (let epoch = 0; epoch < 4; epoch++) {
  const rows = tf.tensor1d(order(epoch), 'int32');
  const fitted = await single.fit(tf.gather(training.xs, rows), tf.gather(training.ys, rows), {
    ...{ batchSize: 8, shuffle: false, epochs: 1, verbose: 0 },
    validationData: [validation.xs, validation.ys],
  });
  for (const [name, list] of Object.entries(alone)) list.push(fitted.history[name][0]);
}
const [loss, acc] = single.evaluate(training.xs, training.ys).map((value) => value.dataSync()[0]);
console.log(JSON.stringify({ history, alone, evaluated, reference: { loss, acc } }));
workers.disconnect();
