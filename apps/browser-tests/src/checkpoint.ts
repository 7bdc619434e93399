/** A run that goes on from a checkpoint in IndexedDB equals one that was never interrupted; damage is passed over. */
import * as tf from '@tensorflow/tfjs';
import { adam } from '@tfjs-lrm/adam';
import {
  indexedDBStore,
  lastCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
} from '@tfjs-lrm/checkpoint';
import { noise, random } from '../../../test/numbers.ts';
import { report } from './report.ts';
import { setUpWasm } from './wasm.ts';

function build(): tf.LayersModel {
  const kernelInitializer = tf.initializers.glorotNormal({ seed: 1 });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, activation: 'tanh', inputShape: [3], kernelInitializer }),
      tf.layers.dense({ units: 2, kernelInitializer }),
    ],
  });
  model.compile({ optimizer: adam({ learningRate: 0.02 }), loss: 'meanSquaredError' });
  return model;
}

async function train(model: tf.LayersModel, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    const next = random(1000 + step);
    const [x, y] = [tf.tensor(noise(next, 15), [5, 3]), tf.tensor(noise(next, 10), [5, 2])];
    await model.trainOnBatch(x, y);
    tf.dispose([x, y]);
  }
}

const values = (model: tf.LayersModel): string =>
  JSON.stringify(model.getWeights().map((weight) => [...weight.dataSync()]));

await report(async ({ check }) => {
  setUpWasm(1);
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    const store = indexedDBStore(`${backend} ${Date.now()}`);
    check(`${backend}: nothing at first`, (await lastCheckpoint(store)) === null);
    const whole = build();
    await train(whole, 0, 9);
    const first = build();
    for (let step = 1; step <= 5; step++) {
      await train(first, step - 1, step);
      const run = { model: first, optimizer: first.optimizer, step, extra: { backend } };
      await saveCheckpoint(store, run, { keep: 2 });
    }
    check(`${backend}: the last two are kept`, `${await store.list()}` === '4,5');
    const second = build();
    const from = await loadCheckpoint(store, { model: second, optimizer: second.optimizer });
    check(`${backend}: goes on after step ${from?.step}`, from?.step === 5);
    await train(second, 5, 9);
    check(`${backend}: equals a whole run bit for bit`, values(second) === values(whole));

    const bytes = await store.read(5);
    for (const cut of [0, 30, 500, bytes.length - 1]) {
      await store.write(5, [bytes.subarray(0, cut)]);
      const last = await lastCheckpoint(store);
      check(
        `${backend}: cut off at ${cut} bytes, the one before serves`,
        last?.step === 4 && `${last.damaged}` === '5',
      );
    }
  }
});
