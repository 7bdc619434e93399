/** What is true of a kernel, from runs that differ in S alone, beside what `diagnose` says of the one in the middle. */
import { diagnose, type Recipe, type Verdict } from '@tfjs-lrm/diagnostics';
import type { Trained } from './train.ts';

/** Runs of one task, decay and seed by the factor of S. */
export type Trio = Readonly<Record<'low' | 'middle' | 'high', Trained>>;

/** Does the scale follow S at a fixed loss? Null where the loss is not the same. */
export type Truth = 'moves' | 'does not' | null;

export interface Judged {
  readonly name: string;
  /** How its optimizer makes updates of gradients: under Muon, embeddings and heads are its fallback's. */
  readonly rule: Recipe['rule']['kind'] | null;
  /** d log RMS / d log S: 1 where noise and decay set the scale, 0 where the data does. */
  readonly slope: number;
  readonly truth: Truth;
  readonly verdict: Verdict;
  /** Scale over what noise and decay alone would give. */
  readonly ratio: number;
  readonly relaxed: number;
}

/** More than half of the way that noise and decay would take it. */
const MOVES = 0.5;

/** Losses are the same when they differ by a tenth, or by so little. */
const isSameLoss = (losses: readonly number[]): boolean => {
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  return most - least < Math.max(0.1 * least, 0.02);
};

/** Each kernel of three runs, whose S are `factor` apart. */
export async function judge({ low, middle, high }: Trio, factor: number): Promise<Judged[]> {
  const { rows } = await diagnose(middle.record);
  const { variables } = middle.record;
  const scaleIn = ({ record }: Trained, name: string): number =>
    record.variables.find((each) => each.name === name)?.points.at(-1)?.rms ?? Number.NaN;
  const isFixed = isSameLoss([low, middle, high].map(({ loss }) => loss));
  return rows.map(({ name, verdict, scale, noiseScale, relaxed }) => {
    const slope = Math.log(scaleIn(high, name) / scaleIn(low, name)) / Math.log(factor ** 2);
    const truth = !isFixed ? null : slope > MOVES ? 'moves' : 'does not';
    const rule = variables.find((each) => each.name === name)?.recipe?.rule.kind ?? null;
    const ratio = scale / (noiseScale ?? Number.NaN);
    return { name, rule, slope, truth, verdict, ratio, relaxed };
  });
}

/** How often each verdict meets each truth, for each kind of update rule. */
export function confusion(judged: readonly Judged[]): string[][] {
  const verdicts: readonly Verdict[] = ['trapped', 'set by data', 'not yet'];
  const rowsOf = (rule: Judged['rule'], suffix: string): string[][] =>
    (['moves', 'does not'] as const).map((truth) => [
      `${truth === 'moves' ? 'moves with S' : truth}${suffix}`,
      ...verdicts.map((verdict) => {
        const same = (each: Judged): boolean =>
          each.rule === rule && each.truth === truth && each.verdict === verdict;
        return String(judged.filter(same).length);
      }),
    ]);
  const rules = [...new Set(judged.map(({ rule }) => rule))];
  const rows = rules.flatMap((rule) => rowsOf(rule, rules.length > 1 ? `: ${rule}` : ''));
  return [['the norm', ...verdicts], ...rows];
}
