/**
 * Fig. 2: the outputs of the blocks of a deep model whose norm gains are frozen, without multipliers and with a scalar on
 * every matrix. The cells with row and column multipliers are those of `rows`.
 */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import {
  type Corpus,
  DEFAULT_RECIPE,
  matricesOf,
  optimizerOf,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import {
  curveOfLists,
  inWords,
  lineOf,
  listOf,
  overSeeds,
  pointOf,
  slope,
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
import { freezeNorms, type Multipliers, outputsOf, wholeModel } from './whole-model.ts';

export const name = 'depth';
export const title = 'Depth: the outputs of the blocks';
export const claim =
  'Weight decay gives all blocks outputs of about the same norm; with a learnable scale on every matrix the outputs grow towards the later blocks (fig. 2).';

interface Training extends TrainedSettings {
  readonly learningRate: number;
  readonly decay: number;
  readonly multiplierDecay: number;
}

export interface DepthSettings extends Settings, Training {}

export type DepthVaried = { readonly multipliers: Multipliers };

const plansWith = (
  multipliers: readonly Multipliers[],
  settings: DepthSettings,
): Plan<DepthVaried, Training>[] =>
  grid(name, { multipliers }, settings, [
    'preset',
    'learningRate',
    'decay',
    'multiplierDecay',
    'validationBatches',
  ]);

const LINES = ['no multipliers', 'scalars'] as const;
const ROW_LINES = ['no multipliers', 'rows and columns'] as const;

export const plans = (settings: DepthSettings): Plan<DepthVaried, Training>[] =>
  plansWith(LINES, settings);

/** The cells of `rows`. */
export const rowPlans = (settings: DepthSettings): Plan<DepthVaried, Training>[] =>
  plansWith(ROW_LINES, settings);

const PARTS = { attention: 'output', mlp: 'down' } as const;
type Part = keyof typeof PARTS;

/** The norms of the rows of W_eff, one an output feature, of every matrix in the blocks; each divided by the matrix's mean. */
async function relativeRowNorms(model: LayersModel): Promise<number[]> {
  return (await matricesOf(model))
    .filter(({ name: layer }) => layer.startsWith('block'))
    .flatMap(({ shape, values, row, column }) => {
      const [inputs, outputs] = shape as [number, number];
      const norms = Array.from({ length: outputs }, (_, j) => {
        const squares = Array.from(
          { length: inputs },
          (__, i) => ((values[i * outputs + j] as number) * (column?.[i] ?? 1)) ** 2,
        );
        return Math.sqrt(squares.reduce((a, b) => a + b)) * Math.abs(row?.[j] ?? 1);
      });
      const { mean } = pointOf(0, norms);
      return norms.map((norm) => norm / mean);
    });
}

export async function train(cell: Cell<DepthVaried, Training>, corpus: Corpus): Promise<Measured> {
  const { settings, seed, varied } = cell;
  const { preset, learningRate, decay, multiplierDecay } = settings;
  const model = wholeModel(preset, corpus.vocabulary.length, varied.multipliers, seed);
  freezeNorms(model);
  assignRoles(model);
  const optimizer = optimizerOf(
    { ...DEFAULT_RECIPE, learningRate, decay, multiplierDecay },
    scheduleOf(preset.steps),
  );
  return trainCell({ model, optimizer, cell }, corpus, async (probe) => {
    const outputs = (part: Part): number[] =>
      outputsOf(
        model,
        Array.from({ length: preset.blocks }, (_, i) => `block${i}_${PARTS[part]}`),
        probe,
      );
    return {
      attention: outputs('attention'),
      mlp: outputs('mlp'),
      rowNorms: (await relativeRowNorms(model)).map((norm) => Number(norm.toPrecision(5))),
    };
  });
}

/** The slope of the logarithm of the outputs over the blocks, in nats a block, over the seeds. */
function growth(outcomes: readonly Outcome<DepthVaried>[], multipliers: Multipliers, part: Part) {
  return pointOf(
    0,
    where(outcomes, { multipliers }).map(({ measured }) =>
      slope(listOf(part)(measured).map((output, i) => [i, Math.log(output)])),
    ),
  );
}

export function judge(outcomes: readonly Outcome<DepthVaried>[], { rule }: DepthSettings): Verdict {
  const least = rule['growth'] as number;
  const parts = (Object.keys(PARTS) as Part[]).map((part) => {
    const [without, scalars] = LINES.map((line) => growth(outcomes, line, part));
    const more = scalars!.mean - without!.mean;
    const grows = scalars!.mean > least && scalars!.mean > 2 * scalars!.error;
    const growsMore = more > least && more > 2 * Math.hypot(scalars!.error, without!.error);
    const because = `outputs of ${part === 'mlp' ? 'the MLPs' : 'attention'} change by ${without!.mean.toFixed(3)} ± ${without!.spread.toFixed(3)} nats a block without multipliers and by ${scalars!.mean.toFixed(3)} ± ${scalars!.spread.toFixed(3)} with scalars (with scalars they grow by more than ${least}, and by that more than without: ${inWords(grows, growsMore)})`;
    return { because, held: [grows, growsMore] };
  });
  const because = `${parts.map((part) => part.because).join('; ')}.`;
  const seen = parts.map(({ held }) => held.every(Boolean));
  return verdictOf(because, seen.every(Boolean), seen.some(Boolean));
}

export function drawings(
  outcomes: readonly Outcome<DepthVaried>[],
  settings: DepthSettings,
): Drawing[] {
  const headings = { attention: 'Outputs of attention', mlp: 'Outputs of the MLPs' } as const;
  return (Object.keys(PARTS) as Part[]).map((part) => ({
    kind: 'curves',
    chart: {
      title: headings[part],
      description: overSeeds(settings),
      x: { label: 'block', ticks: Array.from({ length: settings.preset.blocks }, (_, i) => i + 1) },
      y: { label: 'root mean square', log: true },
    },
    lines: LINES.map((line) =>
      lineOf(
        line,
        curveOfLists(
          where(outcomes, { multipliers: line }).map(({ measured }) => listOf(part)(measured)),
        ).map((point) => ({ ...point, at: point.at + 1 })),
      ),
    ),
  }));
}
