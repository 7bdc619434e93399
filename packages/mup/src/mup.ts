import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { asTensorOptimizer, isTensorOptimizer, roleOf, setRates } from '@tfjs-lrm/core';
import {
  anyRule,
  booleanRule,
  checkModel,
  checkOptions,
  drawTable,
  nodeOf,
  oneOfRule,
  pathTo,
} from '@tfjs-lrm/core/kit';
import { forwardMultipliers } from './forward-multipliers.ts';
import { initialFactor, rateBehind, rateFactor, type Updates, updatesOf } from './rules.ts';
import { type Base, checkBase, type Kind, kindOf, type Sized, sizes } from './widths.ts';

/** @inline */
interface MupOptions {
  /** The model in which the hyper-parameters were tuned, or for each width of this model the one in that model. */
  readonly base: Base;
  /** The optimizer that trains the model. Default: the one that it was compiled with. */
  readonly optimizer?: tf.Optimizer | undefined;
  /** How updates depend on gradients, where there is no optimizer, or for one that does not say it. */
  readonly rule?: 'adam' | 'sgd' | undefined;
  /** Whether the product of rate and decay stays what it is in the base model. */
  readonly scaleDecay?: boolean | undefined;
  /** Whether initial values and multipliers are set too; false for a model that has been trained. */
  readonly initialValues?: boolean | undefined;
}

/** What `mup` set: one row a trainable variable. `toString()` draws the table. */
export interface MupTable {
  readonly rows: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    /** Its shape in the base model. */
    readonly base: readonly number[];
    /** Which of its sides grow: its outputs (input), both (hidden), its inputs (output), or none. */
    readonly kind: Kind;
    /** Factors of the learning rate and the decay. */
    readonly learningRate: number;
    readonly decay: number;
    /** The initial value of a multiplier over that in the base model; null for any other variable. */
    readonly multiplier: number | null;
    /** The standard deviation of its initial values over that in the base model. */
    readonly initial: number;
  }[];
  /** The table as text, a line per variable. */
  toString(): string;
}

type Row = MupTable['rows'][number];

const rules = {
  base: anyRule,
  optimizer: anyRule,
  rule: oneOfRule(['adam', 'sgd']),
  scaleDecay: booleanRule(true),
  initialValues: booleanRule(true),
};

const initialised = new WeakSet<LayersModel>();

const shortened = (factor: number): string => String(Number(factor.toPrecision(4)));

function draw(rows: readonly Row[]): string {
  return drawTable([
    ['variable', 'shape', 'base', 'kind', 'learning rate', 'decay', 'multiplier', 'initial'],
    ...rows.map(({ name, shape, base, kind, learningRate, decay, multiplier, initial }) => [
      ...[name, `[${shape.join(', ')}]`, `[${base.join(', ')}]`, kind],
      ...[learningRate, decay].map((factor) => `× ${shortened(factor)}`),
      ...[multiplier === null ? '' : shortened(multiplier), `× ${shortened(initial)}`],
    ]),
  ]);
}

/** The power of the learning rate that the decay of a variable has. */
function powerOfDecay(optimizer: tf.Optimizer | null, variable: tf.Variable): number {
  if (optimizer === null) return 1;
  const [decay] = pathTo(asTensorOptimizer(optimizer), variable).flatMap(
    (station) => nodeOf(station.optimizer).decayOf(station.variable) ?? [],
  );
  const powers = { 'learning-rate': 1, independent: 0, 'learning-rate-squared': 2 };
  return powers[decay?.coupling ?? 'learning-rate'];
}

/** Scales initial values, on the device, so that their RMS is that of the base model times a factor. */
function scaleInitial({ variable, twin }: Sized, factor: number): void {
  if (twin === null) return;
  const rms = (values: tf.Tensor): tf.Tensor => tf.sqrt(tf.mean(tf.square(values)));
  const [own, base] = [rms(variable), rms(twin)];
  const isScalable = tf.logicalAnd(tf.greater(own, 0), tf.greater(base, 0));
  const by = tf.where(isScalable, tf.div(tf.mul(base, factor), own), tf.onesLike(own));
  variable.assign(tf.mul(variable, by));
}

/** Kernels, depthwise ones too; biases, gains and multipliers start from constants. */
const isRandom = ({ variable }: Sized): boolean =>
  variable.rank >= 2 && roleOf(variable) !== 'multiplier';

/**
 * Maximal update parametrization: makes the hyper-parameters of a base model right for a wider one. It sets factors of
 * learning rate and decay for each variable (`setRates`), scales initial values, and sets the initial values of
 * multipliers. With a = inputs / base inputs and b = outputs / base outputs of a weight,
 *
 *   weight                      Adam   SGD   Muon                initial std   multiplier
 *   inputs, vectors (b grows)   1      b     √(b/a) / scale      1
 *   hidden (a and b grow)       1/a    b/a   √(b/a) / scale      1/√a
 *   output (a grows)            1/a    1/a   √(b/a) / scale      1/a
 *   output with a multiplier    1      a     a·√(b/a) / scale    1             1/a
 *
 * where scale is that of `muon`, over its value in the base model. An output layer with multipliers of its own gets the
 * forward multiplier as the initial value of its scalar, else its column, else its row factor, which then learns at 1/a
 * of its rate (SGD: 1/a²). Decay that is coupled to the rate is divided by the factor of the rate, so that each step
 * shrinks a weight by the same share at every width.
 *
 * @param model the wide model, built and not yet trained; compiled, unless `optimizer` or `rule` is given
 * @param options base: the same model in the widths of the tuning, or `{ 512: 64 }` for "512 was 64" (initial values
 *   then stay: the table says what they should be); optimizer, that of the model; rule 'adam' or 'sgd' for an optimizer
 *   that does not say how its updates depend on gradients; scaleDecay true; initialValues true, which changes the model
 * @returns what was set
 * @throws TypeError for something that is not a model; RangeError for an unknown option or a value out of range; Error
 *   for a base model with other weights, without an optimizer, for one of tfjs' own outside of `asTensorOptimizer` and
 *   adapters, for one that does not say what its updates depend on, and for initial values that were set before
 * @see Yang et al., 2022, arXiv 2203.03466, tables 3 and 8 (table 9 is equivalent); Yang, Simon and Bernstein, 2023,
 *   arXiv 2310.17813, for Muon
 * @example
 * const build = (width) => tf.sequential({ layers: [
 *   tf.layers.dense({ units: width, activation: 'relu', inputShape: [8] }),
 *   tf.layers.dense({ units: width, activation: 'relu' }),
 *   tf.layers.dense({ units: 2 }),
 * ] });
 * const wide = build(256);
 * wide.compile({ optimizer: adam({ learningRate: 3e-3 }), loss: 'meanSquaredError' }); // tuned at width 32
 * console.log(String(mup(wide, { base: build(32) })));
 */
export function mup(model: LayersModel, options: MupOptions): MupTable {
  checkModel('mup', model, 'mup(build(512), { base: build(64) })');
  checkOptions('mup', options, rules);
  const { base, rule, scaleDecay = true, initialValues = true } = options;
  checkBase(base);
  const optimizer = options.optimizer ?? (model.optimizer as tf.Optimizer | undefined) ?? null;
  if (optimizer !== null && !isTensorOptimizer(optimizer)) {
    throw new Error(
      `mup: ${optimizer.getClassName()} of tfjs by itself has one learning rate for all variables. Try asTensorOptimizer(optimizer) of @tfjs-lrm/core, or an adapter around it, in model.compile.`,
    );
  }
  if (initialValues && initialised.has(model)) {
    throw new Error(
      `mup: the initial values of model "${model.name}" were set before, and would be scaled twice. Try { initialValues: false }.`,
    );
  }
  const all = sizes(model, base);
  const updates = new Map(
    all.map(({ variable }) => [variable, updatesFor(optimizer, variable, rule)]),
  );
  const multipliers = outputMultipliers(model, all);
  const rows = all.map((sized): Row => {
    const { variable } = sized;
    const how = updates.get(variable) as Updates;
    const behind = multipliers.ofKernel.get(variable) ?? 1;
    const own = multipliers.ofFactor.get(variable) ?? null;
    const plain = rateFactor(sized, how);
    const learningRate = rateBehind(plain, own === null ? behind : 1 / own, how);
    const power = scaleDecay ? powerOfDecay(optimizer, variable) : 0;
    return {
      name: variable.name,
      shape: variable.shape,
      base: sized.base,
      kind: kindOf(sized),
      learningRate,
      decay: learningRate ** -power,
      multiplier: own,
      initial: own ?? initialFactor(sized, multipliers.ofKernel.has(variable)),
    };
  });
  all.forEach(({ variable }, i) => {
    const { learningRate, decay } = rows[i] as Row;
    setRates(variable, { learningRate, decay });
  });
  if (initialValues) {
    initialised.add(model);
    tf.tidy(() => {
      all.forEach((sized, i) => {
        const { kind, multiplier, initial } = rows[i] as Row;
        const { variable } = sized;
        if (multiplier !== null) variable.assign(tf.mul(variable, multiplier));
        else if (kind !== 'finite' && isRandom(sized)) scaleInitial(sized, initial);
      });
    });
  }
  return { rows, toString: () => draw(rows) };
}

function updatesFor(
  optimizer: tf.Optimizer | null,
  variable: tf.Variable,
  rule: 'adam' | 'sgd' | undefined,
): Updates {
  if (optimizer !== null) return updatesOf(optimizer, variable, rule);
  if (rule !== undefined) return { kind: rule };
  throw new Error(
    "mup: which learning rates are right depends on the optimizer. Received a model that is not compiled. Compile it first, or try mup(model, { base, optimizer }) or { base, rule: 'adam' }.",
  );
}

/** The forward multipliers of output weights: by the kernel, and by the factor that holds them. */
function outputMultipliers(
  model: LayersModel,
  all: readonly Sized[],
): { ofKernel: Map<tf.Variable, number>; ofFactor: Map<tf.Variable, number> } {
  const factors = forwardMultipliers(model);
  const [ofKernel, ofFactor] = [new Map<tf.Variable, number>(), new Map<tf.Variable, number>()];
  for (const sized of all) {
    const factor = factors.get(sized.variable);
    if (factor === undefined || kindOf(sized) !== 'output') continue;
    ofKernel.set(sized.variable, 1 / sized.inputs);
    ofFactor.set(factor, 1 / sized.inputs);
  }
  return { ofKernel, ofFactor };
}
