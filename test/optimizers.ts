/** Optimizers for tests of the contract: the smallest leaf and the smallest adapters. */
import * as tf from '@tensorflow/tfjs-core';
import { type Entry, OptimizerAdapter, TensorOptimizer } from '@tfjs-lrm/core';
import { connect, deserializeOptimizer, nodeOf, register } from '@tfjs-lrm/core/kit';
import { step, values } from './tensors.ts';

/** Heavy-ball momentum of 0.5: the smallest optimizer with a slot. Records what reaches it. */
export class Probe extends TensorOptimizer {
  static override readonly className: string = 'TestProbe';
  readonly calls: string[] = [];
  seen: readonly Entry[] = [];

  override get obstacle(): null {
    return null;
  }

  override get gradientPowers(): Readonly<Record<string, number>> {
    return { momentum: 1 };
  }

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
      variable.assign(tf.sub(variable, tf.mul(momentum, this.rateOf(variable))));
    }
  }

  protected override options(): object {
    return {};
  }
}

/** Hands everything on and counts. */
export class Passing extends OptimizerAdapter {
  static override readonly className: string = 'TestPassing';
  readonly calls: string[] = [];

  override get obstacle(): null {
    return null;
  }

  override beforeStep(): void {
    this.calls.push('beforeStep');
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    this.calls.push('update');
    super.update(entries);
  }

  protected override options(): object {
    return {};
  }
}

/** The smallest schedule: a factor that a test may change between steps. */
export class Factor extends OptimizerAdapter {
  static override readonly className: string = 'TestFactor';
  by: number;

  constructor(inner: tf.Optimizer, by: number) {
    super(inner);
    this.by = by;
    const node = connect(this, {
      setFactor: (factor) => {
        node.factor = factor;
        nodeOf(this.inner).setFactor(factor * this.by);
      },
    });
  }

  override get obstacle(): null {
    return null;
  }

  override beforeStep(): void {
    const node = nodeOf(this);
    node.setFactor(node.factor);
    super.beforeStep();
  }

  protected override options(): object {
    return { by: this.by };
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

  protected override options(): object {
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

const inside = (name: string, { inner }: Record<string, unknown>): tf.Optimizer =>
  deserializeOptimizer(name, inner);
register('probe', Probe, ({ learningRate }) => new Probe(learningRate as number));
register('passing', Passing, (config) => new Passing(inside('TestPassing', config)));
register(
  'factor',
  Factor,
  (config) => new Factor(inside('TestFactor', config), config['by'] as number),
);

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
