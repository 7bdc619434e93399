/** Fig. 3: the norms of the rows of W_eff, without and with row and column multipliers; its cells are trained by `depth`. */
import { mean, spread } from '@tfjs-lrm/language-model';
import { inWords, listOf, pointOf, where } from './curves.ts';
import { type DepthSettings, type DepthVaried, rowPlans } from './depth.ts';
import type { Drawing } from './drawings.ts';
import { type Outcome, type Verdict, verdictOf } from './experiment.ts';
import type { Multipliers } from './whole-model.ts';

export const name = 'rows';
export const title = 'Rows: the norms of output features';
export const claim =
  'Weight decay gives the rows of a matrix nearly equal norms; row and column multipliers let them differ much more (fig. 3).';

export const plans: typeof rowPlans = rowPlans;

/** Where the histogram ends: a few norms lie far beyond. */
const LARGEST = 4;
const LINES = ['no multipliers', 'rows and columns'] as const;

const rowNorms = listOf('rowNorms');

/** The relative standard deviation of the norms, for each seed. */
const spreadsOf = (outcomes: readonly Outcome<DepthVaried>[], multipliers: Multipliers) =>
  where(outcomes, { multipliers }).map(({ measured }) => {
    const norms = rowNorms(measured);
    return spread(norms) / mean(norms);
  });

export function judge(outcomes: readonly Outcome<DepthVaried>[], { rule }: DepthSettings): Verdict {
  const { broader, visible } = rule as { broader: number; visible: number };
  const [without, vectors] = LINES.map((line) => pointOf(0, spreadsOf(outcomes, line)));
  const ratio = vectors!.mean / without!.mean;
  const isClear = vectors!.mean - without!.mean > 2 * Math.hypot(vectors!.error, without!.error);
  const because = `the norms of rows, each divided by the mean of its matrix, have a standard deviation of ${without!.mean.toFixed(3)} ± ${without!.spread.toFixed(3)} without multipliers and of ${vectors!.mean.toFixed(3)} ± ${vectors!.spread.toFixed(3)} with: ${ratio.toFixed(2)} times as much (beyond the seeds: ${inWords(isClear)}, at least ${broader} times for "reproduced", ${visible} for "partly").`;
  return verdictOf(because, isClear && ratio >= broader, isClear && ratio >= visible);
}

export function drawings(
  outcomes: readonly Outcome<DepthVaried>[],
  { seeds }: DepthSettings,
): Drawing[] {
  return [
    {
      kind: 'histogram',
      chart: {
        title: 'Norms of the rows of W_eff',
        description: `All matrices of the blocks, ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds together'}; norms above ${LARGEST} stand at ${LARGEST}.`,
        x: { label: 'norm of a row, divided by the mean of its matrix' },
        y: { label: 'share, %' },
      },
      samples: LINES.map((line) => ({
        name: line,
        values: where(outcomes, { multipliers: line }).flatMap(({ measured }) =>
          rowNorms(measured).map((norm) => Math.min(norm, LARGEST)),
        ),
      })),
    },
    {
      kind: 'table',
      caption: 'Standard deviation of the norms for each seed.',
      rows: [
        ['', ...seeds.map((seed) => `seed ${seed}`)],
        ...LINES.map((line) => [line, ...spreadsOf(outcomes, line).map((each) => each.toFixed(3))]),
      ],
    },
  ];
}
