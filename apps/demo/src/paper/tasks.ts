/**
 * Table 2: one model is trained on a mixture of seven small tasks, with AdamW and with Muon, without and with
 * multipliers, and scored on held-out examples. Rates and decays are those that suit each optimizer best without multipliers.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import {
  batchTensors,
  type Corpus,
  DEFAULT_RECIPE,
  languageModel,
  mean,
  optimizerOf,
  type Preset,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { crossEntropy } from '@tfjs-lrm/layers';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { listOf, pointOf, where } from './curves.ts';
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
import { type Estimate, pairedBootstrap } from './tasks/bootstrap.ts';
import { mixedBatch, type TaskCorpus, UNCOUNTED, withSymbols } from './tasks/mixture.ts';
import { scoresOf, TASKS } from './tasks/score.ts';
import { trainModel } from './train-cell.ts';

export const name = 'tasks';
export const title = 'Tasks: one model, seven scores';
export const claim =
  'Multipliers raise the mean score over seven benchmarks, by 1.21 points under Adam and by 1.10 under Muon (table 2).';

const OPTIMIZERS = ['AdamW', 'Muon'] as const;
const MULTIPLIERS = ['without', 'with'] as const;
type Optimizer = (typeof OPTIMIZERS)[number];

/** What the paper reports, in points. */
const PAPER = { AdamW: 1.21, Muon: 1.1 } as const;

type Varied = {
  readonly optimizer: Optimizer;
  readonly multipliers: (typeof MULTIPLIERS)[number];
};

interface Rates {
  readonly learningRate: number;
  readonly decay: number;
}

export interface TaskTraining {
  readonly preset: Preset;
  readonly adamw: Rates;
  readonly muon: Rates;
  readonly multiplierDecay: number;
  /** Held-out examples of each task. */
  readonly examples: number;
  /** Held-out batches of the mixture that the loss is measured on. */
  readonly lossBatches: number;
}

export interface TaskSettings extends Settings, TaskTraining {
  readonly rule: {
    /** Of the interval of a gain. */
    readonly confidence: number;
  };
}

export const plans = (settings: TaskSettings): Plan<Varied, TaskTraining>[] =>
  grid(name, { optimizer: OPTIMIZERS, multipliers: MULTIPLIERS }, settings, [
    'preset',
    'adamw',
    'muon',
    'multiplierDecay',
    'examples',
    'lossBatches',
  ]);

const LOSS_SEED = 7;

/** The loss on held-out batches of the mixture, the same in every call, in nats a character. */
function heldOutLoss(
  model: LayersModel,
  corpus: TaskCorpus,
  { preset, lossBatches }: TaskTraining,
): number {
  const random = xoroshiro128plus(LOSS_SEED);
  const losses = Array.from({ length: lossBatches }, () =>
    tf.tidy(() => {
      const batch = mixedBatch(corpus, 'held out', preset.batch, preset.context, random);
      const [x, y] = batchTensors(batch, preset);
      const logits = model.apply(x) as tf.Tensor;
      return crossEntropy(y, logits, { ignore: UNCOUNTED }).dataSync()[0] as number;
    }),
  );
  return mean(losses);
}

/** Trains a cell and returns its held-out loss with the scores of each task, one an example. */
export async function train(cell: Cell<Varied, TaskTraining>, text: Corpus): Promise<Measured> {
  const { varied, seed, settings } = cell;
  const { preset, multiplierDecay, examples } = settings;
  const corpus = withSymbols(text);
  const vocabulary = corpus.vocabulary.length;
  const model = languageModel(preset, vocabulary, varied.multipliers === 'with', seed);
  assignRoles(model);
  const which = varied.optimizer === 'Muon' ? 'muon' : 'adamw';
  const recipe = {
    ...DEFAULT_RECIPE,
    optimizer: which,
    ...settings[which],
    multiplierDecay,
  } as const;
  const optimizer = optimizerOf(recipe, scheduleOf(preset.steps));
  await trainModel({
    model,
    optimizer,
    cell,
    loss: { ignore: UNCOUNTED },
    draw: (random) => mixedBatch(corpus, 'training', preset.batch, preset.context, random),
  });
  const measured = {
    loss: heldOutLoss(model, corpus, settings),
    ...scoresOf(model, corpus, preset, examples),
  };
  optimizer.dispose();
  model.dispose();
  return measured;
}

/** What multipliers add to the scores under an optimizer, in points. */
function gainsOf(outcomes: readonly Outcome<Varied>[], optimizer: Optimizer, confidence: number) {
  const scores = (multipliers: Varied['multipliers'], task: string) =>
    where(outcomes, { optimizer, multipliers })
      .toSorted((a, b) => a.cell.seed - b.cell.seed)
      .map(({ measured }) => listOf(task)(measured));
  const differences = TASKS.map((task) => {
    const without = scores('without', task);
    return scores('with', task).map((list, s) =>
      list.map((score, i) => 100 * (score - (without[s]?.[i] as number))),
    );
  });
  return pairedBootstrap(differences, confidence);
}

const inPoints = ({ value, low, high }: Estimate): string => {
  const signed = (points: number): string =>
    `${points < 0 ? '−' : '+'}${Math.abs(points).toFixed(2)}`;
  return `${signed(value)} (${signed(low)} to ${signed(high)})`;
};

/** The mean score of a task in percent, or of all of them, with its spread over the seeds. */
function scoreOf(
  outcomes: readonly Outcome<Varied>[],
  varied: Varied,
  tasks: readonly string[],
): string {
  const { mean: score, spread } = pointOf(
    0,
    where(outcomes, varied).map(
      ({ measured }) => 100 * mean(tasks.map((task) => mean(listOf(task)(measured)))),
    ),
  );
  return `${score.toFixed(1)} ± ${spread.toFixed(1)}`;
}

export function drawings(
  outcomes: readonly Outcome<Varied>[],
  { rule, seeds }: TaskSettings,
): Drawing[] {
  const gains = OPTIMIZERS.map((optimizer) => gainsOf(outcomes, optimizer, rule.confidence));
  const cells = OPTIMIZERS.flatMap((optimizer) =>
    MULTIPLIERS.map((multipliers) => ({ optimizer, multipliers })),
  );
  return [
    {
      kind: 'intervals',
      chart: {
        title: 'What multipliers add to the scores',
        description: `Differences over ${seeds.length} training seeds, paired, and ${100 * rule.confidence} % bootstrap intervals over seeds and examples.`,
        x: { label: 'points' },
        reference: 0,
        series: OPTIMIZERS,
        rows: [
          ...TASKS.map((task, t) => ({
            name: task,
            marks: gains.map(({ tasks }) => tasks[t] ?? null),
          })),
          { name: 'mean', marks: gains.map(({ all }) => all) },
        ],
      },
    },
    {
      kind: 'table',
      caption:
        'Held-out examples answered right, in percent, and characters for the last task; mean ± sample standard deviation over the seeds.',
      rows: [
        ['', ...cells.map(({ optimizer, multipliers }) => `${optimizer}, ${multipliers}`)],
        ...[...TASKS.map((task) => [task]), TASKS].map((tasks) => [
          tasks.length === 1 ? (tasks[0] as string) : 'mean',
          ...cells.map((varied) => scoreOf(outcomes, varied, tasks)),
        ]),
      ],
    },
  ];
}

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: TaskSettings): Verdict {
  const parts = OPTIMIZERS.map((optimizer) => {
    const { all } = gainsOf(outcomes, optimizer, rule.confidence);
    const because = `${optimizer}: mean gain ${inPoints(all)} points (the paper: +${PAPER[optimizer].toFixed(2)})`;
    return { because, gains: all.low > 0 };
  });
  const because = `${parts.map((part) => part.because).join('; ')}; a gain counts where the whole ${100 * rule.confidence} % interval is above 0.`;
  const gains = parts.map((part) => part.gains);
  return verdictOf(because, gains.every(Boolean), gains.some(Boolean));
}
