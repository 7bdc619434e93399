/** One run in a process of its own: settings come as a message, progress and the result go back as messages. */
import { useBackend } from './backend.ts';
import type { RunSettings } from './presets.ts';
import { makeCorpus, mobyDick } from './text.ts';
import { type Progress, type RunResult, train } from './train.ts';

export type ChildMessage =
  | { readonly progress: Progress }
  | { readonly result: RunResult }
  | { readonly error: string };

const send = (message: ChildMessage): void => {
  process.send?.(message);
};

// Without its parent a run has nobody to report to.
process.once('disconnect', () => process.exit());

process.once('message', async (settings: RunSettings) => {
  try {
    await useBackend(settings.backend);
    const result = await train(settings, makeCorpus(mobyDick()), (progress) => send({ progress }));
    send({ result });
  } catch (error) {
    send({ error: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect();
});
