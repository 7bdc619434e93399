/** Judges cases and runs reports in a browser. `browser.js` opens this page, calls `judgeCases` and hears each judgement. */
import '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import type { Fixture } from '../case.ts';
import { evaluate } from '../evaluate.ts';
import { type Judgement, judge } from '../judge.ts';

interface Page {
  judgeCases(backend: string, mode: string, names: readonly string[]): Promise<void>;
  /** The cases that leave tensors or memory of the device, with `enableTraining()`. */
  findLeaks(backend: string, only: string): Promise<readonly string[]>;
  /** Given by `browser.js`. */
  onJudgement(judgement: Judgement): Promise<void>;
}

const fixtures = import.meta.glob<Fixture>('../../../../fixtures/gradients/*.json', {
  eager: true,
  import: 'default',
});
const cases = Object.values(fixtures).flatMap((fixture) => fixture.cases);

const page = globalThis as unknown as Page;
// For the programs of browser-reports.js.
Object.assign(globalThis, { tf, enableTraining });

async function start(backend: string): Promise<void> {
  // Small tensors would go to the plain JavaScript kernels.
  tf.env().set('WEBGL_CPU_FORWARD', false);
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
}

page.judgeCases = async (backend, mode, names) => {
  await start(backend);
  if (mode === 'ours') enableTraining();
  let isLost = false;
  const { device } = tf.backend() as unknown as { device?: { lost: Promise<unknown> } };
  device?.lost.then(() => {
    isLost = true;
  });
  const chosen = new Set(names);
  for (const subject of cases) {
    if (!chosen.has(subject.name)) continue;
    const judgement = judge(subject, await evaluate(subject));
    // What comes after it would be refused for the same reason: the next case has a page of its own.
    if (isLost) throw new Error(`the device is lost in ${subject.name}`);
    await page.onJudgement(judgement);
  }
};

interface Memory {
  readonly numTensors: number;
  readonly numBytesInGPU: number;
  /** Of the backend; the count of the engine does not know of the parts of complex tensors. */
  readonly numDataIds: number;
}

page.findLeaks = async (backend, only) => {
  await start(backend);
  enableTraining();
  const memory = (): Memory => ({
    ...(tf.memory() as unknown as Memory),
    numDataIds: tf.backend().numDataIds(),
  });
  const leaks: string[] = [];
  for (const subject of cases) {
    // It ends the device of webgpu where there is no GPU.
    if (subject.name.startsWith('sparse.') || !subject.name.startsWith(only)) continue;
    const { forward, gradient, second } = await evaluate(subject);
    // tfjs keeps what it has saved where an operation throws.
    if ([forward, gradient, second].some((outcome) => outcome !== null && 'refused' in outcome))
      continue;
    const before = memory();
    for (let i = 0; i < 2; i++) await evaluate(subject);
    const after = memory();
    for (const key of ['numTensors', 'numDataIds', 'numBytesInGPU'] as const)
      if (after[key] > before[key])
        leaks.push(`${subject.name}: ${key} ${before[key]} → ${after[key]}`);
  }
  return leaks;
};
