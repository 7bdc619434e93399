/** One run in a process of its own: the job comes as a message, progress and the result go back as messages. */
import {
  makeCorpus,
  type Progress,
  type RunResult,
  type RunSettings,
  type RunState,
  type TextSource,
  train,
} from '@tfjs-lrm/language-model';
import { Failure, Mistake } from '@tfjs-lrm/shared';
import { readAgain } from '../text.ts';
import { trainingStep } from '../training/step.ts';
import { useBackend } from '../training/use-backend.ts';
import { shareRun } from '../training/workers.ts';
import { saveModel } from './save-model.ts';

export interface Job {
  readonly settings: RunSettings;
  readonly text: TextSource;
  readonly from: RunState | null;
  readonly checkpointEvery: number;
  readonly modelFolder: string;
}

export type ParentMessage = { readonly job: Job } | { readonly stop: true };

export type ChildMessage =
  | { readonly progress: Progress }
  /** Null when the run was stopped, and from all but the first of the processes that share it. */
  | { readonly result: RunResult | null }
  | {
      readonly error: string;
      readonly kind: 'mistake' | 'failure' | 'defect';
      readonly code: string | undefined;
    };

/** Without it a loop of synchronous steps receives no messages. */
const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const send = (message: ChildMessage): void => {
  // Where the parent is gone there is nobody to tell; 'disconnect' ends this process.
  process.send?.(message, undefined, undefined, () => {});
};

async function run({ settings, text, modelFolder, ...rest }: Job): Promise<void> {
  try {
    await useBackend(settings.backend);
    const asked = (): boolean => isStopping;
    const shared = (settings.workers ?? 1) > 1 ? await shareRun(yieldToEventLoop, asked) : null;
    const isFirst = shared?.isFirst ?? true;
    const result = await train(settings, makeCorpus(readAgain(text)), {
      ...rest,
      host: shared?.host ?? { step: trainingStep, between: yieldToEventLoop },
      report: (progress) => {
        if (isFirst) send({ progress });
      },
      keep: async (folded, vocabulary) => {
        if (isFirst) await saveModel(folded, modelFolder, { vocabulary });
      },
      isStopping: shared?.isStopping ?? asked,
    });
    shared?.leave();
    send({ result: isFirst ? result : null });
  } catch (error) {
    const kind =
      error instanceof Mistake ? 'mistake' : error instanceof Failure ? 'failure' : 'defect';
    const { message, code } = error as NodeJS.ErrnoException;
    send({ error: message ?? String(error), kind, code });
  }
}

let isStopping = false;
// The parent disconnects at the end of a run; without a parent there is nobody to report to.
process.once('disconnect', () => process.exit());
// Ctrl-C reaches every process of a terminal; the parent says what to do about it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('message', (message: ParentMessage) => {
  if ('stop' in message) isStopping = true;
  else void run(message.job);
});
