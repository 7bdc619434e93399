/**
 * What a user gets: the whole model over a wide grid of learning rates and decays, without and with row and column
 * multipliers, under AdamW and under Muon. The grid without multipliers is the tuning of the baseline.
 */
import { assignRoles } from '@tfjs-lrm/core';
import {
  type Corpus,
  DEFAULT_RECIPE,
  type OptimizerName,
  optimizerOf,
  scheduleOf,
} from '@tfjs-lrm/language-model';
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
import { type TrainedSettings, trainCell } from './train-cell.ts';
import { type Multipliers, wholeModel } from './whole-model.ts';

export const name = 'robust';
export const title = 'Whole model: learning rate and weight decay over a wide grid';
export const claim =
  'Because multipliers learn the scale that decay would otherwise set, good results need less tuning: they come from a larger part of the grid, and a wrong choice costs less, under Adam and Muon alike (sec. 2 and 5).';

interface Training extends TrainedSettings {
  readonly multiplierDecay: number;
}

interface OwnSettings extends Settings, Training {
  readonly learningRates: readonly number[];
  readonly decays: readonly number[];
}

const OPTIMIZERS = ['adamw', 'muon'] as const;
const TITLES = { adamw: 'AdamW', muon: 'Muon' } as const;
/** A loss this many times as far from the best as the frame has no colour. */
const SHADED = 10;
const MULTIPLIERS = ['no multipliers', 'rows and columns'] as const;

type Varied = {
  readonly optimizer: OptimizerName;
  readonly multipliers: Multipliers;
  readonly learningRate: number;
  readonly decay: number;
};

export const plans = (settings: OwnSettings): Plan<Varied, Training>[] =>
  grid(
    name,
    {
      optimizer: OPTIMIZERS,
      multipliers: MULTIPLIERS,
      learningRate: settings.learningRates,
      decay: settings.decays,
    },
    settings,
    ['preset', 'multiplierDecay', 'validationBatches'],
  );

export async function train(cell: Cell<Varied, Training>, corpus: Corpus): Promise<Measured> {
  const { settings, seed, varied } = cell;
  const { preset, multiplierDecay } = settings;
  const { multipliers, ...chosen } = varied;
  const model = wholeModel(preset, corpus.vocabulary.length, multipliers, seed);
  assignRoles(model);
  const optimizer = optimizerOf(
    { ...DEFAULT_RECIPE, ...chosen, multiplierDecay },
    scheduleOf(preset.steps),
  );
  return trainCell({ model, optimizer, cell }, corpus);
}

type Condition = Pick<Varied, 'optimizer' | 'multipliers'>;

/** The losses of a condition over the grid, decays as rows. */
const lossesOf = (
  outcomes: readonly Outcome<Varied>[],
  condition: Condition,
  { learningRates, decays }: OwnSettings,
): Point[][] =>
  decays.map((decay) =>
    learningRates.map((learningRate) =>
      pointOf(
        decay,
        where(outcomes, { ...condition, learningRate, decay }).map(({ measured }) =>
          numberOf('loss')(measured),
        ),
      ),
    ),
  );

/** The lowest mean loss of an optimizer, with and without multipliers. */
const bestOf = (
  outcomes: readonly Outcome<Varied>[],
  optimizer: OptimizerName,
  settings: OwnSettings,
): number =>
  Math.min(
    ...MULTIPLIERS.flatMap((multipliers) =>
      lossesOf(outcomes, { optimizer, multipliers }, settings)
        .flat()
        .map((point) => point.mean),
    ),
  );

/** What is asked of a condition: its area, its worst and its best cell. */
interface Summary {
  /** For each seed the part of the grid whose loss is near the best of both conditions. */
  readonly area: Point;
  readonly worst: Point;
  readonly best: Point & { readonly learningRate: number; readonly decay: number };
}

function summaryOf(
  outcomes: readonly Outcome<Varied>[],
  condition: Condition,
  settings: OwnSettings,
): Summary {
  const { seeds, rule, learningRates } = settings;
  const bound = (1 + (rule['near'] as number)) * bestOf(outcomes, condition.optimizer, settings);
  const own = where(outcomes, condition);
  const areas = seeds.map((seed) => {
    const losses = own
      .filter(({ cell }) => cell.seed === seed)
      .map(({ measured }) => numberOf('loss')(measured));
    return losses.filter((loss) => loss <= bound).length / losses.length;
  });
  const cells = lossesOf(outcomes, condition, settings).flatMap((row) =>
    row.map((point, i) => ({
      ...point,
      decay: point.at,
      learningRate: learningRates[i] as number,
    })),
  );
  const [first] = cells as [Summary['best']];
  return {
    area: pointOf(0, areas),
    worst: cells.reduce((a, b) => (b.mean > a.mean ? b : a), first),
    best: cells.reduce((a, b) => (b.mean < a.mean ? b : a), first),
  };
}

/** b − a, and whether it is beyond a threshold and twice its standard error. */
function gain(a: Point, b: Point, least: number): { by: number; isClear: boolean } {
  const by = b.mean - a.mean;
  return { by, isClear: by > least && by > 2 * Math.hypot(a.error, b.error) };
}

export function judge(outcomes: readonly Outcome<Varied>[], settings: OwnSettings): Verdict {
  const { area, worst, best, near } = settings.rule as Record<
    'area' | 'worst' | 'best' | 'near',
    number
  >;
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const parts = OPTIMIZERS.map((optimizer) => {
    const [without, with_] = MULTIPLIERS.map((multipliers) =>
      summaryOf(outcomes, { optimizer, multipliers }, settings),
    ) as [Summary, Summary];
    const larger = gain(without.area, with_.area, area);
    const lower = gain(with_.worst, without.worst, worst);
    const loses = gain(without.best, with_.best, best);
    const cellOf = ({ best: { mean, spread, learningRate, decay } }: Summary): string =>
      `${mean.toFixed(3)} ± ${spread.toFixed(3)} at η ${learningRate}, λ ${decay}`;
    const under = TITLES[optimizer];
    const because = [
      `within ${percent(near)} of the best under ${under} are ${percent(without.area.mean)} of the grid without multipliers and ${percent(with_.area.mean)} with (clearly more: ${inWords(larger.isClear)})`,
      `the worst cell under ${under} has ${without.worst.mean.toFixed(3)} nats without and ${with_.worst.mean.toFixed(3)} with (clearly less: ${inWords(lower.isClear)})`,
      `the best cell under ${under} has ${cellOf(without)} without, ${cellOf(with_)} with (multipliers clearly lose there: ${inWords(loses.isClear)})`,
    ].join('; ');
    return { because, held: [larger.isClear, lower.isClear, !loses.isClear] };
  });
  const because = `${parts.map((part) => part.because).join('; ')}.`;
  const held = parts.flatMap((part) => part.held);
  const isSeen = parts.some(({ held: [larger, lower] }) => larger || lower);
  return verdictOf(because, held.every(Boolean), isSeen);
}

export function drawings(outcomes: readonly Outcome<Varied>[], settings: OwnSettings): Drawing[] {
  const { learningRates, decays, rule, seeds } = settings;
  const near = rule['near'] as number;
  const conditions = OPTIMIZERS.flatMap((optimizer) =>
    MULTIPLIERS.map((multipliers) => ({ optimizer, multipliers })),
  );
  const panelOf = (condition: Condition) => {
    const losses = lossesOf(outcomes, condition, settings);
    const best = bestOf(outcomes, condition.optimizer, settings);
    return {
      name: `${TITLES[condition.optimizer]}, ${condition.multipliers}`,
      cells: losses.map((row) =>
        row.map((point) => ({
          text: point.mean.toFixed(3),
          detail: `${point.mean.toFixed(3)} ± ${point.spread.toFixed(3)}`,
          shade: 1 - (point.mean / best - 1) / (SHADED * near),
          isFramed: point.mean <= (1 + near) * best,
        })),
      ),
    };
  };
  const rows = conditions.map((condition) => {
    const { area, worst, best } = summaryOf(outcomes, condition, settings);
    const text = (point: Point): string => `${point.mean.toFixed(3)} ± ${point.spread.toFixed(3)}`;
    return [
      `${TITLES[condition.optimizer]}, ${condition.multipliers}`,
      `${(100 * area.mean).toFixed(0)} ± ${(100 * area.spread).toFixed(0)}`,
      text(worst),
      text(best),
      `η ${best.learningRate}, λ ${best.decay}`,
    ];
  });
  return [
    {
      kind: 'heat map',
      map: {
        title: 'Validation loss over the grid, nats a character',
        description: `Means over ${seeds.length} seeds. Framed: within ${100 * near} % of the best of the optimizer, with or without multipliers; the lighter a cell, the farther from it.`,
        columns: { label: 'learning rate η', places: learningRates.map(String) },
        rows: { label: 'decay λ', places: decays.map(String) },
        panels: conditions.map(panelOf),
      },
    },
    {
      kind: 'table',
      caption: 'Mean ± sample standard deviation over the seeds; losses in nats a character.',
      rows: [
        ['', `within ${100 * near} % of the best, % of the grid`, 'worst cell', 'best cell', 'at'],
        ...rows,
      ],
    },
  ];
}
