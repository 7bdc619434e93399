import { drawTable } from '@tfjs-lrm/core/kit';
import type { DiagnosisRow, Verdict } from './diagnosis-row.ts';
import { drawDiagnosis } from './draw-diagnosis.ts';
import { noiseBand } from './noise-band.ts';
import { predictEquilibriumRms } from './predict-equilibrium-rms.ts';
import {
  checkRecord,
  type ScalePoint,
  type ScaleRecord,
  type WatchedVariable,
} from './scale-record.ts';
import type { ScaleWatch } from './watch-scales.ts';

/** The kernels of a model, and what sets their scales. `toString()` draws the table. */
export interface Diagnosis {
  readonly rows: readonly DiagnosisRow[];
  /** The layers that multipliers would free, for `addMultipliers`. */
  readonly layers: readonly string[];
  /** The table as text. */
  toString(): string;
  /** The table as an SVG document: each scale over what noise and decay alone would give. */
  toSVG(): string;
}

/**
 * Up to this ratio of a scale to what noise and decay alone would give, nothing holds it up. Below 1 it is trapped too: updates
 * of real gradients are often smaller than those of independent noise, and then so is the balance.
 */
export const TRAPPED = 1.3;

/** How much decay must have acted before a scale inside the band says anything. */
const RELAXED = 1;

/** How much of the mean square by noise alone may still be that of the start. */
const REMEMBERED = 0.1;

/** A trapped scale that is this much smaller than the start was made small by decay. */
const SHRUNK = 0.4;

const layerOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/'))) || name;

function relaxation(points: readonly ScalePoint[]): number {
  return points.slice(1).reduce((sum, point, i) => {
    const before = points[i] as ScalePoint;
    return sum + ((point.share + before.share) / 2) * (point.moves - before.moves);
  }, 0);
}

function equilibriumOf({ recipe }: WatchedVariable): number | null {
  if (recipe === null || recipe.cautious) return null;
  const rms = predictEquilibriumRms(recipe);
  return Number.isFinite(rms) ? rms : null;
}

/** ∫ηλ at which the start is forgotten: where start²·e^(−2R) is a tenth of the mean square by noise alone. */
function relaxedEnough(start: number, equilibrium: number | null): number {
  if (equilibrium === null) return RELAXED;
  const balance = REMEMBERED * equilibrium ** 2;
  const rest = balance / ((1 - REMEMBERED) * start ** 2 + balance);
  return Math.max(RELAXED, -Math.log(rest) / 2);
}

function verdictOf(
  { recipe, points }: WatchedVariable,
  { scale, noiseScale, relaxed }: Pick<DiagnosisRow, 'scale' | 'noiseScale' | 'relaxed'>,
): Verdict {
  if (recipe === null || noiseScale === null) return 'unknown';
  if (relaxed === 0) return 'no decay';
  const ratio = scale / noiseScale;
  if (ratio > TRAPPED) return 'set by data';
  const rest = Math.exp(-relaxed) * (points[0]?.rms ?? 0);
  const isForgotten = relaxed >= RELAXED && rest ** 2 <= REMEMBERED * noiseScale ** 2;
  return isForgotten ? 'trapped' : 'not yet';
}

function adviceFor(
  { name, isFreed, points, recipe }: WatchedVariable,
  verdict: Verdict,
  { stepsLeft, every }: { readonly stepsLeft: number | null; readonly every: number },
): string {
  if (recipe === null) return 'train with adam() or muon()';
  if (verdict === 'unknown') return `watch ${every} or more steps of the optimizer that trains it`;
  if (verdict === 'not yet')
    return stepsLeft === null
      ? 'nothing: no decay acts now'
      : `needs about ${stepsLeft} more steps`;
  if (verdict !== 'trapped') return 'nothing';
  if (isFreed) return 'nothing: it has multipliers';
  const [start, now] = [points[0]?.rms ?? 0, points.at(-1)?.rms ?? 0];
  const cure = `addMultipliers: ${layerOf(name)}`;
  return now < SHRUNK * start ? `lower its decay, or ${cure}` : cure;
}

function rowOf(variable: WatchedVariable, every: number): DiagnosisRow {
  const { name, shape, points } = variable;
  const now = points.at(-1);
  const scale = now?.rms ?? 0;
  const noiseScale = noiseBand(variable)?.rms.at(-1) ?? null;
  const relaxed = relaxation(points);
  const verdict = verdictOf(variable, { scale, noiseScale, relaxed });
  const equilibrium = equilibriumOf(variable);
  const share = now?.share ?? 0;
  const missing = relaxedEnough(points[0]?.rms ?? 0, equilibrium) - relaxed;
  const stepsLeft =
    verdict === 'not yet' && share > 0 ? roundUp(Math.max(missing, share) / share) : null;
  const advice = adviceFor(variable, verdict, { stepsLeft, every });
  return { name, shape, scale, noiseScale, equilibrium, relaxed, verdict, stepsLeft, advice };
}

/** To two digits. */
const roundUp = (steps: number): number => {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(steps)) - 1);
  return Math.ceil(steps / unit) * unit;
};

const digits = (value: number | null): string => (value === null ? '–' : value.toPrecision(2));

/** What the verdicts mean, for whoever reads the table alone. */
const MEANINGS: Readonly<Record<Verdict, string>> = {
  trapped:
    'gradient noise and weight decay hold the scale, whatever the data wants; another learning rate or decay would move it.',
  'set by data': 'the scale is well above what noise and decay alone would give (ratio over 1.3).',
  'not yet':
    'too little decay has acted (∫ηλ, the learning rate times the decay over all steps) to tell.',
  'no decay': 'no weight decay acts on it, so none can hold it.',
  unknown: 'nothing is known of what noise alone would do.',
};

function draw(rows: readonly DiagnosisRow[]): string {
  const cells = rows.map((row) => [
    `${row.name} [${row.shape.join(', ')}]`,
    digits(row.scale),
    digits(row.noiseScale),
    row.noiseScale === null ? '–' : (row.scale / row.noiseScale).toFixed(2),
    row.relaxed.toFixed(2),
    row.verdict,
    row.advice,
  ]);
  const header = ['kernel', 'scale', 'by noise alone', 'ratio', '∫ηλ', 'verdict', 'what to do'];
  const verdicts = Object.entries(MEANINGS).filter(([verdict]) =>
    rows.some((row) => row.verdict === verdict),
  );
  return [
    drawTable([header, ...cells]),
    '',
    ...verdicts.map(([verdict, meaning]) => `${verdict}: ${meaning}`),
  ].join('\n');
}

/**
 * Whether the data or the hyper-parameters set the scale of each kernel of a watched run. With the scale that noise and
 * decay alone would give it by now, from its start and at the rates that acted (`noiseBand`), and the decay ∫ηλ that has acted,
 *
 *   no decay      ∫ηλ = 0
 *   set by data   the scale is more than 1.3 times what noise and decay give
 *   not yet       it is not, and ∫ηλ < 1, or more than a tenth of its mean square by noise alone is the start's
 *   trapped       it is not, and the start is forgotten: it would move with the learning rate and the decay
 *
 * The README says how often that is right. Kernels are all variables but vectors and multipliers.
 *
 * @param watch of `watchScales`, or the record that its `read()` returned
 * @throws TypeError for something else
 * @see arXiv 2601.04890, sec. 1 and 3
 * @example
 * const watch = watchScales(model, optimizer);
 * await model.fit(x, y, { epochs: 100, verbose: 0, callbacks: watch });
 * const diagnosis = await diagnose(watch);
 * console.log(String(diagnosis));
 * const placement = (layer) => (diagnosis.layers.includes(layer.name) ? {} : null);
 * const freed = addMultipliers(model, { placement });
 */
export async function diagnose(watch: ScaleWatch | ScaleRecord): Promise<Diagnosis> {
  if (typeof watch !== 'object' || watch === null) checkRecord('diagnose', watch);
  const record: unknown = 'read' in watch ? await watch.read() : watch;
  checkRecord('diagnose', record);
  const kernels = record.variables.filter(({ role }) => role !== 'vector' && role !== 'multiplier');
  const rows = kernels.map((kernel) => rowOf(kernel, record.every));
  const trapped = kernels.filter((kernel, i) => rows[i]?.verdict === 'trapped' && !kernel.isFreed);
  const layers = [...new Set(trapped.map(({ name }) => layerOf(name)))];
  return { rows, layers, toString: () => draw(rows), toSVG: () => drawDiagnosis(rows, TRAPPED) };
}
