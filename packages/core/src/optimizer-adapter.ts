import type * as tf from '@tensorflow/tfjs-core';
import { adopt } from './adopt.ts';
import type { Entry } from './entries.ts';
import { connect, nodeOf } from './node.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';

/**
 * An optimizer around another one. Its `update` changes entries or variables and calls that of the inner optimizer,
 * whose base learning rate it reads and sets, whose configuration and state it saves with its own, and which it
 * disposes of.
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

  /** The optimizer inside; a wrapper if it is one of tfjs' own, which `findOptimizer` returns. */
  readonly inner: TensorOptimizer;

  constructor(inner: tf.Optimizer) {
    super(0);
    const taken = adopt(this, inner);
    this.inner = taken;
    connect(this, {
      children: new Map([['', taken]]),
      route: () => taken,
      // An adapter may keep slots for any variable that passes through it.
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
