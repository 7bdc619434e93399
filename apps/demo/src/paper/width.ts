/**
 * Fig. 5 and 10, table 1: models of several widths at one learning rate and one decay, all norm gains frozen, without
 * multipliers and with a scalar on every matrix. How norms, outputs and learned scalars go with the width.
 */

import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { brownianBand } from '@tfjs-lrm/diagnostics';
import {
  type Corpus,
  DEFAULT_RECIPE,
  matricesOf,
  optimizerOf,
  type Preset,
  scalesOf,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { curve, inWords, lineOf, numberOf, overSeeds, where } from './curves.ts';
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
import { type Exponent, exponentText, fitExponent } from './fit.ts';
import { type TrainedSettings, trainCell } from './train-cell.ts';
import { freezeNorms, outputsOf, wholeModel } from './whole-model.ts';

export const name = 'width';
export const title = 'Width: norms, outputs and multipliers';
export const claim =
  'At a fixed learning rate and decay the norms of matrices hardly depend on the width d, so outputs grow with it; learned scalars undo that, slightly slower than d⁻¹ at the head and d⁻² for queries and keys together (fig. 5, 10, table 1).';

interface Training extends TrainedSettings {
  readonly learningRate: number;
  readonly decay: number;
  readonly multiplierDecay: number;
  readonly headWidth: number;
}

interface OwnSettings extends Settings, Training {
  readonly widths: readonly number[];
  /** Seconds of the widest model; those of others are in proportion to the square of their width, and at least `seconds`. */
  readonly secondsOfWidest: number;
}

const LINES = ['no multipliers', 'scalars'] as const;

type Varied = { readonly line: (typeof LINES)[number]; readonly width: number };

export const plans = (settings: OwnSettings): Plan<Varied, Training>[] =>
  grid(name, { line: LINES, width: settings.widths }, settings, [
    'preset',
    'learningRate',
    'decay',
    'multiplierDecay',
    'headWidth',
    'validationBatches',
  ]);

export const seconds = (
  { varied }: Plan<Varied, Training>,
  { widths, seconds: least, secondsOfWidest }: OwnSettings,
): number => Math.max(least, secondsOfWidest * (varied.width / Math.max(...widths)) ** 2);

/** Width is that of the model and of its MLPs; heads keep theirs. */
const sizeOf = ({ preset, headWidth }: Training, width: number): Preset => ({
  ...preset,
  width,
  mlp: width,
  heads: width / headWidth,
});

const scalarOf = (model: LayersModel, layer: string): number =>
  model.weights
    .find(({ originalName }) => originalName === `${layer}/kernel/scalar_multiplier`)
    ?.read()
    .dataSync()[0] ?? 1;

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** Matrices whose inputs are normalised, so that their outputs show their scale. */
const AFTER_NORM = ['query', 'key', 'value', 'gate', 'up'];

export async function train(cell: Cell<Varied, Training>, corpus: Corpus): Promise<Measured> {
  const { settings, seed, varied } = cell;
  const { learningRate, decay, multiplierDecay } = settings;
  const size = sizeOf(settings, varied.width);
  const model = wholeModel(size, corpus.vocabulary.length, varied.line, seed);
  freezeNorms(model);
  assignRoles(model);
  const schedule = scheduleOf(size.steps);
  const recipe = { ...DEFAULT_RECIPE, learningRate, decay, multiplierDecay };
  const optimizer = optimizerOf(recipe, schedule);
  const training = { model, optimizer, cell: { ...cell, settings: { ...settings, preset: size } } };
  return trainCell(training, corpus, async (probe) => {
    const layers = AFTER_NORM.flatMap((part) =>
      Array.from({ length: size.blocks }, (_, i) => `block${i}_${part}`),
    );
    const [logits, ...outputs] = outputsOf(model, ['head', ...layers], probe);
    const scales = scalesOf(await matricesOf(model));
    const norms = (pattern: RegExp): number =>
      geometricMean(
        Object.entries(scales)
          .filter(([layer]) => pattern.test(layer))
          .map(([, { stored }]) => stored),
      );
    const { beta1, beta2, epsilon } = DEFAULT_RECIPE;
    const { rms } = brownianBand(
      [varied.width, varied.width],
      schedule,
      { rule: { kind: 'adam', beta1, beta2, epsilon }, learningRate, decay },
      { steps: size.steps, start: 1 / Math.sqrt(varied.width) },
    );
    return {
      norm: norms(/^block/),
      headNorm: norms(/^head$/),
      brownian: rms.at(-1) as number,
      outputs: geometricMean(outputs),
      logits: logits as number,
      headScalar: scalarOf(model, 'head'),
      queryKeyScalar: geometricMean(
        Array.from(
          { length: size.blocks },
          (_, i) => scalarOf(model, `block${i}_query`) * scalarOf(model, `block${i}_key`),
        ),
      ),
    };
  });
}

/** p of quantity ∝ width^p, over all seeds. */
const exponentOf = (
  outcomes: readonly Outcome<Varied>[],
  line: Varied['line'],
  quantity: string,
): Exponent =>
  fitExponent(
    where(outcomes, { line }).map(({ cell, measured }) => [
      cell.varied.width,
      Math.abs(numberOf(quantity)(measured)),
    ]),
  );

/** What is fitted: the condition, the quantity, and what the paper says of the exponent. */
const FITTED = [
  ['no multipliers', 'norm', 'norms of the matrices in blocks, no multipliers', 'about 0'],
  ['scalars', 'norm', 'the same, scalars', 'about 0'],
  ['no multipliers', 'headNorm', 'norm of the head, no multipliers', 'about 0'],
  ['no multipliers', 'outputs', 'outputs behind norms, no multipliers', 'up to 1'],
  ['scalars', 'outputs', 'the same, scalars', 'about 0'],
  ['no multipliers', 'logits', 'logits, no multipliers', 'up to 1'],
  ['scalars', 'logits', 'the same, scalars', 'about 0'],
  ['scalars', 'headScalar', 'scalar of the head', 'slightly above −1'],
  ['scalars', 'queryKeyScalar', 'scalars of query and key, multiplied', 'slightly above −2'],
] as const;

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: OwnSettings): Verdict {
  const { norm, outputs, head, queryKey } = rule as Record<
    'norm' | 'outputs' | 'head' | 'queryKey',
    number
  >;
  const norms = LINES.map((line) => exponentOf(outcomes, line, 'norm'));
  const grown = exponentOf(outcomes, 'no multipliers', 'outputs');
  const headScalar = exponentOf(outcomes, 'scalars', 'headScalar');
  const queryKeyScalar = exponentOf(outcomes, 'scalars', 'queryKeyScalar');
  const ratios = LINES.flatMap((line) => {
    const predicted = curve(outcomes, { line }, 'width', numberOf('brownian'));
    const measured = curve(outcomes, { line }, 'width', numberOf('norm'));
    return measured.map((point, i) => point.mean / (predicted[i]?.mean as number));
  });
  const brownian = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  const isConstant = norms.every(({ value }) => Math.abs(value) <= norm);
  const grows = grown.value >= outputs && grown.low > 0;
  const undone = [headScalar.value <= head, queryKeyScalar.value <= queryKey].map(
    (each, i) => each && [headScalar, queryKeyScalar][i]!.high < 0,
  );
  const because = `norms of matrices go with d to the power (95 % interval) ${norms.map(exponentText).join(' without multipliers and ')} with scalars (at most ±${norm}: ${inWords(isConstant)}); they are ${brownian} times what Adam Brownian motion predicts for all widths; outputs behind norms, without multipliers, to the power ${exponentText(grown)} (at least ${outputs}: ${inWords(grows)}); the scalar of the head to the power ${exponentText(headScalar)} (at most ${head}: ${inWords(undone[0]!)}), those of query and key together ${exponentText(queryKeyScalar)} (at most ${queryKey}: ${inWords(undone[1]!)}).`;
  return verdictOf(
    because,
    isConstant && grows && undone.every(Boolean),
    isConstant && (grows || undone.some(Boolean)),
  );
}

export function drawings(outcomes: readonly Outcome<Varied>[], settings: OwnSettings): Drawing[] {
  const line = (at: Varied['line'], quantity: string, called: string = at) =>
    lineOf(called, curve(outcomes, { line: at }, 'width', numberOf(quantity)));
  const chart = (
    heading: string,
    label: string,
    lines: ReturnType<typeof line>[],
    log = true,
  ): Drawing => ({
    kind: 'curves',
    chart: {
      title: heading,
      description: overSeeds(settings),
      x: { label: 'width d', log: true, ticks: settings.widths },
      y: { label, log },
    },
    lines,
  });
  return [
    chart('Norms of the matrices in the blocks', 'root mean square', [
      line('no multipliers', 'norm'),
      line('scalars', 'norm'),
      line('no multipliers', 'brownian', 'Adam Brownian motion'),
    ]),
    chart('Outputs of matrices behind norms', 'root mean square', [
      line('no multipliers', 'outputs'),
      line('scalars', 'outputs'),
    ]),
    chart('Learned scalars', 'multiplier', [
      line('scalars', 'headScalar', 'head'),
      line('scalars', 'queryKeyScalar', 'query and key, multiplied'),
    ]),
    chart(
      'Loss',
      'validation loss, nats a character',
      [line('no multipliers', 'loss'), line('scalars', 'loss')],
      false,
    ),
    {
      kind: 'table',
      caption: 'Exponents p of quantity ∝ dᵖ with their 95 % intervals, and what the paper says.',
      rows: [
        ['quantity', 'p here', 'p in the paper'],
        ...FITTED.map(([at, quantity, words, paper]) => [
          words,
          exponentText(exponentOf(outcomes, at, quantity)),
          paper,
        ]),
      ],
    },
  ];
}
