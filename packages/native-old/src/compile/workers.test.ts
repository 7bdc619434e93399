import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { build } from '../../../../test/process.ts';
import { onTensorFlow } from '../../test/training.ts';

const root = new URL('../../../../', import.meta.url);

/** A worker that trains a small model, compiled, and posts its losses. */
const SCRIPT = `
const { parentPort, workerData: { root } } = require('node:worker_threads');
const { createRequire } = require('node:module');
const require_ = createRequire(root + 'package.json');
(async () => {
  const { compile } = await import(root + 'packages/native/dist/index.js');
  const { adam } = await import(root + 'packages/adam/dist/index.js');
  const tf = require_('@tensorflow/tfjs-core');
  require_('@tensorflow/tfjs-layers');
  const w = tf.variable(tf.randomNormal([20, 20], 0, 1, 'float32', 1));
  const optimizer = adam({ learningRate: 0.01 });
  const losses = [];
  for (let round = 0; round < 5; round++) {
    const step = compile((x) => optimizer.minimize(() => tf.mean(tf.square(tf.tanh(tf.matMul(x, w)))), true));
    for (let at = 0; at < 60; at++) {
      const x = tf.randomNormal([10, 20], 0, 1, 'float32', 100 + at);
      const loss = step(x);
      losses.push(loss.dataSync()[0]);
      tf.dispose([x, loss]);
    }
    step.dispose();
  }
  parentPort.postMessage(losses);
})();
`;

onTensorFlow(() => {
  it('several threads compile and train at once, each as if it were alone', async () => {
    await build(['native', 'adam']);
    const train = (): Promise<number[]> =>
      new Promise((resolve, reject) => {
        const worker = new Worker(SCRIPT, {
          eval: true,
          workerData: { root: root.pathname },
          execArgv: [],
        });
        worker.once('message', resolve);
        worker.once('error', reject);
      });
    const [alone, ...together] = [
      await train(),
      ...(await Promise.all([train(), train(), train()])),
    ];
    expect(alone).toHaveLength(300);
    expect(alone.at(-1)).toBeLessThan(0.9 * (alone[0] as number));
    for (const losses of together) expect(losses).toEqual(alone);
  });
});
