import type * as tf from '@tensorflow/tfjs-core';
import { adopt } from './adopt.ts';
import type { Entry } from './entries.ts';
import { connect, nodeOf } from './node.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';

/**
 * An optimizer around another one. It changes entries or variables in `update` and hands on to the inner
 * one; reads and sets the inner one's base learning rate; saves the inner one's configuration and state
 * with its own; and disposes it.
 *
 * @example
 * class NegateGradients extends OptimizerAdapter {
 *   static override readonly className: string = 'NegateGradients';
 *   override get obstacle() { return null; }
 *   override update(entries: readonly Entry[]): void {
 *     this.inner.update(entries.map(({ variable, gradient }) =>
 *       ({ variable, gradient: gradient === null ? null : tf.neg(gradient) })));
 *   }
 *   protected override options() { return {}; }
 * }
 * const negateGradients = adapter('negateGradients', NegateGradients, {});
 * negateGradients(tf.train.sgd(0.1));
 */
export abstract class OptimizerAdapter extends TensorOptimizer {
  static override readonly className: string = 'LrmOptimizerAdapter';

  /** The optimizer inside. One of tfjs' own is found inside it with `findOptimizer`. */
  readonly inner: TensorOptimizer;

  constructor(inner: tf.Optimizer) {
    super(0);
    const taken = adopt(this, inner);
    this.inner = taken;
    connect(this, {
      children: new Map([['', taken]]),
      route: () => taken,
      // An adapter may keep slots of whatever passes through it.
      keeps: () => true,
      effectiveRate: () => nodeOf(taken).effectiveRate(),
    });
  }

  override get learningRate(): number {
    return this.inner.learningRate;
  }

  override set learningRate(value: number) {
    this.inner.learningRate = value;
  }

  override accepts(variable: tf.Variable): boolean {
    return this.inner.accepts(variable);
  }

  override update(entries: readonly Entry[]): void {
    this.inner.update(entries);
  }

  /** The options and the optimizer inside, as plain data. */
  override getConfig(): tf.serialization.ConfigDict {
    const { learningRate: _, ...options } = super.getConfig();
    return { ...options, inner: { ...nodeOf(this.inner).toConfig() } };
  }
}
