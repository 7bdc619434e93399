/** Optimizers for tests of the contract: the smallest leaf and the smallest adapters. */
import * as tf from '@tensorflow/tfjs-core';
import { type Entry, OptimizerAdapter, TensorOptimizer } from '@tfjs-lrm/core';
import { deserializeOptimizer } from '@tfjs-lrm/core/kit';
import { step, values } from './tensors.ts';

type Constructed<T extends tf.serialization.Serializable> =
  tf.serialization.SerializableConstructor<T>;

/** Heavy-ball momentum of 0.5: the smallest optimizer with a slot. Records what reaches it. */
export class Probe extends TensorOptimizer {
  static override readonly className: string = 'TestProbe';
  readonly calls: string[] = [];
  seen: readonly Entry[] = [];

  override beforeStep(): void {
    this.calls.push('beforeStep');
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    this.calls.push('update');
    this.seen = entries;
    for (const { variable, gradient } of entries) {
      if (gradient === null) continue;
      const momentum = this.slot(variable, 'momentum');
      momentum.assign(tf.add(tf.mul(momentum, 0.5), gradient));
      variable.assign(tf.sub(variable, tf.mul(momentum, this.rate)));
    }
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { learningRate: this.learningRate };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: Constructed<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(config['learningRate'] as number);
  }
}

/** Hands everything on and counts. */
export class Passing extends OptimizerAdapter {
  static override readonly className: string = 'TestPassing';
  readonly calls: string[] = [];

  override beforeStep(): void {
    this.calls.push('beforeStep');
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    this.calls.push('update');
    super.update(entries);
  }

  protected override options(): tf.serialization.ConfigDict {
    return {};
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: Constructed<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(deserializeOptimizer('TestPassing', config['inner']));
  }
}

/** The smallest schedule: a factor that a test may change between steps. */
export class Factor extends OptimizerAdapter {
  static override readonly className: string = 'TestFactor';
  by: number;

  constructor(inner: tf.Optimizer, by: number) {
    super(inner);
    this.by = by;
  }

  override setLearningRateFactor(factor: number): void {
    this.factor = factor;
    this.inner.setLearningRateFactor(factor * this.by);
  }

  override beforeStep(): void {
    this.setLearningRateFactor(this.factor);
    super.beforeStep();
  }

  protected override options(): tf.serialization.ConfigDict {
    return { by: this.by };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: Constructed<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(deserializeOptimizer('TestFactor', config['inner']), config['by'] as number);
  }
}

/** Changes nothing, and keeps the values of the gradients that reach it. */
export class Recorder extends TensorOptimizer {
  static override readonly className: string = 'TestRecorder';
  readonly reached: Map<tf.Variable, number[] | null> = new Map();

  override update(entries: readonly Entry[]): void {
    for (const { variable, gradient } of entries) {
      this.reached.set(variable, gradient === null ? null : values(gradient));
    }
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {};
  }
}

/** What of the given gradients reaches the optimizer inside of what `wrap` makes; null where there is none. */
export function reaching(
  wrap: (inner: tf.Optimizer) => tf.Optimizer,
  gradients: readonly (readonly [tf.Variable, readonly number[] | null])[],
): (number[] | null)[] {
  const recorder = new Recorder(0);
  step(wrap(recorder), gradients);
  return gradients.map(([target]) => recorder.reached.get(target) as number[] | null);
}

for (const optimizer of [Probe, Passing, Factor]) tf.serialization.registerClass(optimizer);

/** Each of tfjs' own optimizers, with a learning rate at which ten steps of gradients near 1 do something. */
export const TFJS_OPTIMIZERS: readonly (readonly [name: string, make: () => tf.Optimizer])[] = [
  ['sgd', () => tf.train.sgd(0.1)],
  ['momentum', () => tf.train.momentum(0.1, 0.9)],
  ['nesterov momentum', () => tf.train.momentum(0.1, 0.9, true)],
  ['adam', () => tf.train.adam(0.05)],
  ['adamax', () => tf.train.adamax(0.05, 0.9, 0.99, 1e-7, 0.1)],
  ['rmsprop', () => tf.train.rmsprop(0.05, 0.9, 0.5)],
  ['centered rmsprop', () => tf.train.rmsprop(0.05, 0.9, 0.5, 1e-7, true)],
  ['adagrad', () => tf.train.adagrad(0.1)],
  ['adadelta', () => tf.train.adadelta(0.5, 0.9, 1e-3)],
];
