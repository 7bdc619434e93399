/** Cases that are not right with enableTraining() yet, by backend: known.json, which only shrinks. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Backend } from './backends.ts';
import { faultOf } from './fault.ts';
import type { Results } from './results.ts';
import { reasonFor } from './stated.ts';

const file = new URL('../known.json', import.meta.url);

/** Name of a case, and the backends on which it is not right. */
export type Known = Readonly<Record<string, readonly string[]>>;

export const readKnown = (): Known => JSON.parse(readFileSync(file, 'utf8')) as Known;

/** Replaces what is known of the backends that were judged. */
export function writeKnown(judgements: Results['judgements']): void {
  const faults = new Map<string, string[]>();
  const add = (name: string, backend: string): unknown =>
    faults.set(name, [...(faults.get(name) ?? []), backend]);
  for (const [name, backends] of Object.entries(readKnown()))
    for (const backend of backends) if (!judgements.has(backend as Backend)) add(name, backend);
  for (const [backend, { ours = [] }] of judgements)
    for (const judgement of ours)
      if (faultOf(judgement) !== null && reasonFor(judgement.name, backend) === undefined)
        add(judgement.name, backend);
  const lines = [...faults].map(
    ([name, backends]) => `  ${JSON.stringify(name)}: ${JSON.stringify(backends)}`,
  );
  writeFileSync(file, lines.length === 0 ? '{}\n' : `{\n${lines.join(',\n')}\n}\n`);
}
