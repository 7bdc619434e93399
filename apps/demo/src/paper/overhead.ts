/**
 * "No inference cost": the time of a training step with multipliers, in the model and in the optimizer, and of a prediction
 * with the folded model, each relative to the same without multipliers; and the parameters that are left after folding.
 * The times are those of `npm run bench`.
 */
import { compareByName } from '@tfjs-lrm/benchmarks/compare';
import { type Corpus, languageModel, PRESETS, type PresetName } from '@tfjs-lrm/language-model';
import { foldMultipliers } from '@tfjs-lrm/multipliers';
import { inWords, numberOf, type Point, pointOf, where } from './curves.ts';
import type { Drawing } from './drawings.ts';
import {
  type Cell,
  grid,
  type Measured,
  type Outcome,
  type Plan,
  type Settings,
  type Verdict,
  verdictOf,
} from './experiment.ts';

export const name = 'overhead';
export const title = 'Cost: training, inference, parameters';
export const claim =
  'Multipliers make training at most a couple of percent slower, and cost nothing at inference: folded, the model is the plain one (sec. 2).';
export const isAlone = true;

interface Timing {
  readonly size: PresetName;
  readonly rounds: number;
  readonly stepsPerRound: number;
}

interface OwnSettings extends Settings, Timing {}

/** Comparisons of `npm run bench`, and what they are here. */
const COMPARISONS = {
  multipliers: 'training step, multipliers in the model',
  reparametrize: 'training step, multipliers in the optimizer',
  prediction: 'prediction, not folded',
  'folded-prediction': 'prediction, folded',
} as const;

type Name = keyof typeof COMPARISONS;
type Varied = { readonly comparison: Name };

const NAMES = Object.keys(COMPARISONS) as Name[];

/** A seed is a repetition. */
export const plans = (settings: OwnSettings): Plan<Varied, Timing>[] =>
  grid(name, { comparison: NAMES }, settings, ['size', 'rounds', 'stepsPerRound']);

export async function train(cell: Cell<Varied, Timing>, corpus: Corpus): Promise<Measured> {
  const { size, rounds, stepsPerRound } = cell.settings;
  const { ratio, a, b } = await compareByName(
    cell.varied.comparison,
    {
      preset: size,
      backend: cell.backend as 'wasm',
      compile: cell.compile === 'off' ? undefined : cell.compile,
    },
    { rounds, stepsPerRound },
  );
  const times = { ratio: ratio.median, milliseconds: a.median, without: b.median };
  if (cell.varied.comparison !== 'folded-prediction') return times;
  const [plain, multiplied] = [false, true].map((multipliers) =>
    languageModel(PRESETS[size], corpus.vocabulary.length, multipliers, cell.seed),
  );
  const models = [plain!, multiplied!, foldMultipliers(multiplied!)];
  const [parameters, withMultipliers, folded] = models.map((model) => model.countParams());
  for (const model of models) model.dispose();
  return {
    ...times,
    parameters: parameters!,
    parametersWithMultipliers: withMultipliers!,
    parametersFolded: folded!,
  };
}

const over = (outcomes: readonly Outcome<Varied>[], comparison: Name, quantity: string): Point =>
  pointOf(
    0,
    where(outcomes, { comparison }).map(({ measured }) => numberOf(quantity)(measured)),
  );

const ratioOf = (outcomes: readonly Outcome<Varied>[], comparison: Name): Point =>
  over(outcomes, comparison, 'ratio');

const text = ({ mean, spread }: Point): string => `${mean.toFixed(3)} ± ${spread.toFixed(3)}`;

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: OwnSettings): Verdict {
  const { training, inference } = rule as { training: number; inference: number };
  const [inModel, inOptimizer, unfolded, folded] = NAMES.map((each) => ratioOf(outcomes, each));
  const count = (quantity: string): number => over(outcomes, 'folded-prediction', quantity).mean;
  const isCheap = Math.min(inModel!.mean, inOptimizer!.mean) <= training;
  const isFree = folded!.mean <= inference;
  const isPlain = count('parametersFolded') === count('parameters');
  const because = `a training step takes ${text(inModel!)} times as long with multipliers in the model and ${text(inOptimizer!)} with them in the optimizer (the less of them at most ${training}: ${inWords(isCheap)}); a prediction ${text(unfolded!)} before folding and ${text(folded!)} after (at most ${inference}: ${inWords(isFree)}); ${count('parametersWithMultipliers')} parameters with multipliers, ${count('parametersFolded')} folded, ${count('parameters')} without (equal: ${inWords(isPlain)}).`;
  return verdictOf(because, isCheap && isFree && isPlain, isFree && isPlain);
}

export function drawings(outcomes: readonly Outcome<Varied>[], { seeds }: OwnSettings): Drawing[] {
  return [
    {
      kind: 'intervals',
      chart: {
        title: 'Time relative to the same without multipliers',
        description: `Mean of ${seeds.length} repetitions, each a median of rounds in turn; the line is one sample standard deviation to each side.`,
        x: { label: 'ratio of times' },
        series: ['ratio'],
        rows: NAMES.map((each) => {
          const { mean, spread } = ratioOf(outcomes, each);
          return {
            name: COMPARISONS[each],
            marks: [{ value: mean, low: mean - spread, high: mean + spread }],
          };
        }),
        reference: 1,
      },
    },
    {
      kind: 'table',
      caption: 'Milliseconds: means over the repetitions of their medians.',
      rows: [
        ['', 'with multipliers', 'without'],
        ...NAMES.map((each) => [
          COMPARISONS[each],
          over(outcomes, each, 'milliseconds').mean.toFixed(2),
          over(outcomes, each, 'without').mean.toFixed(2),
        ]),
      ],
    },
  ];
}
