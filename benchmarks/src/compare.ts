import { COMPARISONS, type Comparison, type Side } from './comparisons.ts';
import { type Counts, measure, nodeRunner, ratios } from './runner.ts';
import { type Summary, summarize } from './statistics.ts';

/** Milliseconds a step on both sides, and a over b round by round. */
export interface Result extends Counts {
  readonly comparison: Comparison;
  readonly a: Summary;
  readonly b: Summary;
  readonly ratio: Summary;
}

/** Runs two sides in two processes, in turn. */
export async function compare(comparison: Comparison, counts: Counts): Promise<Result> {
  const sides = [comparison.a, comparison.b];
  const [a, b] = (await measure(
    sides.map((side) => () => nodeRunner(side)),
    counts,
  )) as [number[], number[]];
  const ratio = summarize(ratios(a, b));
  return { comparison, ...counts, a: summarize(a), b: summarize(b), ratio };
}

/** The comparison on another backend than wasm, with the demo's model at the size of a preset. */
export function sized(
  { name, a, b }: Comparison,
  preset: string,
  backend: Side['backend'],
  compile: Side['compile'],
): Comparison {
  const sideOf = (side: Side): Side => ({
    ...side,
    ...(compile && { compile }),
    backend: side.backend === 'wasm' ? backend : side.backend,
    options: { ...side.options, preset },
  });
  return { name, a: sideOf(a), b: sideOf(b) };
}

/** A comparison by its name, on a backend, with the demo's model at the size of a preset. */
export async function compareByName(
  name: string,
  conditions: {
    readonly preset: string;
    readonly backend: Side['backend'];
    readonly compile: Side['compile'];
  },
  counts: Counts,
): Promise<Result> {
  const comparison = COMPARISONS.find((each) => each.name === name);
  if (comparison === undefined) throw new Error(`there is no comparison "${name}"`);
  const { preset, backend, compile } = conditions;
  return compare(sized(comparison, preset, backend, compile), counts);
}
