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

page.judgeCases = async (backend, mode, names) => {
  // Small tensors would go to the plain JavaScript kernels.
  tf.env().set('WEBGL_CPU_FORWARD', false);
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
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
