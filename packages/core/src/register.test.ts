import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { loadArtifacts, savedArtifacts, smallModel } from '../../../test/models.ts';
import { Passing, Probe } from '../../../test/optimizers.ts';
import { step, values, variable } from '../../../test/tensors.ts';
import { adapter, type Entry, OptimizerAdapter, optimizer, TensorOptimizer } from './index.ts';
import { deserializeOptimizer, numberRule, serializeOptimizer } from './kit.ts';

class Descent extends TensorOptimizer {
  static override readonly className: string = 'RegisterDescent';
  readonly power: number;

  constructor({ learningRate = 0.5, power = 1 }: { learningRate?: number; power?: number }) {
    super(learningRate);
    this.power = power;
  }

  override update(entries: readonly Entry[]): void {
    for (const { variable: target, gradient } of entries) {
      if (gradient !== null)
        target.assign(tf.sub(target, tf.mul(this.rateOf(target), tf.pow(gradient, this.power))));
    }
  }

  protected override options(): object {
    return { power: this.power };
  }
}

const descent = optimizer('descent', Descent, {
  learningRate: numberRule({ min: 0, try: '0.5' }),
  power: numberRule({ min: 1, integer: true, try: '1' }),
});

class Scaling extends OptimizerAdapter {
  static override readonly className: string = 'RegisterScaling';
  readonly by: number;

  constructor(inner: tf.Optimizer, { by = 2 }: { by?: number }) {
    super(inner);
    this.by = by;
  }

  override update(entries: readonly Entry[]): void {
    this.inner.update(
      entries.map((entry) => ({
        ...entry,
        gradient: entry.gradient === null ? null : tf.mul(entry.gradient, this.by),
      })),
    );
  }

  protected override options(): object {
    return { by: this.by };
  }
}

const scaling = adapter('scaling', Scaling, { by: numberRule({ try: '2' }) });

/** A subclass that was never registered. */
class Unregistered extends Descent {
  static override readonly className: string = 'RegisterUnregistered';
}

class UnregisteredAdapter extends Scaling {
  static override readonly className: string = 'RegisterUnregisteredAdapter';
}

onCpu(() => {
  test('options are checked by the function, with the nearest name', () => {
    expect(descent().learningRate).toBe(0.5);
    expect(descent({ learningRate: 0.25, power: 3 }).power).toBe(3);
    expect(() => descent({ learningrate: 1 } as never)).toThrow(
      'descent: unknown option "learningrate". Did you mean "learningRate"?',
    );
    expect(() => descent({ power: 1.5 })).toThrow(
      'descent: "power" must be a finite whole number >= 1',
    );
    const inner = descent();
    expect(() => scaling(inner, { by: Number.NaN })).toThrow(
      'scaling: "by" must be a finite number',
    );
    // A call that throws takes nothing.
    expect(scaling(inner).inner).toBe(inner);
  });

  test('what is registered is saved with a model, loaded, and goes on', async () => {
    const model = smallModel();
    model.compile({
      optimizer: scaling(descent({ learningRate: 0.01, power: 3 }), { by: 3 }),
      loss: 'meanSquaredError',
    });
    const [x, y] = [tf.ones([2, 3]), tf.zeros([2, 2])];
    await model.trainOnBatch(x, y);
    const loaded = await loadArtifacts(await savedArtifacts(model));
    expect(loaded.optimizer.getConfig()).toEqual({
      by: 3,
      inner: { className: 'RegisterDescent', config: { learningRate: 0.01, power: 3 } },
    });
    for (const each of [model, loaded]) await each.trainOnBatch(x, y);
    expect(loaded.getWeights().map(values)).toEqual(model.getWeights().map(values));
    expect(loaded.optimizer.iterations).toBe(2);
    tf.dispose([x, y]);
  });

  test('options in a file are checked too', () => {
    const file = (config: object): unknown => ({ className: 'RegisterDescent', config });
    expect(() => deserializeOptimizer('here', file({ learningRate: -1 }))).toThrow(
      'descent: "learningRate" must be a finite number >= 0. Received -1.',
    );
    expect(() => deserializeOptimizer('here', file(JSON.parse('{"__proto__": {}}')))).toThrow(
      'must not have the key "__proto__"',
    );
    // tfjs adds keys of its own, and JSON has no undefined.
    const loaded = deserializeOptimizer('here', file({ name: 'x', power: null }));
    expect(loaded.getConfig()).toEqual({ learningRate: 0.5, power: 1 });
  });

  test('a class that was never registered says so when it is saved, not when it is loaded', async () => {
    const message = /^RegisterUnregistered(Adapter)?: a class that is saved must be registered/;
    const alone = new Unregistered({});
    expect(() => alone.getConfig()).toThrow(message);
    expect(() => new Passing(new Unregistered({})).getConfig()).toThrow(message);
    expect(() => new UnregisteredAdapter(new Probe(1), {}).getConfig()).toThrow(message);
    expect(() => serializeOptimizer(alone)).toThrow(message);
    const model = smallModel();
    model.compile({ optimizer: new Unregistered({}), loss: 'meanSquaredError' });
    await expect(savedArtifacts(model)).rejects.toThrow(message);
    // Its state can be read and set all the same: rebuilt in code, it goes on.
    expect((await alone.getWeights()).map(({ name }) => name)).toEqual(['iter']);
  });

  test('a class without a name of its own is refused, when it is made and when it is registered', () => {
    class Nameless extends Descent {}
    Object.defineProperty(Nameless, 'className', { value: undefined });
    class Inheriting extends Descent {}
    const message = 'Inheriting: a class of optimizers must have a name of its own';
    expect(() => new Inheriting({})).toThrow(message);
    expect(() => optimizer('inheriting', Inheriting, {} as never)).toThrow(message);
    expect(() => new Nameless({})).toThrow('Nameless: a class of optimizers must have a name');
  });

  test('a learning rate that the setter refuses is refused by the constructor, for whoever calls it', () => {
    class Bare extends TensorOptimizer {
      static override readonly className: string = 'RegisterBare';
      override update(): void {}
      protected override options(): object {
        return {};
      }
    }
    for (const wrong of ['abc', -1, undefined, Number.NaN, Infinity, { learningRate: 0.1 }]) {
      expect(() => new Bare(wrong as number)).toThrow(/^RegisterBare: learningRate must be/);
    }
    // tfjs' own fromConfig would hand the configuration to the constructor, and train to NaN.
    tf.serialization.registerClass(Bare as never);
    const target = variable([1, 1], [2]);
    const file = { className: 'RegisterBare', config: { learningRate: 0.1 } };
    expect(() => deserializeOptimizer('here', file)).toThrow(
      'RegisterBare: a class that is saved must be registered',
    );
    expect(() => new Bare(0.1).getConfig()).toThrow('must be registered');
    step(new Bare(0.1), [[target, [1, 1]]]);
    expect(values(target)).toEqual([1, 1]);
  });
});
