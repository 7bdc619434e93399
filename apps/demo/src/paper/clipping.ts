/**
 * Fig. 6: gradients are clipped at a global norm of 1, in a model without multipliers, in one whose multipliers are left
 * out of the norm, and in one whose multipliers are counted in it and clipped with it. Multipliers start at 1, or so that
 * row times column is 1/8, as forward multipliers of µP may be, with kernels eight times as large. Rates and decays are
 * scaled along, so that AdamW trains the same function in the same way, but for the clipping.
 */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles, byRole, type Role, roleOf } from '@tfjs-lrm/core';
import {
  type Corpus,
  DEFAULT_RECIPE,
  languageModel,
  mean,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { withSchedule } from '@tfjs-lrm/schedule';
import { defaultStyle } from '@tfjs-lrm/shared';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import {
  curveOfLists,
  inWords,
  lineOf,
  listOf,
  numberOf,
  overSeeds,
  pointOf,
  where,
} from './curves.ts';
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

export const name = 'clipping';
export const title = 'Clipping: multipliers in the global norm';
export const claim =
  'Counted in the global norm, the gradients of multipliers dominate it early on, and everything is clipped too much; so they are left out (fig. 6).';

const LINES = ['no multipliers', 'multipliers left out', 'multipliers counted'] as const;
type Line = (typeof LINES)[number];

interface ClippingTraining extends TrainedSettings {
  readonly learningRate: number;
  readonly decay: number;
  readonly threshold: number;
  readonly measureEvery: number;
}

export interface ClippingSettings extends Settings, ClippingTraining {
  /** What row times column multiplier is at the start. */
  readonly starts: readonly number[];
  readonly rule: {
    /** The part of the steps, from the first, that is early. */
    readonly early: number;
    /** The smallest share of the squared norm that dominates it. */
    readonly share: number;
    /** The largest coefficient, relative to that with multipliers left out, that is too much clipping. */
    readonly coefficient: number;
    /** The smallest loss that counts, in nats. */
    readonly loss: number;
  };
}

type Varied = { readonly line: Line; readonly start: number };

/** Without multipliers there is nothing to start. */
const isTrained = ({ line, start }: Varied): boolean => line !== 'no multipliers' || start === 1;

export const plans = (settings: ClippingSettings): Plan<Varied, ClippingTraining>[] =>
  grid(name, { line: LINES, start: settings.starts }, settings, [
    'preset',
    'learningRate',
    'decay',
    'threshold',
    'measureEvery',
    'validationBatches',
  ]).filter(({ varied }) => isTrained(varied));

const ROLES = ['matrix', 'embedding', 'head', 'multiplier', 'vector'] as const;

/** What the weights of a role are multiplied by so that row times column starts at `start`; the head has no rows. */
const factorsOf = (start: number): Readonly<Record<Role, number>> => ({
  matrix: 1 / start,
  embedding: 1 / start,
  head: 1 / Math.sqrt(start),
  multiplier: Math.sqrt(start),
  vector: 1,
});

/** AdamW with the rate of each role multiplied and its decay divided by the role's factor. */
function adamwOf({ learningRate, decay }: ClippingTraining, start: number): tf.Optimizer {
  const { beta1, beta2, epsilon, multiplierDecay } = DEFAULT_RECIPE;
  const decays = { matrix: decay, embedding: decay, head: decay, multiplier: multiplierDecay };
  const factors = factorsOf(start);
  const optimizers = ROLES.map((role) => {
    const rate = learningRate * factors[role];
    const strength = role === 'vector' ? 0 : decays[role] / factors[role];
    const inner = adam({ learningRate: rate, beta1, beta2, epsilon });
    return [role, withWeightDecay(inner, { decay: { [role]: strength } })];
  });
  return byRole({ ...Object.fromEntries(optimizers), default: adam({ learningRate }) });
}

export function train(
  { varied, seed, settings, compile }: Cell<Varied, ClippingTraining>,
  corpus: Corpus,
): Promise<Measured> {
  const { preset, threshold, measureEvery } = settings;
  const { line, start } = varied;
  const model = languageModel(preset, corpus.vocabulary.length, line !== 'no multipliers', seed);
  assignRoles(model);
  for (const weight of model.trainableWeights) {
    const variable = weight.read() as tf.Variable;
    tf.tidy(() => variable.assign(tf.mul(variable, factorsOf(start)[roleOf(variable)])));
  }
  const exclude = line === 'multipliers counted' ? [] : 'multiplier';
  const clipped = withClipping(adamwOf(settings, start), { globalNorm: threshold, exclude });
  // An infinite threshold only measures: the norm of the multipliers apart from that of all else.
  const measured = withClipping(clipped, { globalNorm: Number.POSITIVE_INFINITY });
  const optimizer: tf.Optimizer = withSchedule(measured, scheduleOf(preset.steps));
  const watch = {
    every: measureEvery,
    measure: async () => {
      const [{ coefficient }, { global, excluded }] = await Promise.all([
        clipped.norms(),
        measured.norms(),
      ]);
      return { coefficient, norm: global, share: excluded ** 2 / (global ** 2 + excluded ** 2) };
    },
  };
  return trainCell({ model, optimizer, cell: { settings, seed, compile }, watch }, corpus);
}

/** How many measurements in a row are one point of a drawing. */
const PER_POINT = 10;

const chunks = (list: readonly number[]): number[] =>
  Array.from({ length: Math.floor(list.length / PER_POINT) }, (_, i) =>
    mean(list.slice(i * PER_POINT, (i + 1) * PER_POINT)),
  );

const lossOf = (outcomes: readonly Outcome<Varied>[], varied: Varied) =>
  pointOf(
    0,
    where(outcomes, varied).map(({ measured }) => numberOf('loss')(measured)),
  );

const inWordsOf = ({ line, start }: Varied): string =>
  start === 1 ? line : `${line}, from 1/${Math.round(1 / start)}`;

export function drawings(
  outcomes: readonly Outcome<Varied>[],
  settings: ClippingSettings,
): Drawing[] {
  const series = combinations<Varied>({ start: settings.starts, line: LINES }).filter(isTrained);
  const lists = (varied: Varied, quantity: string) =>
    where(outcomes, varied).map(({ measured }) => chunks(listOf(quantity)(measured)));
  const charts = [
    ['coefficient', 'What gradients are multiplied by', 'clipping coefficient'],
    ['share', 'The multipliers’ part of the gradient', 'share of the squared norm'],
    ['norm', 'The norm of all other gradients', 'global norm without multipliers'],
  ] as const;
  return [
    ...charts.map(
      ([quantity, heading, label]): Drawing => ({
        kind: 'curves',
        chart: {
          title: heading,
          description: `${overSeeds(settings)} A point is the mean of ${PER_POINT} measurements.`,
          x: { label: 'step' },
          y: { label, log: quantity === 'norm' },
        },
        lines: series
          .map((varied, i) => ({ varied, style: defaultStyle(i) }))
          .filter(({ varied }) => quantity !== 'share' || varied.line !== 'no multipliers')
          .map(({ varied, style }) => ({
            ...lineOf(
              inWordsOf(varied),
              curveOfLists(lists(varied, quantity), lists(varied, 'step')[0]),
            ),
            style,
          })),
      }),
    ),
    {
      kind: 'table',
      caption: 'At the end; mean ± sample standard deviation over the seeds.',
      rows: [
        ['', 'validation loss, nats a character'],
        ...series.map((varied) => {
          const { mean: loss, spread } = lossOf(outcomes, varied);
          return [inWordsOf(varied), `${loss.toFixed(3)} ± ${spread.toFixed(3)}`];
        }),
      ],
    },
  ];
}

function partOf(
  outcomes: readonly Outcome<Varied>[],
  start: number,
  rule: ClippingSettings['rule'],
) {
  const [counted, leftOut] = [
    { line: 'multipliers counted', start },
    { line: 'multipliers left out', start },
  ] as const;
  const early = (varied: Varied, quantity: string): number =>
    mean(
      where(outcomes, varied).map(({ measured }) => {
        const list = listOf(quantity)(measured);
        return mean(list.slice(0, Math.ceil(rule.early * list.length)));
      }),
    );
  const share = early(counted, 'share');
  const [tight, loose] = [early(counted, 'coefficient'), early(leftOut, 'coefficient')];
  const [worse, better] = [lossOf(outcomes, counted), lossOf(outcomes, leftOut)];
  const [cost, error] = [worse.mean - better.mean, Math.hypot(worse.error, better.error)];
  const dominates = share >= rule.share;
  const clips = tight <= rule.coefficient * loose;
  const costs = cost > rule.loss && cost > 2 * error;
  const because = `multipliers that start at ${start === 1 ? '1' : `1/${Math.round(1 / start)}`} hold ${(100 * share).toFixed(0)} % of the squared norm early on (at least ${100 * rule.share} %: ${inWords(dominates)}); counted, they lower the coefficient from ${loose.toFixed(2)} to ${tight.toFixed(2)} (to at most ${rule.coefficient} of it: ${inWords(clips)}), and counting them costs ${cost.toFixed(3)} ± ${error.toFixed(3)} nats at the end (more than ${rule.loss} and two standard errors: ${inWords(costs)})`;
  return { start, because, held: [dominates, clips, costs] };
}

export function judge(
  outcomes: readonly Outcome<Varied>[],
  { rule, starts }: ClippingSettings,
): Verdict {
  const parts = starts.map((start) => partOf(outcomes, start, rule));
  const because = `${parts.map((part) => part.because).join('; ')}.`;
  // Multipliers start at 1 unless someone tunes them, so the whole claim is about those.
  const isWhole = parts.some(({ start, held }) => start === 1 && held.every(Boolean));
  const isSeen = parts.some(({ held }) => held.some(Boolean));
  return verdictOf(because, isWhole, isSeen);
}
