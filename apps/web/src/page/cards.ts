/** The two models side by side: how well they do, how fast they are, and what they write. */

import { type Run, stepsOf } from '../session/session.ts';
import type { Memory } from '../worker/messages.ts';
import { byId, make, say } from './elements.ts';

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

function numbersOf(run: Run, memory: Memory | null): string {
  const { settings, records, msPerStep } = run;
  const { batch, context } = settings.preset;
  const last = records.at(-1);
  if (last === undefined) return '';
  const speed = msPerStep === 0 ? '' : `${msPerStep.toFixed(0)} ms a step`;
  const characters =
    msPerStep === 0
      ? ''
      : `${Math.round((batch * context * 1000) / msPerStep).toLocaleString('en')} characters a second`;
  const held =
    memory === null ? '' : `\n${megabytes(memory.bytes)} of memory, ${memory.tensors} tensors`;
  const line = [`step ${stepsOf(run)} of ${settings.preset.steps}`, speed, characters];
  return line.filter(Boolean).join(' · ') + held;
}

/** A loss as the number of equally likely characters among which one would be as unsure. */
const unsureOf = (loss: number | null): string =>
  loss === null
    ? ''
    : `as unsure as among ${Math.exp(loss).toFixed(1)} equally likely characters\n`;

export const showRun = (index: number, run: Run, memory: Memory | null): void => {
  say(byId(`loss-${index}`), run.validationLoss?.toFixed(3) ?? '–');
  say(byId(`numbers-${index}`), unsureOf(run.validationLoss) + numbersOf(run, memory));
};

/** Shows what a model wrote after a prompt. */
export function showText(index: number, prompt: string, text: string): void {
  byId(`text-${index}`).replaceChildren(make('b', {}, prompt), text);
}

/** Forgets what the models wrote. */
export function clearTexts(): void {
  for (const index of [0, 1])
    byId(`text-${index}`).replaceChildren(make('span', { class: 'faint' }, 'It will write here.'));
}

/** Below this many nats the models count as equally good. */
const EQUAL = 0.01;

/** What the latest losses that both have at the same step say, in a sentence. */
export function verdictOf([plain, having]: readonly Run[]): string {
  if (plain === undefined || having === undefined) return '';
  const losses = new Map(
    plain.records.map(({ step, validationLoss }) => [step, validationLoss] as const),
  );
  const both = having.records.findLast(
    ({ step, validationLoss }) => validationLoss !== undefined && losses.get(step) !== undefined,
  );
  if (both === undefined) return '';
  const gap = (losses.get(both.step) as number) - (both.validationLoss as number);
  const after = `After ${both.step + 1} steps`;
  if (Math.abs(gap) < EQUAL)
    return `${after} both are equally good, within ${EQUAL} nats a character.`;
  return gap > 0
    ? `${after} the model with multipliers is ahead by ${gap.toFixed(3)} nats a character.`
    : `${after} the model with multipliers is behind by ${(-gap).toFixed(3)} nats a character.`;
}
