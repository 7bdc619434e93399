import * as tf from '@tensorflow/tfjs-core';
import { type Entry, isHalfPrecision, optimizer, TensorOptimizer } from '@tfjs-lrm/core';
import { connect, numberRule, runOnePass } from '@tfjs-lrm/core/kit';
import { AdamState } from './adam-state.ts';
import { type Cohort, Cohorts } from './cohorts.ts';
import { assign, type Item, inParts, updatePacked, type Values } from './packed.ts';

/** @inline */
interface AdamOptions {
  /** Base learning rate, per step. */
  readonly learningRate?: number | undefined;
  /** Decay of the running mean of gradients. */
  readonly beta1?: number | undefined;
  /** Decay of the running mean of squared gradients. */
  readonly beta2?: number | undefined;
  /** Added to the root of the second moment, in units of the gradient. */
  readonly epsilon?: number | undefined;
}

const beta = (fallback: string) => numberRule({ min: 0, max: 1, try: fallback });
const rules = {
  learningRate: numberRule({ min: 0, try: '1e-3' }),
  beta1: beta('0.9'),
  beta2: beta('0.999'),
  epsilon: numberRule({ min: 0, exclusive: true, try: '1e-8' }),
};

// The least epsilon for which 1 / epsilon stays finite in fp16; tfjs uses the same.
const HALF_PRECISION_EPSILON = 1e-4;

class Adam extends TensorOptimizer {
  static override readonly className: string = 'LrmAdam';

  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  readonly #cohorts = new Cohorts();

  constructor({ learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions) {
    super(learningRate);
    this.#beta1 = beta1;
    this.#beta2 = beta2;
    this.#epsilon = epsilon;
    connect(this, {
      takesStateOf: ['Adam'],
      store: new AdamState(this.#cohorts, [beta1, beta2]),
      ruleOf: () => ({ kind: 'adam', beta1, beta2, epsilon }),
    });
  }

  override get obstacle(): null {
    return null;
  }

  override get gradientPowers(): Readonly<Record<string, number>> {
    return { m: 1, v: 2 };
  }

  override update(entries: readonly Entry[]): void {
    const gradients = new Map(
      entries.flatMap(({ variable, gradient }) =>
        gradient === null ? [] : [[variable, gradient] as const],
      ),
    );
    const beta1 = tf.scalar(this.#beta1);
    const beta2 = tf.scalar(this.#beta2);
    const rest1 = tf.scalar(1 - this.#beta1);
    const rest2 = tf.scalar(1 - this.#beta2);
    for (const [cohort, variables] of this.#cohorts.group([...gradients.keys()])) {
      const { root, c1, epsilon } = this.#advance(cohort, beta1, beta2, rest1, rest2);
      for (const [rate, group] of this.#byRate(variables)) {
        const stepSize = tf.div(tf.mul(rate, root), c1);
        const items = group.map((value) => ({
          value,
          gradient: gradients.get(value) as tf.Tensor,
          m: this.slot(value, 'm'),
          v: this.slot(value, 'v'),
        }));
        const rest = inParts(items).filter(
          (part) => !this.#updateInOnePass(part, { step: stepSize, epsilon }),
        );
        updatePacked(rest.flat(), ({ value, gradient, m, v }) => {
          const newM = tf.add(tf.mul(m, beta1), tf.mul(gradient, rest1));
          const newV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), rest2));
          // η·√c2/c1 · m / (√v + ε·√c2) is η · (m/c1) / (√(v/c2) + ε), with the corrections on scalars only.
          const step = tf.mul(tf.div(newM, tf.add(tf.sqrt(newV), epsilon)), stepSize);
          return { value: tf.sub(value, step), m: newM, v: newV };
        });
      }
    }
  }

  /** Whether the backend has a kernel for the update of all items, which has run then. */
  #updateInOnePass(
    items: readonly Item[],
    scalars: { readonly step: tf.Tensor; readonly epsilon: tf.Tensor },
  ): boolean {
    const listed = (key: keyof Item): tf.Tensor[] => items.map((item) => item[key]);
    const [value, gradient, m, v] = [listed('value'), listed('gradient'), listed('m'), listed('v')];
    const attributes = { beta1: this.#beta1, beta2: this.#beta2 };
    const outputs = runOnePass('LrmAdam', { ...scalars, value, gradient, m, v }, attributes);
    if (outputs === null) return false;
    items.forEach((item, i) => {
      const [value, m, v] = [0, 1, 2].map((part) => outputs[part * items.length + i]);
      assign(item, { value, m, v } as Values);
    });
    return true;
  }

  /** Variables with factors of their own (`setRates`) apart; usually there is one group. */
  #byRate(variables: readonly tf.Variable[]): Map<tf.Scalar, tf.Variable[]> {
    const groups = new Map<tf.Scalar, tf.Variable[]>();
    for (const variable of variables) {
      const rate = this.rateOf(variable);
      const group = groups.get(rate);
      if (group === undefined) groups.set(rate, [variable]);
      else group.push(variable);
    }
    return groups;
  }

  #advance(cohort: Cohort, beta1: tf.Tensor, beta2: tf.Tensor, rest1: tf.Tensor, rest2: tf.Tensor) {
    const c1 = tf.add(tf.mul(cohort.c1, beta1), rest1);
    const c2 = tf.add(tf.mul(cohort.c2, beta2), rest2);
    cohort.c1.assign(c1);
    cohort.c2.assign(c2);
    const root = tf.sqrt(c2);
    const least = isHalfPrecision() ? HALF_PRECISION_EPSILON : 0;
    return {
      root,
      c1,
      epsilon: tf.mul(root, tf.scalar(Math.max(this.#epsilon, least))),
    };
  }

  protected override options(): AdamOptions {
    return { beta1: this.#beta1, beta2: this.#beta2, epsilon: this.#epsilon };
  }
}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): with gradient g, step t and learning rate η,
 *
 *   m ← β1·m + (1 − β1)·g,   v ← β2·v + (1 − β2)·g²,   w ← w − η · (m / (1 − β1^t)) / (√(v / (1 − β2^t)) + ε)
 *
 * Each variable counts its own steps, so the correction is right for one that comes later or misses steps. For
 * decoupled decay put `withWeightDecay` around it. On a backend with half precision ε is at least 1e-4.
 *
 * @param options learningRate per step (1e-3), beta1 (0.9), beta2 (0.999), epsilon in units of the gradient (1e-8)
 * @throws RangeError for an unknown option or a value out of range
 * @example
 * model.compile({ optimizer: adam({ learningRate: 3e-4 }), loss: 'meanSquaredError' });
 */
export const adam: (options?: AdamOptions) => TensorOptimizer = optimizer('adam', Adam, rules);
