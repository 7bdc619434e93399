/** What examples in doc blocks may use without saying where it comes from. */
import * as tf from '@tensorflow/tfjs';
import { adam } from '@tfjs-lrm/adam';
import { asTensorOptimizer, OptimizerAdapter, TensorOptimizer } from '@tfjs-lrm/core';

/** A small compiled model that has taken one step, its data, and a few variables. */
export async function prelude(): Promise<Record<string, unknown>> {
  await tf.setBackend('cpu');
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, inputShape: [3], name: 'router' }),
      tf.layers.dense({ units: 2, name: 'output' }),
    ],
  });
  const optimizer = adam();
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const x = tf.ones([5, 3]);
  const y = tf.zeros([5, 2]);
  await model.fit(x, y, { epochs: 1, verbose: 0 });
  const kernel = model.layers[0]!.weights[0]!.read() as tf.Variable;
  const saved = (await optimizer.getWeights()).map(({ name, tensor }) => ({
    name,
    tensor: tf.clone(tensor),
  }));
  return {
    tf,
    model,
    optimizer,
    x,
    y,
    kernel,
    saved,
    variable: kernel,
    a: 2,
    layer: tf.layers.dense({ units: 4, inputShape: [3] }),
    TensorOptimizer,
    OptimizerAdapter,
    asTensorOptimizer,
  };
}
