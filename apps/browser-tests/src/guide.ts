/** 50 steps of the guide's stack, on every backend that the browser has, equal those on cpu. */
import '@tensorflow/tfjs-backend-webgpu';
import { example } from 'virtual:guide';
import * as tf from '@tensorflow/tfjs';
import { enableTraining } from '@tfjs-lrm/kernels';
import { random } from '../../../test/numbers.ts';
import { largestError, report } from './report.ts';
import { setUpWasm } from './wasm.ts';

/** The example itself takes ten of them: five epochs of two steps. */
const STEPS = 50;
const TOLERANCE = 1e-3;

interface Trained {
  readonly values: number[][];
  readonly losses: number[];
  /** How many tensors there were at the end of each epoch. */
  readonly tensors: Set<number>;
}

async function train(): Promise<Trained> {
  // tfjs draws weights, data and the order of rows by it, on every backend alike.
  Math.random = random(1);
  const { model, x, y } = await example();
  const tensors = new Set<number>();
  const { history } = await model.fit(x, y, {
    epochs: STEPS / 2 - 5,
    verbose: 0,
    callbacks: { onEpochEnd: async () => void tensors.add(tf.memory().numTensors) },
  });
  const losses = history['loss'] as number[];
  const weights = await Promise.all(model.getWeights().map((weight) => weight.data()));
  return { values: [losses, ...weights.map((weight) => [...weight])], losses, tensors };
}

await report(async ({ note, check }) => {
  setUpWasm(1);
  enableTraining();
  await tf.setBackend('cpu');
  const cpu = await train();
  const [first, last] = [cpu.losses[0] as number, cpu.losses.at(-1) as number];
  check(`cpu: the loss falls from ${first.toFixed(3)} to ${last.toFixed(3)}`, last < first);

  note(`${STEPS} steps: losses and weights, relative to the larger of a value on cpu and 0.1:`);
  for (const backend of ['wasm', 'webgl', 'webgpu']) {
    if (!(await tf.setBackend(backend).catch(() => false))) {
      note(`--   ${backend} is not in this browser`);
      continue;
    }
    const began = performance.now();
    const trained = await train();
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const error = largestError(trained.values, cpu.values, 0.1);
    check(`${backend}: ${error.toExponential(1)}, in ${seconds} s`, error < TOLERANCE);
    check(
      `${backend}: ${[...trained.tensors].join(', ')} tensors after each epoch`,
      trained.tensors.size === 1,
    );
  }
});
