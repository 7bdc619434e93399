import type { RunFolder } from '../checkpoint/run-folder.ts';

/** What is about to happen, in a few lines. */
export function introduction({ settings, runs, path }: RunFolder, isResumed: boolean): string {
  const first = settings.runs[0] as (typeof settings.runs)[number];
  const { width, blocks, heads, context, batch, steps } = first.preset;
  const done = runs.reduce((sum, { state }) => sum + (state?.step ?? 0), 0);
  return [
    `${settings.runs.length} ${settings.runs.length === 1 ? 'run' : 'runs'} of ${steps} steps on ${first.backend}${first.compile === 'off' ? '' : `, compiled (${first.compile})`}${first.workers === undefined ? '' : `, ${first.workers} processes each`}, learning rate ${first.learningRate}${first.mupBase === undefined ? '' : `, µP from width ${first.mupBase}`}`,
    `width ${width}, ${blocks} blocks, ${heads} heads, ${batch} × ${context} characters a step, text: ${settings.text.file ?? 'Moby Dick'}`,
    isResumed
      ? `going on in ${path}, where ${done} of ${steps * settings.runs.length} steps are done`
      : `everything goes to ${path}; Ctrl-C saves a checkpoint`,
    '',
  ].join('\n');
}
