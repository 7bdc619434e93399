/** What goes wrong without a fault of a machine: every worker prints, as JSON, what it is told. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { connect, withAllReduce } from '@tfjs-lrm/distributed';
import { compile } from '@tfjs-lrm/native';

const told = {};
/** Notes what a call throws, or what it returns. */
async function note(name, call) {
  try {
    told[name] = (await call()) ?? '';
  } catch (error) {
    told[name] = error.message;
  }
}

const rank = JSON.parse(process.env.TF_CONFIG).task.index;
const early = tf.ones([2]);
await note('tensor before', () => connect());
early.dispose();
await note('option', () => connect({ timeOut: 3 }));

const workers = await connect({ timeout: 2 });
await note('twice', () => connect());

const model = (units) =>
  layers.sequential({
    layers: [layers.layers.dense({ units, inputShape: [3], name: `dense${units}` })],
  });
const [mine, same] = [model(2 + rank), model(9)];
const optimizer = withAllReduce(adam());
await note('model', () => workers.broadcastWeights(mine, optimizer));
await note('optimizer', () => workers.broadcastWeights(same, adam({ beta1: 0.9 - rank / 10 })));
await note('same', () => workers.broadcastWeights(same, optimizer));
await note('bool', () => workers.allReduce(tf.ones([2], 'bool')).dataSync());
await note('mean of integers', () => workers.allReduce(tf.ones([2], 'int32'), 'mean').dataSync());
await note('reduction', () => workers.allReduce(tf.ones([2]), 'max'));
await note('examples', () => {
  workers.examples = -1;
});

// A variable that the loss reaches on worker 1 alone; one that it reaches nowhere, and later everywhere.
const [a, b, c] = ['a', 'b', 'c'].map((name) => tf.variable(tf.tensor1d([1, 2]), true, name));
const sgd = withAllReduce(tf.train.sgd(1));
const step = (...reached) => sgd.minimize(() => tf.sum(tf.addN(reached)), false, [c, b, a]);
const values = () => [a, b, c].map((variable) => [...variable.dataSync()]);
step(...(rank === 1 ? [a, b] : [a]));
told.missing = values();
await note('appearing', () => step(a, c));
told.unchanged = values();

// Two equal calls in one recorded step, whose results must not be exchanged.
const twice = compile((x) => [
  workers.allReduce(x, 'sum'),
  workers.allReduce(tf.mul(x, 10), 'sum'),
]);
for (let i = 0; i < 4; i++)
  told[`recorded ${i}`] = twice(tf.scalar(rank + 1)).map((y) => y.dataSync()[0]);
// A worker that records anew, while the other one runs its recording.
const shapes = compile((x) => workers.allReduce(tf.sum(x), 'sum'));
for (let i = 0; i < 5; i++) {
  const size = rank === 0 && i > 2 ? i : 2;
  told[`other shapes ${i}`] = shapes(tf.ones([size])).dataSync()[0];
}
const xla = compile((x) => workers.allReduce(x), { xla: true });
for (let i = 0; i < 3; i++) await note('xla', () => [...xla(tf.ones([2])).dataSync()]);

// Tensors of TensorFlow, with those that tfjs does not know of.
const held = () => tf.backend().binding.getNumOfTensors();
const exchangeAll = () => {
  tf.dispose(workers.allReduce(same.weights[0].read()));
  workers.broadcast(1);
};
exchangeAll(); // TensorFlow makes the weight with its first use.
const before = held();
for (let i = 0; i < 3; i++) exchangeAll();
told.kept = held() - before;
// Longer than the timeout.
await new Promise((resolve) => setTimeout(resolve, 2500));
await note('after a pause', () => workers.allReduce(tf.scalar(rank), 'sum').dataSync()[0]);
await note('other calls', () => workers.allReduce(tf.ones([2 + rank])).dataSync());
await note('after that', () => workers.barrier());
await note('leaving', () => workers.disconnect());
await note('left', () => workers.barrier());
await note('unconnected', () => step(a));
console.log(JSON.stringify(told));
