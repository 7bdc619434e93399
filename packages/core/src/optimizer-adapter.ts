import type * as tf from '@tensorflow/tfjs-core';
import type { Entry } from './entries.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

const OWNER: unique symbol = Symbol.for('tfjs-lrm/owner');

type Owned = TensorOptimizer & { [OWNER]?: TensorOptimizer };

/** The optimizer under the common contract; throws as `adopt` does, and takes nothing. */
export function adoptable(owner: TensorOptimizer, inner: tf.Optimizer): TensorOptimizer {
  const candidate = asTensorOptimizer(inner) as Owned;
  const current = candidate[OWNER];
  if (current !== undefined && current !== owner) {
    throw new Error(
      `${owner.getClassName()}: ${inner.getClassName()} is already inside ${current.getClassName()}. Give each its own optimizer.`,
    );
  }
  if (candidate.isDisposed) {
    throw new Error(
      `${owner.getClassName()}: ${inner.getClassName()} was disposed. Make a new optimizer.`,
    );
  }
  return candidate;
}

/**
 * Takes an optimizer into another one: gives tfjs' own the common contract, and sees to it that one
 * optimizer is never inside two others, where each step would count and act twice.
 *
 * @throws TypeError for something that is no optimizer; Error naming both when it is already taken
 */
export function adopt(owner: TensorOptimizer, inner: tf.Optimizer): TensorOptimizer {
  const taken = adoptable(owner, inner);
  Object.defineProperty(taken, OWNER, { value: owner, enumerable: false });
  return taken;
}

/** The optimizer that has taken this one in, or null. */
export function ownerOf(optimizer: TensorOptimizer): TensorOptimizer | null {
  return (optimizer as Owned)[OWNER] ?? null;
}

/**
 * An optimizer around another one. It changes entries or variables in `update` and hands on to the inner
 * one; reads and sets the inner one's base learning rate; saves the inner one's configuration and state
 * with its own; and disposes it.
 *
 * @example
 * class NegateGradients extends OptimizerAdapter {
 *   static override readonly className: string = 'NegateGradients';
 *   override update(entries: readonly Entry[]): void {
 *     this.inner.update(entries.map(({ variable, gradient }) =>
 *       ({ variable, gradient: gradient === null ? null : tf.neg(gradient) })));
 *   }
 *   protected override options() { return {}; }
 * }
 */
export abstract class OptimizerAdapter extends TensorOptimizer {
  static override readonly className: string = 'LrmOptimizerAdapter';

  /** The optimizer inside. One of tfjs' own is found inside it with `findOptimizer`. */
  readonly inner: TensorOptimizer;

  constructor(inner: tf.Optimizer) {
    super(0);
    this.inner = adopt(this, inner);
  }

  override get learningRate(): number {
    return this.inner.learningRate;
  }

  override set learningRate(value: number) {
    this.inner.learningRate = value;
  }

  override inners(): readonly tf.Optimizer[] {
    return [this.inner];
  }

  override route(_variable: tf.Variable): tf.Optimizer | null {
    return this.inner;
  }

  override holds(_variable: tf.Variable): boolean {
    return true;
  }

  override update(entries: readonly Entry[]): void {
    this.inner.update(entries);
  }

  /** The options of this adapter as plain data, for `getConfig`. */
  protected abstract options(): tf.serialization.ConfigDict;

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...this.options(),
      inner: this.inner.toConfig() as unknown as tf.serialization.ConfigDict,
    };
  }
}
