import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { type Entry, OptimizerAdapter } from '@tfjs-lrm/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tensorsLeftBy, values, variable } from '../../../../test/tensors.ts';
import { classifier, data } from '../../test/classifier.ts';
import { multiplied, OF_TFJS, OURS } from '../../test/optimizers.ts';
import { batchOf, makeModel, onTensorFlow, type Step, stepOf } from '../../test/training.ts';
import { compile } from './compile.ts';
import { compileModel } from './compile-model.ts';

/** Sums the gradients of several steps and hands them on with the last of these: a branch of JavaScript in `update`. */
class Accumulation extends OptimizerAdapter {
  static override readonly className: string = 'SameRecordingAccumulation';
  readonly #every: number;
  #taken = 0;

  constructor(every: number) {
    super(adam({ learningRate: 0.1 }));
    this.#every = every;
  }

  override beforeStep(): void {
    this.#taken += 1;
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    const sums = entries.map(({ variable: target, gradient }) => {
      const sum = this.slot(target, 'sum');
      if (gradient !== null) sum.assign(tf.add(sum, gradient));
      return { variable: target, gradient: sum as tf.Tensor };
    });
    if (this.#taken % this.#every !== 0) return;
    super.update(sums);
    for (const { gradient } of sums) (gradient as tf.Variable).assign(tf.zerosLike(gradient));
  }

  protected override options() {
    return {};
  }
}

/** As `Accumulation`, and says what is not so: that `update` does the same in every step. */
class Untrue extends Accumulation {
  static override readonly className: string = 'SameRecordingUntrue';
  override get obstacle(): string | null {
    return null;
  }
}

const squares = (weight: tf.Variable, optimizer: tf.Optimizer) => (): tf.Tensor =>
  optimizer.minimize(() => tf.sum(tf.square(weight)), true, [weight]) as tf.Tensor;

function run(step: Step, steps: number): void {
  for (let at = 0; at < steps; at++) {
    const [x, y] = batchOf(multiplied, [8, 3], at);
    tf.dispose([x, y, step(x, y) as tf.Tensor]);
  }
}

onTensorFlow(() => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('an adapter that branches in update and does not say that it can be recorded is refused', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const weight = variable([1], [1]);
    const step = compile(squares(weight, new Accumulation(2)));
    expect(() => step()).toThrow(
      /^compile: SameRecordingAccumulation does not say whether its update/,
    );
    expect(values(weight)).toEqual([1]);
  });

  it.each([2, 3, 4, 7])(
    'one that says so untruly, with %i micro-steps, is found by verify before it is wrong',
    (every) => {
      vi.spyOn(console, 'warn').mockImplementation(() => {});
      const [eager, weight] = [variable([1], [1]), variable([1], [1])];
      const plain = squares(eager, new Untrue(every));
      const optimizer = new Untrue(every);
      const step = compile(squares(weight, optimizer), { verify: 12 });
      const taken: number[] = [];
      for (let i = 0; i < 12; i++) {
        try {
          step().dispose();
        } catch (error) {
          expect((error as Error).message).toMatch(
            /^compile: .* must (do|be) the same in every call/,
          );
          taken.push(i);
          break;
        }
        plain().dispose();
        expect(values(weight)).toEqual(values(eager));
        expect(optimizer.iterations).toBe(i + 1);
      }
      // The error comes instead of a wrong step, and leaves the variable and the count as they were.
      expect(taken).toHaveLength(1);
      expect(values(weight)).toEqual(values(eager));
      expect(optimizer.iterations).toBe(taken[0]);
      step.dispose();
    },
  );

  it('a number of JavaScript that changes after the recording is found', () => {
    let calls = 0;
    const step = compile(
      (x: tf.Tensor) => {
        calls += 1;
        return tf.mul(x, calls < 5 ? 2 : 3);
      },
      { verify: 10 },
    );
    const x = tf.scalar(1);
    for (let i = 0; i < 4; i++) expect(values(step(x))).toEqual([2]);
    expect(() => step(x)).toThrow(
      /^compile: values that a step makes in JavaScript must be the same/,
    );
    step.dispose();
    tf.dispose(x);
  });

  it('another variable in the place of one is found', () => {
    const [a, b] = [variable([1], [1]), variable([2], [1])];
    let calls = 0;
    const step = compile(
      () => {
        calls += 1;
        return tf.mul(calls < 5 ? a : b, 2);
      },
      { verify: 10 },
    );
    for (let i = 0; i < 4; i++) expect(values(step())).toEqual([2]);
    expect(() => step()).toThrow('Received one that takes other tensors from outside');
    step.dispose();
  });

  it('random numbers are no difference, and calls beyond the verified ones run the recording', () => {
    let calls = 0;
    const step = compile(
      (x: tf.Tensor) => {
        calls += 1;
        return tf.dropout(tf.add(x, tf.randomNormal(x.shape)), 0.5);
      },
      { verify: 3 },
    );
    const x = tf.ones([20]);
    const seen = new Set(Array.from({ length: 10 }, () => String(values(tf.tidy(() => step(x))))));
    expect(seen.size).toBe(10);
    expect([calls, step.traces]).toEqual([5, 1]);
    step.dispose();
    x.dispose();
  });

  it('a verified run leaves no tensor behind', async () => {
    const left = await tensorsLeftBy(() => {
      const [model, optimizer] = [makeModel(multiplied), adam()];
      const step = compile(stepOf(model, optimizer), { verify: 3 });
      run(step, 6);
      step.dispose();
      optimizer.dispose();
      model.dispose();
    });
    expect(left).toBe(0);
  });

  describe('every optimizer here and of tfjs does the same in every step', () => {
    it.each([...OURS, ...OF_TFJS])('%s', (_, make) => {
      const [model, optimizer] = [makeModel(multiplied), make()];
      const step = compile(stepOf(model, optimizer), { verify: 10 });
      run(step, 12);
      expect(step.traces).toBe(1);
      step.dispose();
      optimizer.dispose();
      model.dispose();
    });
  });

  it('a compiled model is verified too', async () => {
    let calls = 0;
    class Branching extends layers.layers.Layer {
      static className = 'SameRecordingBranching';
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        calls += 1;
        const x = [inputs].flat()[0] as tf.Tensor;
        return tf.tidy(() => (calls < 6 ? tf.tanh(x) : tf.sin(x)));
      }
    }
    const base = classifier();
    const model = layers.model({
      inputs: base.inputs,
      outputs: new Branching({}).apply(base.outputs) as layers.SymbolicTensor,
    });
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const compiled = compileModel(model, { verify: 5 });
    const [x, y] = data(8);
    const train = async (): Promise<unknown> => await model.trainOnBatch(x, y);
    while (calls < 5) await train();
    await expect(train()).rejects.toThrow(
      /Received one that runs Sin .* where the recording has Tanh/,
    );
    compiled.dispose();
    tf.dispose([x, y]);
  });

  it('verify is a whole number', () => {
    expect(() => compile(() => null, { verify: 1.5 })).toThrow(RangeError);
    expect(() => compile(() => null, { verify: -1 })).toThrow(/compile: .*verify/);
  });
});
