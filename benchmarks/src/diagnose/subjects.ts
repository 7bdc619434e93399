/** Models that people train, diagnosed: what `npm run study:diagnose -- NAME` prints. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles } from '@tfjs-lrm/core';
import { type Diagnosis, diagnose, watchScales } from '@tfjs-lrm/diagnostics';
import { mean } from '@tfjs-lrm/language-model';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { mobilenet } from '../mobilenet.ts';
import { lstm, randomOf } from './tasks.ts';
import { type Compiler, train } from './train.ts';

const DECAYS: readonly number[] = [0.01, 0.1, 8];

/** A diagnosis with what was trained, in a line. */
async function* diagnosed(
  runs: AsyncIterable<{ readonly title: string; readonly diagnosis: Diagnosis }>,
): AsyncGenerator<string> {
  for await (const { title, diagnosis } of runs) yield `${title}\n${diagnosis}\n`;
}

const [SIDE, BATCH, CLASSES] = [96, 16, 5];

/** Stripes in a direction of each class, of random colour, width and phase, under noise: [batch, side, side, 3], 0 to 1. */
function stripes({ uniform, normal }: ReturnType<typeof randomOf>): [tf.Tensor4D, tf.Tensor2D] {
  const pixels = new Float32Array(BATCH * SIDE * SIDE * 3);
  const labels = Array.from({ length: BATCH }, () => Math.floor(CLASSES * uniform()));
  let at = 0;
  for (const label of labels) {
    const [angle, period, phase] = [
      (Math.PI * (label + 0.5 * (uniform() - 0.5))) / CLASSES,
      8 + 16 * uniform(),
      2 * Math.PI * uniform(),
    ];
    const color = [uniform(), uniform(), uniform()];
    for (let i = 0; i < SIDE * SIDE; i++) {
      const along = Math.cos(angle) * (i % SIDE) + Math.sin(angle) * Math.floor(i / SIDE);
      const wave = Math.sin((2 * Math.PI * along) / period + phase);
      for (const channel of color)
        pixels[at++] = Math.min(
          1,
          Math.max(0, 0.5 + 0.4 * (channel - 0.5) * wave + 0.2 * normal()),
        );
    }
  }
  return [
    tf.tensor4d(pixels, [BATCH, SIDE, SIDE, 3]),
    tf.tidy(() => tf.cast(tf.oneHot(labels, CLASSES), 'float32') as tf.Tensor2D),
  ];
}

/** The pretrained MobileNetV2 of nsfwjs, all layers trained for 200 steps with AdamW. */
async function* fineTuned(): AsyncGenerator<{ title: string; diagnosis: Diagnosis }> {
  const [steps, learningRate, decay] = [200, 1e-3, 0.1];
  const model = await mobilenet(SIDE);
  assignRoles(model);
  const optimizer = withWeightDecay(adam({ learningRate }), { decay });
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  const { compileModel } = await import('@tfjs-lrm/native');
  const compiled = compileModel(model);
  const random = randomOf(1);
  const watch = watchScales(model, optimizer, { every: 20 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const [x, y] = stripes(random);
    losses.push((await model.trainOnBatch(x, y)) as number);
    watch.record();
    tf.dispose([x, y]);
  }
  const diagnosis = await diagnose(watch);
  const [first, last] = [losses.slice(0, 20), losses.slice(-20)].map((some) =>
    mean(some).toFixed(2),
  );
  yield {
    title: `MobileNetV2 of nsfwjs, ${steps} steps of AdamW at ${learningRate}, decay ${decay}; ${BATCH} images of ${SIDE} × ${SIDE} a step, loss ${first} in the first 20 and ${last} in the last`,
    diagnosis,
  };
  watch.dispose();
  compiled.dispose();
  optimizer.dispose();
  model.dispose();
}

/** An LSTM that predicts the next symbol, at decays around the usual. */
async function* recurrent(compiler: Compiler): AsyncGenerator<{
  title: string;
  diagnosis: Diagnosis;
}> {
  const steps = 1000;
  for (const decay of [0.1, 0.5, 8]) {
    const { record, loss } = await train(
      { task: lstm, optimizer: 'adam', decay, seed: 1, factor: 1, steps },
      compiler,
    );
    yield {
      title: `LSTM of 48 units, ${steps} steps of AdamW at ${lstm.learningRate}, decay ${decay}; loss ${loss.toFixed(2)}`,
      diagnosis: await diagnose(record),
    };
  }
}

/** The demo's model at three decays: the demo itself, of whose output the diagnoses are passed on. */
async function* demo(): AsyncGenerator<string> {
  const folder = mkdtempSync(join(tmpdir(), 'diagnose-'));
  const main = fileURLToPath(new URL('../../../apps/demo/dist/main.js', import.meta.url));
  const flags = `--optimizer adamw --multipliers off --decay ${DECAYS} --out ${join(folder, 'run')}`;
  const child = spawn(process.execPath, [main, 'train', ...flags.split(' ')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let isDiagnosis = false;
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('What sets the scales')) isDiagnosis = true;
    else if (line.includes(' writes:')) isDiagnosis = false;
    if (isDiagnosis) yield line;
  }
  const code = await ended;
  rmSync(folder, { recursive: true, force: true });
  if (code !== 0) throw new Error(`the demo ended with exit code ${code}.`);
}

export const SUBJECTS = ['mobilenet', 'lstm', 'demo'] as const;
type Subject = (typeof SUBJECTS)[number];

/** Trains a subject, and gives what there is to print. */
export function diagnosesOf(subject: Subject, compiler: Compiler): AsyncIterable<string> {
  if (subject === 'demo') return demo();
  return diagnosed(subject === 'mobilenet' ? fineTuned() : recurrent(compiler));
}
