import { diagnose } from '@tfjs-lrm/diagnostics';
import { bySeeds, type FinishedRun, scaleRecordOf } from '@tfjs-lrm/language-model';

/** What sets the scales of the matrices, for the first run of each group without multipliers: a table each. */
export async function diagnoses(runs: readonly FinishedRun[]): Promise<string[]> {
  const texts: string[] = [];
  for (const [name, [first]] of bySeeds(runs)) {
    if (first === undefined || first.settings.multipliers) continue;
    const record = scaleRecordOf(first);
    if (record !== null) texts.push(`What sets the scales of ${name}\n${await diagnose(record)}`);
  }
  return texts;
}
