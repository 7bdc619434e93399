import * as tf from '@tensorflow/tfjs-core';
import { adapter, type Entry, OptimizerAdapter, type Selector } from '@tfjs-lrm/core';
import {
  assertUsable,
  checkOptions,
  connect,
  numberRule,
  oneOfRule,
  Selection,
  selectorRule,
} from '@tfjs-lrm/core/kit';
import { clipUnits, coefficient, globalNorm } from './norms.ts';

/** @inline */
interface ClippingOptions {
  /** Largest norm over all gradients together; `Infinity` only measures. */
  readonly globalNorm?: number | undefined;
  /** Largest norm of each gradient. */
  readonly perVariableNorm?: number | undefined;
  /** Largest magnitude of each element. */
  readonly value?: number | undefined;
  /** Largest ratio of a unit's gradient norm to its weight norm. */
  readonly adaptive?: number | undefined;
  /** What is neither counted nor clipped. */
  readonly exclude?: Selector | readonly Selector[] | undefined;
  /** What `globalNorm` does to excluded gradients. */
  readonly excluded?: 'untouched' | 'own-norm' | 'scaled' | undefined;
  /** What happens when a gradient holds NaN or infinity. */
  readonly nonFinite?: 'propagate' | 'zero' | 'skip' | 'throw' | undefined;
}

/** An adapter that clips gradients and reports their norms. */
export interface ClippingOptimizer extends OptimizerAdapter {
  /**
   * The norms of the last step before clipping, read from the device when asked for: `global` over what is
   * not excluded, `excluded` over the rest, the `coefficient` applied, and how many steps were `skipped`.
   *
   * @throws Error without the option `globalNorm`, or before the first step
   */
  norms(): Promise<{ global: number; excluded: number; coefficient: number; skipped: number }>;
}

const threshold = numberRule({ min: 0, exclusive: true, infinite: true, try: '1' });
const THRESHOLDS = ['globalNorm', 'perVariableNorm', 'value', 'adaptive'] as const;
const rules = {
  globalNorm: threshold,
  perVariableNorm: threshold,
  value: threshold,
  adaptive: threshold,
  exclude: selectorRule('withClipping: "exclude"'),
  excluded: oneOfRule(['untouched', 'own-norm', 'scaled']),
  nonFinite: oneOfRule(['propagate', 'zero', 'skip', 'throw']),
};

type Gradient = { readonly variable: tf.Variable; readonly gradient: tf.Tensor };
const MEASURED = ['global', 'excluded', 'coefficient', 'skipped'] as const;

class Clipping extends OptimizerAdapter implements ClippingOptimizer {
  static override readonly className: string = 'LrmClipping';

  readonly #options: ClippingOptions;
  readonly #exclude: Selection;

  constructor(inner: tf.Optimizer, options: ClippingOptions) {
    super(inner);
    this.#options = options;
    this.#exclude = new Selection('withClipping: "exclude"', options.exclude ?? 'multiplier');
    connect(this, { meet: (...given) => this.#exclude.meet(...given) });
  }

  override get obstacle(): string | null {
    const { nonFinite } = this.#options;
    if (nonFinite !== 'skip' && nonFinite !== 'throw') return null;
    return `withClipping with nonFinite: '${nonFinite}' reads a value in every step, which cannot be recorded. Try nonFinite: 'zero'.`;
  }

  override update(entries: readonly Entry[]): void {
    // All of them now, so that reading the norms allocates nothing.
    if (this.#options.globalNorm !== undefined) for (const name of MEASURED) this.state(name, []);
    const { nonFinite = 'propagate' } = this.#options;
    const present = entries.filter((entry): entry is Gradient => entry.gradient !== null);
    if ((nonFinite === 'skip' || nonFinite === 'throw') && !this.#allFinite(present, nonFinite))
      return;
    const clipped = new Map(
      this.#clip(present).map(({ variable, gradient }) => [variable, gradient]),
    );
    this.inner.update(
      entries.map(({ variable }) => ({ variable, gradient: clipped.get(variable) ?? null })),
    );
  }

  // The only place that waits for the device, because the user asked for a decision that depends on values.
  #allFinite(present: readonly Gradient[], policy: 'skip' | 'throw'): boolean {
    const total = globalNorm(
      present.map(({ gradient }) => tf.cast(tf.logicalNot(tf.isFinite(gradient)), 'float32')),
    );
    if (total.dataSync()[0] === 0) return true;
    if (policy === 'throw') {
      const names = present
        .filter(({ gradient }) => tf.all(tf.isFinite(gradient)).dataSync()[0] === 0)
        .map(({ variable }) => variable.name);
      throw new Error(
        `withClipping: the gradient of ${names.join(', ')} is not finite. Nothing was updated. Lower the learning rate, or look for a division by 0 or a log of 0 in the loss.`,
      );
    }
    const skipped = this.state('skipped', []);
    skipped.assign(tf.add(skipped, 1));
    return false;
  }

  // In this order: non-finite elements, value, per variable, adaptive, global.
  #clip(present: readonly Gradient[]): Gradient[] {
    const { nonFinite, value, perVariableNorm, adaptive } = this.#options;
    const finite = (g: tf.Tensor): tf.Tensor =>
      nonFinite === 'zero' ? tf.where(tf.isFinite(g), g, tf.zerosLike(g)) : g;
    // Selected once a step, since a selector may be a user's function.
    const excluded = new Set(
      present.flatMap(({ variable }) => (this.#exclude.has(variable) ? [variable] : [])),
    );
    const isExcluded = ({ variable }: Gradient): boolean => excluded.has(variable);
    const clipped = present.map((entry) => {
      const { variable } = entry;
      let gradient = finite(entry.gradient);
      if (isExcluded(entry)) return { variable, gradient };
      if (value !== undefined && value < Infinity) {
        // Not tf.clipByValue, which turns NaN into −value on wasm; minimum and maximum pass on NaN in their first argument.
        gradient = tf.minimum(tf.maximum(gradient, -value), value);
      }
      if (perVariableNorm !== undefined && perVariableNorm < Infinity) {
        gradient = tf.mul(gradient, coefficient(globalNorm([gradient]), perVariableNorm));
      }
      if (adaptive !== undefined && adaptive < Infinity)
        gradient = clipUnits(gradient, variable, adaptive);
      return { variable, gradient };
    });
    return this.#options.globalNorm === undefined
      ? clipped
      : this.#clipTogether(clipped, isExcluded, this.#options.globalNorm);
  }

  #clipTogether(
    gradients: readonly Gradient[],
    isExcluded: (entry: Gradient) => boolean,
    most: number,
  ): Gradient[] {
    const { excluded = 'untouched' } = this.#options;
    const gradientsOf = (group: readonly Gradient[]): tf.Tensor[] =>
      group.map(({ gradient }) => gradient);
    const norm = globalNorm(gradientsOf(gradients.filter((entry) => !isExcluded(entry))));
    const excludedNorm = globalNorm(gradientsOf(gradients.filter(isExcluded)));
    // A threshold of infinity changes nothing, even if the norm overflows to infinity.
    const cut = most < Infinity ? coefficient(norm, most) : tf.scalar(1);
    this.state('global', []).assign(norm);
    this.state('excluded', []).assign(excludedNorm);
    this.state('coefficient', []).assign(cut);
    if (most === Infinity) return [...gradients];
    const ownCut = excluded === 'own-norm' ? coefficient(excludedNorm, most) : null;
    const cutExcluded = excluded === 'scaled' ? cut : ownCut;
    return gradients.map((entry) => {
      const factor = isExcluded(entry) ? cutExcluded : cut;
      return factor === null
        ? entry
        : { variable: entry.variable, gradient: tf.mul(entry.gradient, factor) };
    });
  }

  async norms(): Promise<{
    global: number;
    excluded: number;
    coefficient: number;
    skipped: number;
  }> {
    assertUsable(this);
    if (this.#options.globalNorm === undefined || this.iterations === 0) {
      throw new Error(
        `withClipping.norms: ${this.iterations === 0 ? 'no step was taken yet.' : 'nothing is measured without "globalNorm". Try globalNorm: Infinity, which measures and clips nothing.'}`,
      );
    }
    const read = async (name: string): Promise<number> =>
      (await this.state(name, []).data())[0] as number;
    const [global, excluded, cut, skipped] = await Promise.all(MEASURED.map(read));
    return { global, excluded, coefficient: cut, skipped } as Awaited<
      ReturnType<ClippingOptimizer['norms']>
    >;
  }

  protected override options(): object {
    const { exclude: _, ...rest } = this.#options;
    // JSON has no infinity: an infinite threshold is saved as absent, and what it asks to measure is saved apart.
    const finite = Object.entries(rest).filter(
      ([, option]) => option !== undefined && option !== Infinity,
    );
    return {
      ...Object.fromEntries(finite),
      measure: this.#options.globalNorm === Infinity,
      exclude: this.#exclude.toConfig(),
    };
  }
}

const makeClipping = adapter('withClipping', Clipping, rules, {
  // If all thresholds were infinite, the file holds none, only what to measure.
  read: ({ measure, ...options }) =>
    measure === true ? { globalNorm: Infinity, ...options } : options,
});

/**
 * Clips gradients before the inner optimizer sees them. With G the gradients that are not excluded and
 * ‖G‖ their common norm,
 *
 *   globalNorm        g ← g · min(1, globalNorm / (‖G‖ + 1e-6))       as PyTorch's clip_grad_norm_
 *   perVariableNorm   the same for each gradient by itself
 *   value             each element into [−value, value]
 *   adaptive          each unit's gradient norm to at most adaptive · max(its weight norm, 1e-3)
 *
 * If several are given, they act in the order value, perVariableNorm, adaptive, globalNorm. Multipliers are excluded unless
 * `exclude` says otherwise: their gradients are sums over whole rows and would dominate the norm (paper,
 * arXiv 2601.04890, sec. 4.3).
 *
 * @param options thresholds in units of the gradient, at least one; exclude 'multiplier'; excluded
 *   'untouched', 'own-norm' (clipped by their own norm to the same threshold) or 'scaled' (by the common
 *   coefficient); nonFinite 'propagate', 'zero' (non-finite elements become 0), 'skip' (the step changes
 *   nothing) or 'throw'. 'skip' and 'throw' wait for the device once a step.
 * @throws RangeError for an unknown option, a value out of range, or no threshold at all
 * @example
 * withClipping(adam(), { globalNorm: 1 });
 */
export function withClipping(optimizer: tf.Optimizer, options: ClippingOptions): ClippingOptimizer {
  checkOptions('withClipping', options, rules);
  if (options.nonFinite === undefined && THRESHOLDS.every((name) => options[name] === undefined)) {
    throw new RangeError(
      `withClipping: give at least one of ${THRESHOLDS.join(', ')}. Received none. Try withClipping(optimizer, { globalNorm: 1 }).`,
    );
  }
  return makeClipping(optimizer, options);
}
