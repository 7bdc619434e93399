/**
 * Fig. 7: what is tuned a group of matrices at a time, as µP does (nothing, learning rates, decays too, forward factors
 * too), under AdamW and Muon, without and with multipliers. Each is tuned by a seeded random search of the same budget.
 */
import { assignRoles } from '@tfjs-lrm/core';
import {
  type Corpus,
  DEFAULT_RECIPE,
  languageModel,
  optimizerOf,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { inWords, lineOf, numberOf, overSeeds, type Point, pointOf, where } from './curves.ts';
import type { Drawing } from './drawings.ts';
import {
  type Cell,
  combinations,
  grid,
  type Measured,
  type Outcome,
  type Plan,
  type Settings,
  type Verdict,
  verdictOf,
} from './experiment.ts';
import { type TrainedSettings, trainCell } from './train-cell.ts';
import { applyFactors, factorName, GROUPS, type KINDS } from './tuning/factors.ts';
import { type Factors, type Stage, search } from './tuning/search.ts';

export const name = 'tuning';
export const title = 'Tuning: multipliers beside µP’s factors';
export const claim =
  'Multipliers improve every way of tuning, under Adam and Muon; with them decays need no tuning, and tuned learning rates still help (fig. 7).';

const TUNINGS = ['nothing', 'rates', 'rates and decays', 'all'] as const;
const OPTIMIZERS = ['AdamW', 'Muon'] as const;
const MULTIPLIERS = ['without', 'with'] as const;

type Varied = {
  readonly tuned: (typeof TUNINGS)[number];
  readonly optimizer: (typeof OPTIMIZERS)[number];
  readonly multipliers: (typeof MULTIPLIERS)[number];
};

interface TuningTraining extends TrainedSettings {
  readonly trialSteps: number;
  /** Validation batches of a trial. */
  readonly trialBatches: number;
  readonly learningRate: number;
  readonly decay: number;
  readonly multiplierDecay: number;
  /** Trials in which only the learning rate of all variables varies, and by how much. */
  readonly rateTrials: number;
  readonly rateSpread: number;
  /** Trials in which everything varies that a cell tunes. */
  readonly groupTrials: number;
  readonly groupSpread: number;
}

export interface TuningSettings extends Settings, TuningTraining {
  readonly rule: {
    /** How many standard errors a difference must have to count. */
    readonly errors: number;
  };
}

export const plans = (settings: TuningSettings): Plan<Varied, TuningTraining>[] =>
  grid(name, { tuned: TUNINGS, optimizer: OPTIMIZERS, multipliers: MULTIPLIERS }, settings, [
    'preset',
    'validationBatches',
    'trialSteps',
    'trialBatches',
    'learningRate',
    'decay',
    'multiplierDecay',
    'rateTrials',
    'rateSpread',
    'groupTrials',
    'groupSpread',
  ]);

/** What each way of tuning has a factor for, in every group. */
const TUNED: Readonly<Record<Varied['tuned'], readonly (typeof KINDS)[number][]>> = {
  nothing: [],
  rates: ['rate'],
  'rates and decays': ['rate', 'decay'],
  all: ['rate', 'decay', 'forward'],
};

function stagesOf(
  tuned: Varied['tuned'],
  { rateTrials, rateSpread, groupTrials, groupSpread }: TuningTraining,
): Stage[] {
  const factors = TUNED[tuned].flatMap((kind) => GROUPS.map((group) => factorName(kind, group)));
  return [
    { trials: rateTrials, names: ['rate'], spread: rateSpread },
    { trials: groupTrials, names: ['rate', ...factors], spread: groupSpread },
  ];
}

type OwnCell = Cell<Varied, TuningTraining>;

/** Trains a model with factors and returns its validation loss. */
async function lossOf(cell: OwnCell, factors: Factors, corpus: Corpus): Promise<number> {
  const { varied, seed, settings } = cell;
  const { preset, decay, multiplierDecay } = settings;
  const model = languageModel(
    preset,
    corpus.vocabulary.length,
    varied.multipliers === 'with',
    seed,
  );
  assignRoles(model);
  applyFactors(model, factors);
  const learningRate = settings.learningRate * (factors['rate'] ?? 1);
  const optimizer = optimizerOf(
    {
      ...DEFAULT_RECIPE,
      optimizer: varied.optimizer === 'Muon' ? 'muon' : 'adamw',
      learningRate,
      decay,
      multiplierDecay,
    },
    scheduleOf(preset.steps),
  );
  const { loss } = await trainCell({ model, optimizer, cell }, corpus);
  // A run that diverged is no candidate.
  return Number.isFinite(loss) ? (loss as number) : Number.MAX_VALUE;
}

/** So that the best of a search does not owe its place to the seed that it was found with. */
const ANOTHER_SEED = 100;

export async function train(cell: OwnCell, corpus: Corpus): Promise<Measured> {
  const { settings, varied, seed } = cell;
  const { trialSteps, trialBatches } = settings;
  const preset = { ...settings.preset, steps: trialSteps };
  const trial = { ...cell, settings: { ...settings, preset, validationBatches: trialBatches } };
  const { best, losses } = await search(
    stagesOf(varied.tuned, settings),
    xoroshiro128plus(seed),
    (factors) => lossOf(trial, factors, corpus),
  );
  const again = { ...cell, seed: seed + ANOTHER_SEED };
  return {
    loss: await lossOf(again, best, corpus),
    losses,
    ...best,
  };
}

const lossAt = (outcomes: readonly Outcome<Varied>[], varied: Varied): Point =>
  pointOf(
    TUNINGS.indexOf(varied.tuned),
    where(outcomes, varied).map(({ measured }) => numberOf('loss')(measured)),
  );

export function drawings(
  outcomes: readonly Outcome<Varied>[],
  settings: TuningSettings,
): Drawing[] {
  const lines = combinations<Omit<Varied, 'tuned'>>({
    optimizer: OPTIMIZERS,
    multipliers: MULTIPLIERS,
  });
  return [
    {
      kind: 'curves',
      chart: {
        title: 'Loss by what is tuned',
        description: overSeeds(settings),
        x: {
          label: 'what is tuned in each group of matrices',
          ticks: TUNINGS.map((_, i) => i),
          format: (at: number) => TUNINGS[at] ?? '',
        },
        y: { label: 'validation loss, nats a character' },
      },
      lines: lines.map(({ optimizer, multipliers }) =>
        lineOf(
          `${optimizer}, ${multipliers} multipliers`,
          TUNINGS.map((tuned) => lossAt(outcomes, { tuned, optimizer, multipliers })),
        ),
      ),
    },
  ];
}

/** The loss of one kind of cells minus that of another, seed by seed, and its mean over what both have in common. */
function difference(
  outcomes: readonly Outcome<Varied>[],
  pairs: readonly (readonly [more: Varied, less: Varied])[],
): Point {
  const lossesOf = (varied: Varied) =>
    new Map(
      where(outcomes, varied).map(({ cell, measured }) => [cell.seed, numberOf('loss')(measured)]),
    );
  const [first] = pairs;
  const seeds = first === undefined ? [] : [...lossesOf(first[0]).keys()];
  return pointOf(
    0,
    seeds.map((seed) => {
      const each = pairs.map(
        ([more, less]) =>
          (lossesOf(more).get(seed) as number) - (lossesOf(less).get(seed) as number),
      );
      return each.reduce((sum, value) => sum + value, 0) / each.length;
    }),
  );
}

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: TuningSettings): Verdict {
  const counts = ({ mean, error }: Point): boolean => mean > 0 && mean > rule.errors * error;
  const parts = OPTIMIZERS.map((optimizer) => {
    const pairs = TUNINGS.map(
      (tuned) =>
        [
          { tuned, optimizer, multipliers: 'without' },
          { tuned, optimizer, multipliers: 'with' },
        ] as const,
    );
    const gain = difference(outcomes, pairs);
    const improved = pairs.filter((pair) => difference(outcomes, [pair]).mean > 0).length;
    const rates = difference(outcomes, [
      [
        { tuned: 'nothing', optimizer, multipliers: 'with' },
        { tuned: 'rates', optimizer, multipliers: 'with' },
      ],
    ]);
    const because = `${optimizer}: multipliers lower the loss by ${gain.mean.toFixed(3)} ± ${gain.error.toFixed(3)} nats over all ways of tuning (more than ${rule.errors} standard errors: ${inWords(counts(gain))}), in ${improved} of ${pairs.length} of them; with multipliers, tuned rates lower it by ${rates.mean.toFixed(3)} ± ${rates.error.toFixed(3)} (${inWords(counts(rates))})`;
    return {
      because,
      gains: counts(gain),
      always: improved === pairs.length,
      rates: counts(rates),
    };
  });
  const because = `${parts.map((part) => part.because).join('; ')}.`;
  const isWhole = parts.every(({ gains, always, rates }) => gains && always && rates);
  const isSeen = parts.some(({ gains }) => gains);
  return verdictOf(because, isWhole, isSeen);
}
