/**
 * Fig. 4: how far a model with row and column multipliers drifts along its symmetries in a long run at a constant rate,
 * without a cure and with each of three: rebalancing, the placement of multipliers without redundant ones, and a light
 * decay of the multipliers.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel } from '@tensorflow/tfjs-layers';
import { assignRoles, roleOf } from '@tfjs-lrm/core';
import {
  batchTensors,
  type Corpus,
  DEFAULT_RECIPE,
  mean,
  nextBatch,
  optimizerOf,
  placedModel,
} from '@tfjs-lrm/language-model';
import { warmupStableDecay } from '@tfjs-lrm/schedule';
import { findSymmetries, rebalance, symmetryDrift } from '@tfjs-lrm/symmetry';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import {
  curveOfLists,
  inWords,
  lineOf,
  listOf,
  numberOf,
  overSeeds,
  type Point,
  pointOf,
  where,
} from './curves.ts';
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

export const name = 'symmetry';
export const title = 'Drift along symmetries, and three cures';
export const claim =
  'Multipliers add symmetries, along which a model drifts until activations are huge; rebalancing, a placement without redundant multipliers, or a light decay of the multipliers prevent it (fig. 4).';

const CURES = ['none', 'rebalancing', 'minimal placement', 'light decay'] as const;
type Varied = { readonly cure: (typeof CURES)[number] };

interface SymmetryTraining extends TrainedSettings {
  readonly learningRate: number;
  /** Of matrices and embeddings. */
  readonly decay: number;
  /** Of multipliers, where decay is the cure; 0 otherwise. */
  readonly multiplierDecay: number;
  readonly rebalanceEvery: number;
  readonly measureEvery: number;
}

export interface SymmetrySettings extends Settings, SymmetryTraining {
  readonly rule: {
    /** The growth of the distance from balance that is a drift, in nats. */
    readonly distance: number;
    /** The same of the logarithm of the largest activation. */
    readonly activation: number;
    /** The largest part of a growth that remains under a cure. */
    readonly cured: number;
  };
}

export const plans = (settings: SymmetrySettings): Plan<Varied, SymmetryTraining>[] =>
  grid(name, { cure: CURES }, settings, [
    'preset',
    'learningRate',
    'decay',
    'multiplierDecay',
    'rebalanceEvery',
    'measureEvery',
    'validationBatches',
  ]);

type OwnCell = Cell<Varied, SymmetryTraining>;

const rootMeanSquareOf = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => value ** 2)));

const PROBE_SEED = 8;

/** What is measured on the way, in nats: distances and logarithms. */
function meterOf(model: LayersModel, { preset }: SymmetryTraining, corpus: Corpus) {
  const { blocks, batch, context } = preset;
  const last = model.getLayer(`block${blocks - 1}_mlp_residual`);
  const stream = makeModel({ inputs: model.inputs, outputs: last.output });
  const kinds = findSymmetries(model).map(({ kind }) => kind);
  const factors = model.trainableWeights
    .map((weight) => weight.read() as tf.Variable)
    .filter((variable) => roleOf(variable) === 'multiplier');
  const [probe, unused] = batchTensors(
    nextBatch(corpus.validation, batch, context, xoroshiro128plus(PROBE_SEED)),
    preset,
  );
  unused.dispose();
  const measure = () => {
    const drift = symmetryDrift(model);
    const [multiplier, activation] = tf.tidy(() => {
      const logs = factors.map((factor) => tf.max(tf.abs(tf.log(tf.abs(factor)))));
      const largest = tf.log(tf.max(tf.abs(stream.apply(probe) as tf.Tensor)));
      return tf.stack([tf.max(tf.stack(logs)), largest]).dataSync();
    }) as Float32Array & [number, number];
    const distance = rootMeanSquareOf(drift.filter((_, i) => kinds[i] === 'multiplicative'));
    return { distance, multiplier, activation };
  };
  return { measure, dispose: () => probe.dispose() };
}

export async function train(cell: OwnCell, corpus: Corpus): Promise<Measured> {
  const { settings, varied } = cell;
  const { preset, learningRate, decay, rebalanceEvery, measureEvery } = settings;
  const placement = varied.cure === 'minimal placement' ? 'minimal' : 'full';
  const model = placedModel(preset, corpus.vocabulary.length, placement, cell.seed);
  assignRoles(model);
  const multiplierDecay = varied.cure === 'light decay' ? settings.multiplierDecay : 0;
  const { warmup } = DEFAULT_RECIPE;
  const optimizer = optimizerOf(
    { ...DEFAULT_RECIPE, learningRate, decay, multiplierDecay },
    warmupStableDecay({ warmup, stable: preset.steps - warmup, decay: 0 }),
  );
  const meter = meterOf(model, settings, corpus);
  const start = meter.measure();
  const afterStep = (step: number): void => {
    if (varied.cure === 'rebalancing' && step % rebalanceEvery === 0)
      rebalance(model, { optimizer, normalisation: true });
  };
  const watch = { every: measureEvery, measure: meter.measure };
  const measured = await trainCell({ model, optimizer, cell, afterStep, watch }, corpus);
  meter.dispose();
  return { ...measured, distanceAtStart: start.distance };
}

const QUANTITIES = [
  [
    'distance',
    'Drift along multiplicative symmetries',
    'distance from balance, nats',
    'Root mean square of the logarithm by which the two sides of a symmetry differ; 0 is balance.',
  ],
  [
    'multiplier',
    'The multiplier farthest from 1',
    '|log multiplier|, nats',
    'The largest absolute logarithm of a multiplier in the model.',
  ],
  [
    'activation',
    'Activations on the residual stream',
    'log of the largest magnitude, nats',
    'The largest magnitude after the last block on one batch of validation text; half precision overflows at 11.1.',
  ],
] as const;

const listsOf = (outcomes: readonly Outcome<Varied>[], cure: Varied['cure'], quantity: string) =>
  where(outcomes, { cure }).map(({ measured }) => listOf(quantity)(measured));

const atEnd = (outcomes: readonly Outcome<Varied>[], cure: Varied['cure'], quantity: string) =>
  pointOf(
    0,
    listsOf(outcomes, cure, quantity).map((list) => list.at(-1) as number),
  );

const inDigits = ({ mean: middle, spread }: Point): string =>
  `${middle.toFixed(3)} ± ${spread.toFixed(3)}`;

export function drawings(
  outcomes: readonly Outcome<Varied>[],
  settings: SymmetrySettings,
): Drawing[] {
  const loss = (cure: Varied['cure']): Point =>
    pointOf(
      0,
      where(outcomes, { cure }).map(({ measured }) => numberOf('loss')(measured)),
    );
  return [
    ...QUANTITIES.map(
      ([quantity, heading, label, description]): Drawing => ({
        kind: 'curves',
        chart: {
          title: heading,
          description: `${description} ${overSeeds(settings)}`,
          x: { label: 'step' },
          y: { label },
        },
        lines: CURES.map((cure) =>
          lineOf(
            cure,
            curveOfLists(listsOf(outcomes, cure, quantity), listsOf(outcomes, cure, 'step')[0]),
          ),
        ),
      }),
    ),
    {
      kind: 'table',
      caption: 'At the end; mean ± sample standard deviation over the seeds.',
      rows: [
        ['cure', 'validation loss, nats', ...QUANTITIES.map(([, , label]) => label)],
        ...CURES.map((cure) => [
          cure,
          inDigits(loss(cure)),
          ...QUANTITIES.map(([quantity]) => inDigits(atEnd(outcomes, cure, quantity))),
        ]),
      ],
    },
  ];
}

/** How much a quantity grows from the end of the first quarter to the end without a cure, and what cures leave of it. */
function growthOf(
  outcomes: readonly Outcome<Varied>[],
  quantity: 'distance' | 'activation',
  least: number,
  cured: number,
) {
  const quarters = listsOf(outcomes, 'none', quantity).map(
    (list) => list[Math.ceil(list.length / 4) - 1] as number,
  );
  const growth = pointOf(
    0,
    listsOf(outcomes, 'none', quantity).map(
      (list, i) => (list.at(-1) as number) - (quarters[i] as number),
    ),
  );
  const grows = growth.mean > least && growth.mean > 2 * growth.error;
  const most = mean(quarters) + cured * growth.mean;
  const cures = CURES.slice(1).map((cure) => ({
    cure,
    holds: atEnd(outcomes, cure, quantity).mean <= most,
  }));
  return { quantity, growth, least, grows, cures };
}

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: SymmetrySettings): Verdict {
  const growths = (['distance', 'activation'] as const).map((quantity) =>
    growthOf(outcomes, quantity, rule[quantity], rule.cured),
  );
  const parts = growths.map(({ quantity, growth, least, grows, cures }) => {
    const held = cures.filter(({ holds }) => holds).map(({ cure }) => cure);
    const effect = grows
      ? `, of which at most ${rule.cured} remains under ${held.join(', ') || 'no cure'}`
      : '';
    return `without a cure the ${quantity === 'distance' ? 'distance from balance' : 'logarithm of the largest activation'} grows by ${growth.mean.toFixed(2)} ± ${growth.error.toFixed(2)} nats after the first quarter (more than ${least} and two standard errors: ${inWords(grows)})${effect}`;
  });
  const because = `${parts.join('; ')}.`;
  const drifting = growths.filter(({ grows }) => grows);
  const held = drifting.map(({ cures }) => cures.map(({ holds }) => holds));
  const isWhole = drifting.length === growths.length && held.flat().every(Boolean);
  return verdictOf(because, isWhole, held.flat().some(Boolean));
}
