import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { type Entry, optimizer, TensorOptimizer } from '@tfjs-lrm/core';
import {
  adopt,
  connect,
  deserializeOptimizer,
  nearest,
  Selection,
  serializeOptimizer,
  show,
  type UpdateRule,
} from '@tfjs-lrm/core/kit';
import { type Coefficients, type Iteration, iterationOf, type Preset } from './coefficients.ts';
import { kernelOf, type Layout, layoutOf, matricesOf, viewOfKernel } from './layout.ts';
import { looksMisplaced } from './misplaced.ts';
import {
  isSplit,
  type MuonOptions,
  type NamedSplit,
  rules,
  SCALES,
  type Scale,
} from './options.ts';
import { orthogonalizeEach } from './orthogonalize.ts';
import { warnOfSlowBackend } from './slow-backend.ts';

const listed = (variables: readonly tf.Variable[]): string =>
  variables.map(({ name, shape }) => `"${name}" [${shape.join(', ')}]`).join(', ');

class Muon extends TensorOptimizer {
  static override readonly className: string = 'LrmMuon';

  readonly #options: MuonOptions;
  readonly #momentum: number;
  readonly #nesterov: boolean;
  readonly #coefficients: Preset | Coefficients;
  readonly #iteration: Iteration;
  readonly #scale: Scale;
  readonly #select: Selection;
  readonly #splits: readonly { readonly split: NamedSplit; readonly selection: Selection }[];
  readonly #fallback: TensorOptimizer;
  readonly #layouts = new WeakMap<tf.Variable, Layout>();
  #hasCheckedNames = false;
  #hasWarned = false;

  constructor(options: MuonOptions) {
    const { learningRate = 1e-3, momentum = 0.95, nesterov = true } = options;
    const { coefficients = 'quintic', scale = 'match-rms-adamw', select = 'matrix' } = options;
    super(learningRate);
    this.#options = options;
    this.#momentum = momentum;
    this.#nesterov = nesterov;
    this.#coefficients = coefficients;
    this.#iteration = iterationOf(coefficients);
    this.#scale = scale;
    this.#select = new Selection('muon: "select"', select);
    const { split } = options;
    this.#splits = (Array.isArray(split) ? (split as readonly NamedSplit[]) : []).map((each) => ({
      split: each,
      selection: new Selection('muon: "split"', { name: each.name }),
    }));
    const fallback = adopt(this, options.fallback ?? adam({ learningRate }));
    this.#fallback = fallback;
    connect(this, {
      children: new Map([['fallback', fallback]]),
      meet: (variables, isStep) => {
        this.#select.meet(variables, isStep);
        // A name that splits nothing is an error of the step, not a warning.
        for (const { selection } of this.#splits) selection.meet(variables, false);
      },
      route: (variable) => (this.accepts(variable) ? this : fallback),
      ruleOf: (variable) => this.#ruleOf(variable),
    });
  }

  override get obstacle(): null {
    return null;
  }

  override get gradientPowers(): Readonly<Record<string, number>> {
    return { momentum: 1 };
  }

  #ruleOf(variable: tf.Variable): UpdateRule | null {
    if (!this.accepts(variable) || variable.rank < 2) return null;
    const { parts } = this.#layouts.get(variable) ?? this.#makeLayout(variable);
    return {
      kind: 'orthogonal',
      momentum: this.#momentum,
      nesterov: this.#nesterov,
      coefficients: this.#iteration.tuples,
      safety: this.#iteration.safety,
      scaling: this.#scale,
      blocks: parts.map(({ inputs, outputs, batch }) => ({
        inputs,
        outputs,
        count: batch,
        scale: SCALES[this.#scale](inputs, outputs),
      })),
    };
  }

  // The default fallback follows Muon's base rate; a fallback from the options has its own.
  override get learningRate(): number {
    return super.learningRate;
  }

  override set learningRate(value: number) {
    super.learningRate = value;
    if (this.#options.fallback === undefined) this.#fallback.learningRate = value;
  }

  override accepts(variable: tf.Variable): boolean {
    return this.#select.has(variable);
  }

  #divide(entries: readonly Entry[]): { taken: Entry[]; others: Entry[] } {
    const [taken, others]: [Entry[], Entry[]] = [[], []];
    for (const entry of entries) (this.accepts(entry.variable) ? taken : others).push(entry);
    return { taken, others };
  }

  override check(entries: readonly Entry[]): void {
    const { taken, others } = this.#divide(entries);
    const variablesOf = (part: readonly Entry[]) => part.map(({ variable }) => variable);
    this.#checkVariables(variablesOf(taken), variablesOf(others));
    super.check(entries);
  }

  override update(entries: readonly Entry[]): void {
    const { taken, others } = this.#divide(entries);
    this.#step(taken.filter(({ gradient }) => gradient !== null));
    if (others.length > 0) this.#fallback.update(others);
  }

  #step(entries: readonly Entry[]): void {
    const apart = entries.map((entry) =>
      tf.tidy(() => [...matricesOf(this.#directionOf(entry), this.#layoutOf(entry.variable))]),
    );
    // All together, so that those of equal shape can share the operations.
    const orthogonal = orthogonalizeEach(apart.flat(), this.#iteration);
    const scale = SCALES[this.#scale];
    for (const { variable } of entries) {
      const layout = this.#layoutOf(variable);
      tf.tidy(() => {
        const updates = layout.parts.map(({ inputs, outputs }) =>
          tf.mul(
            orthogonal.shift() as tf.Tensor,
            tf.mul(this.rateOf(variable), scale(inputs, outputs)),
          ),
        );
        variable.assign(tf.sub(variable, kernelOf(updates, layout)));
      });
    }
  }

  /** The matrix to orthogonalise: the running mean of the gradients, or Nesterov's look-ahead. */
  #directionOf({ variable, gradient }: Entry): tf.Tensor {
    const momentum = this.slot(variable, 'momentum');
    const fresh = tf.mul(gradient as tf.Tensor, 1 - this.#momentum);
    const mean = tf.add(tf.mul(momentum, this.#momentum), fresh);
    momentum.assign(mean);
    return this.#nesterov ? tf.add(tf.mul(mean, this.#momentum), fresh) : mean;
  }

  /** Throws for variables that Muon cannot train, and warns about those that it probably should not. */
  #checkVariables(taken: readonly tf.Variable[], others: readonly tf.Variable[]): void {
    const flat = taken.filter(({ rank }) => rank < 2);
    if (flat.length > 0) {
      throw new Error(
        `muon: it takes matrices, variables of rank 2 or more. "select" gives it ${listed(flat)}. Narrow "select", or try setRole(variable, 'vector').`,
      );
    }
    const fresh = taken.filter((variable) => !this.#layouts.has(variable));
    const layouts = fresh.map((variable) => this.#makeLayout(variable));
    this.#checkNames(taken, others);
    fresh.forEach((variable, i) => {
      this.#layouts.set(variable, layouts[i] as Layout);
    });
    this.#warnOf(fresh);
    warnOfSlowBackend(fresh);
  }

  #layoutOf(variable: tf.Variable): Layout {
    return this.#layouts.get(variable) as Layout;
  }

  #makeLayout(variable: tf.Variable): Layout {
    const { split, view } = this.#options;
    const parts =
      typeof split === 'function'
        ? split(variable)
        : this.#splits.find(({ selection }) => selection.has(variable))?.split;
    if (parts != null && !isSplit({ name: '', ...parts })) {
      throw new RangeError(
        `muon: "split" must return { axis, sizes } with a whole axis and whole sizes > 0, or null. Received ${show(parts)} for ${listed([variable])}.`,
      );
    }
    return layoutOf(variable, view?.(variable) ?? viewOfKernel(variable), parts ?? null);
  }

  // With a misspelt name, a matrix would silently be taken as a whole.
  #checkNames(taken: readonly tf.Variable[], others: readonly tf.Variable[]): void {
    if (this.#hasCheckedNames || taken.length === 0) return;
    for (const { split, selection } of this.#splits) {
      const { name } = split;
      const isSelected = (variable: tf.Variable): boolean => selection.has(variable);
      if (taken.some(isSelected)) continue;
      const hint = nearest(
        name,
        taken.map((variable) => variable.name),
      );
      throw new Error(
        `muon: "split" names "${name}", which is ${others.some(isSelected) ? 'left to the fallback' : 'not a variable of this step'}. Muon takes ${listed(taken)}. Did you mean "${hint}"?`,
      );
    }
    this.#hasCheckedNames = true;
  }

  #warnOf(fresh: readonly tf.Variable[]): void {
    if (this.#hasWarned) return;
    const suspects = fresh.flatMap((variable) => {
      const why = looksMisplaced(variable, this.#layoutOf(variable));
      return why === null ? [] : [`${listed([variable])} (${why})`];
    });
    if (suspects.length === 0) return;
    this.#hasWarned = true;
    console.warn(
      `muon: it is for hidden matrices, which these do not look like: ${suspects.join(', ')}. Call assignRoles(model), or setRole(variable, 'head') or 'embedding', to leave them to the fallback; setRole(variable, 'matrix') says that they are meant.`,
    );
  }

  protected override options(): object {
    const { split, view, fallback } = this.#options;
    for (const [name, option] of Object.entries({ split, view })) {
      if (typeof option !== 'function') continue;
      throw new Error(
        `muon: "${name}" is a function, which cannot be saved. ${name === 'split' ? 'Use a list of { name, axis, sizes }, or rebuild' : 'Rebuild'} the optimizer in code and call setWeights.`,
      );
    }
    return {
      momentum: this.#momentum,
      nesterov: this.#nesterov,
      coefficients: this.#coefficients,
      scale: this.#scale,
      select: this.#select.toConfig(),
      ...(split === undefined ? {} : { split }),
      ...(fallback === undefined ? {} : { fallback: serializeOptimizer(fallback) }),
    };
  }
}

/**
 * Muon (Jordan et al., 2024): momentum whose matrices are orthogonalised. With gradient G, running mean M,
 * momentum μ, learning rate η and O = orthogonalize(U),
 *
 *   M ← μ·M + (1 − μ)·G,   U = μ·M + (1 − μ)·G (Nesterov) or M,   W ← W − η · scale · O
 *
 * on kernels [in, out]; convolution kernels [k, k, in, out] act as [k·k·in, out], those of transposed convolutions
 * [k, k, out, in] likewise, and any other kernel of rank 3 or more without a `view` has all axes but the last as inputs. The scales, where in and out are those of
 * the matrix, or of its part under `split`:
 *
 *   'match-rms-adamw'  0.2 · √max(in, out)    an update as large as AdamW's (Liu et al., 2025, arXiv 2502.16982)
 *   'original'         √max(1, out / in)      Jordan et al., 2024
 *   'rms-to-rms'       √(out / in)            changes outputs by η at most, in RMS (Bernstein, 2025)
 *   'none'             1                      η is the change in spectral norm
 *
 * Muon does not decay weights: put `withWeightDecay` around it, which uses η without the scale.
 *
 * @param options learningRate per step (1e-3); momentum (0.95); nesterov (true); coefficients ('quintic');
 *   scale ('match-rms-adamw'); select what Muon takes ('matrix'); split, kernels with several matrices side by
 *   side, such as those of an LSTM; view, the axes of inputs and outputs of other kernels, all further ones being a
 *   batch; fallback, the optimizer of everything else (adam at the same learning rate, following it)
 * @throws RangeError for an unknown option or a value out of range; TypeError for a fallback that is not an
 *   optimizer. At a step, before it changes anything: Error for a variable that is not a matrix, and for a split that
 *   names no variable; RangeError for a split or view that does not fit
 * @example
 * model.compile({ optimizer: muon({ learningRate: 2e-3 }), loss: 'meanSquaredError' });
 */
export const muon: (options?: MuonOptions) => TensorOptimizer = optimizer('muon', Muon, rules, {
  read: ({ fallback, ...options }) =>
    fallback == null ? options : { ...options, fallback: deserializeOptimizer('muon', fallback) },
});
