import * as tf from '@tensorflow/tfjs-core';
import {
  adapter,
  type Entry,
  OptimizerAdapter,
  type Role,
  ratesOf,
  roleOf,
  type Selector,
} from '@tfjs-lrm/core';
import {
  booleanRule,
  connect,
  isRole,
  numberRule,
  oneOfRule,
  ROLES,
  type Rule,
  Selection,
  selectorRule,
  show,
  updaterOf,
} from '@tfjs-lrm/core/kit';
import { hasL2 } from './has-l2.ts';

/** @inline */
type Coupling = 'learning-rate' | 'independent' | 'learning-rate-squared';
/** @inline */
type Decay = number | { [role in Role]?: number | undefined };

/** @inline */
interface WeightDecayOptions {
  /**
   * Decay λ, per unit of learning rate and step (`'independent'`: per step). One number is that of matrices,
   * embeddings and heads; a record changes the roles it names.
   */
  readonly decay?: Decay | undefined;
  /** How the decay depends on the learning rate η of the variable. */
  readonly coupling?: Coupling | undefined;
  /** Decay only where the update already shrinks the weight. */
  readonly cautious?: boolean | undefined;
  /** Variables that never decay, whatever their role. */
  readonly exclude?: Selector | undefined;
}

/** The paper's decay: 0.1 (app. A), 2e-3 on multipliers (sec. 4.1), none on vectors. */
const PAPER: Readonly<Record<Role, number>> = {
  matrix: 0.1,
  embedding: 0.1,
  head: 0.1,
  multiplier: 2e-3,
  vector: 0,
};

const number = numberRule({ min: 0, try: '0.1' });

const decayRule: Rule = (value) => {
  if (typeof value !== 'object' || value === null) return number(value);
  for (const [role, decay] of Object.entries(value)) {
    if (!isRole(role))
      return {
        must: `have only roles as keys (${ROLES.join(', ')}), not "${role}"`,
        try: '{ matrix: 0.1 }',
      };
    if (decay !== undefined && number(decay) !== null) {
      return {
        must: `hold finite numbers >= 0, not ${show(decay)} for "${role}"`,
        try: '{ matrix: 0.1 }',
      };
    }
  }
  return null;
};

const rules = {
  decay: decayRule,
  coupling: oneOfRule(['learning-rate', 'independent', 'learning-rate-squared']),
  cautious: booleanRule(false),
  exclude: selectorRule('withWeightDecay: "exclude"'),
};

class WeightDecay extends OptimizerAdapter {
  static override readonly className: string = 'LrmWeightDecay';

  readonly #decay: Readonly<Record<Role, number>>;
  readonly #coupling: Coupling;
  readonly #cautious: boolean;
  readonly #exclude: Selection;
  #hasWarned = false;

  constructor(
    inner: tf.Optimizer,
    { decay = {}, coupling = 'learning-rate', cautious = false, exclude = [] }: WeightDecayOptions,
  ) {
    super(inner);
    const decays =
      typeof decay === 'number' ? { matrix: decay, embedding: decay, head: decay } : decay;
    this.#decay = {
      ...PAPER,
      ...Object.fromEntries(Object.entries(decays).filter(([, v]) => v !== undefined)),
    };
    this.#coupling = coupling;
    this.#cautious = cautious;
    this.#exclude = new Selection('withWeightDecay: "exclude"', exclude);
    connect(this, {
      meet: (...given) => this.#exclude.meet(...given),
      decayOf: (variable) => {
        const decay = this.#decayOf(variable);
        return decay === 0 ? null : { decay, coupling, cautious };
      },
    });
  }

  override get obstacle(): null {
    return null;
  }

  override get assignsVariables(): boolean {
    return true;
  }

  #decayOf(variable: tf.Variable): number {
    if (this.#exclude.has(variable)) return 0;
    return this.#decay[roleOf(variable)] * ratesOf(variable).decay;
  }

  override update(entries: readonly Entry[]): void {
    const shares = new Map<string, tf.Tensor>();
    const decaying = entries.flatMap(({ variable, gradient }) => {
      const decay = this.#decayOf(variable);
      return gradient === null || decay === 0
        ? []
        : [{ variable, share: this.#share(variable, decay, shares) }];
    });
    this.#warnOfL2(decaying);
    if (this.#cautious) {
      this.#updateThenDecay(entries, decaying);
      return;
    }
    for (const { variable, share } of decaying)
      variable.assign(tf.sub(variable, tf.mul(variable, share)));
    this.inner.update(entries);
  }

  /** Warns once about decaying variables whose layer has an L2 regularizer; needs `assignRoles`. */
  #warnOfL2(decaying: readonly { variable: tf.Variable }[]): void {
    if (this.#hasWarned) return;
    const names = decaying.flatMap(({ variable }) => (hasL2(variable) ? [variable.name] : []));
    if (names.length === 0) return;
    this.#hasWarned = true;
    console.warn(
      `withWeightDecay: ${names.join(', ')} would shrink twice, by decay and by the L2 regularizer of the layer. Use one of the two: leave out the regularizer, or exclude the variable from decay.`,
    );
  }

  /** The share of the weight that this step removes, a scalar; computed once for each rate and decay. */
  #share(variable: tf.Variable, decay: number, shares: Map<string, tf.Tensor>): tf.Tensor {
    const owner = updaterOf(this.inner, variable);
    const rate = this.#coupling === 'independent' ? owner.rateFactor : owner.rateOf(variable);
    const key = `${rate.id} ${decay}`;
    let share = shares.get(key);
    if (share === undefined) {
      const power = this.#coupling === 'learning-rate-squared' ? tf.square(rate) : rate;
      share = tf.mul(power, tf.scalar(decay));
      shares.set(key, share);
    }
    return share;
  }

  // With Δ the inner update, w ← w + Δ − share·w where Δ·w < 0: there the update itself shrinks the weight.
  #updateThenDecay(
    entries: readonly Entry[],
    decaying: readonly { variable: tf.Variable; share: tf.Tensor }[],
  ): void {
    const old = decaying.map(({ variable }) => tf.clone(variable));
    this.inner.update(entries);
    decaying.forEach(({ variable, share }, i) => {
      const before = old[i] as tf.Tensor;
      const shrinks = tf.cast(tf.less(tf.mul(tf.sub(variable, before), before), 0), variable.dtype);
      variable.assign(tf.sub(variable, tf.mul(shrinks, tf.mul(before, share))));
    });
  }

  protected override options(): object {
    return {
      decay: { ...this.#decay },
      coupling: this.#coupling,
      cautious: this.#cautious,
      exclude: this.#exclude.toConfig(),
    };
  }
}

/**
 * Decoupled weight decay (Loshchilov and Hutter, 2019) by role, around any optimizer. Before the inner
 * update, every variable that has a gradient in this step and decays is shrunk:
 *
 *   'learning-rate'          w ← (1 − η·λ)·w     as PyTorch's AdamW; η is the variable's own current rate
 *   'independent'            w ← (1 − f·λ)·w     f is the schedules' factor; the base rate has no effect
 *   'learning-rate-squared'  w ← (1 − η²·λ)·w
 *
 * With `cautious` the decay acts only on coordinates that the inner update moves towards zero. What decays is
 * the stored W, never the effective kernel of a multiplier layer.
 *
 * @param options decay: 0.1 for matrix, embedding and head, 2e-3 for multiplier, 0 for vector (paper,
 *   arXiv 2601.04890, sec. 4.1 and app. A); coupling 'learning-rate'; cautious false; exclude nothing
 * @throws RangeError for an unknown option or a value out of range; Error around `reparametrize`, which must be
 *   outside
 * @example
 * withWeightDecay(adam({ learningRate: 4e-3 }), { decay: { matrix: 0.5, vector: 0.01 } });
 */
export const withWeightDecay: (
  optimizer: tf.Optimizer,
  options?: WeightDecayOptions,
) => OptimizerAdapter = adapter('withWeightDecay', WeightDecay, rules);
