/** What a run of the check found. */

import type { Backend } from './backends.ts';
import type { Case } from './case.ts';
import { type Fault, faultOf, summarize } from './fault.ts';
import { groupBy } from './group-by.ts';
import type { Growth } from './growth.ts';
import type { Judgement } from './judge.ts';

/** Stock tfjs, with `enableTraining()`, and with that compiled into functions of TensorFlow. */
export const MODES = ['stock', 'ours', 'compiled'] as const;
export type Mode = (typeof MODES)[number];

export const isThere = (mode: Mode, backend: Backend): boolean =>
  mode !== 'compiled' || backend === 'tensorflow';

/** The judgements of all cases, in their order, by backend and mode; and the gradients that grow, by mode. */
export interface Results {
  readonly cases: readonly Case[];
  readonly judgements: ReadonlyMap<Backend, Readonly<Partial<Record<Mode, readonly Judgement[]>>>>;
  readonly growth: Readonly<Partial<Record<Mode, readonly Growth[]>>>;
}

/** The faults of each operation, in the order of the cases: none where all is right. */
export function faultsByOperation(
  cases: readonly Case[],
  judgements: readonly Judgement[],
): Map<string, Fault[]> {
  const named = new Map(judgements.map((judgement) => [judgement.name, judgement]));
  const faults = new Map<string, Fault[]>();
  for (const subject of cases) {
    const judgement = named.get(subject.name);
    if (judgement === undefined) continue;
    const title = titleOf(subject);
    const fault = faultOf(judgement);
    faults.set(title, [...(faults.get(title) ?? []), ...(fault === null ? [] : [fault])]);
  }
  return faults;
}

/** What a case is listed under: `avgPool`, `layers.dense`. */
export function titleOf(subject: Case): string {
  if ('layer' in subject) return `layers.${subject.operation}`;
  if ('loss' in subject) return `compile({ loss: '${subject.operation}' })`;
  return subject.operation;
}

/** What the case varies. */
export const optionsOf = (subject: Case): string =>
  subject.name.slice(titleOf(subject).length).trim() || 'plain';

/** The faults of ours in words, backends with the same ones together: `right`, or `webgl, webgpu: no gradient ×2`. */
export function summarizeTogether(cells: ReadonlyMap<Backend, readonly Fault[]>): string {
  const alike = groupBy(cells.keys(), (backend) => summarize(cells.get(backend)!));
  alike.delete('right');
  if (alike.size === 0) return 'right';
  return [...alike].map(([words, backends]) => `${backends.join(', ')}: ${words}`).join('; ');
}
