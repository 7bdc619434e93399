import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useBackend } from '../../../../test/backends.ts';
import { tensorsLeftBy, values, variable } from '../../../../test/tensors.ts';
import {
  batchOf,
  makeModel,
  onTensorFlow,
  type Step,
  stepOf,
  type Task,
} from '../../test/training.ts';
import { compile } from './compile.ts';
import { compileModel } from './compile-model.ts';

const task: Task = {
  layers: () => [layers.layers.dense({ units: 2, inputShape: [3] })],
  input: [4, 3],
};
const STEPS = 8;
const scheduled = (): tf.Optimizer =>
  withSchedule(adam({ learningRate: 0.1 }), linear({ steps: 20 }));

function expectEqual(actual: readonly number[], expected: readonly number[]): void {
  const differences = actual.map((value, i) => Math.abs(value - (expected[i] as number)));
  expect(Math.max(...differences)).toBeLessThan(1e-5);
}

/** Weights and count after some steps; `between` is told the number of each before it is taken. */
async function trained(
  make: () => tf.Optimizer,
  wrap: (step: Step) => Step,
  between: (at: number, model: layers.Sequential) => unknown = () => {},
): Promise<{ weights: number[]; iterations: number }> {
  const [model, optimizer] = [makeModel(task), make()];
  const step = wrap(stepOf(model, optimizer));
  for (let at = 0; at < STEPS; at++) {
    await between(at, model);
    const [x, y] = batchOf(task, [4, 2], at);
    tf.dispose([x, y, step(x, y) as tf.Tensor]);
  }
  const { iterations } = optimizer;
  const weights = model.getWeights().flatMap(values);
  optimizer.dispose();
  model.dispose();
  return { weights, iterations };
}

onTensorFlow(() => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('an optimizer that applies gradients twice in a step is refused, as its schedule would advance once', () => {
    const weight = variable([1, 2, 3], [3]);
    const optimizer = scheduled();
    const loss = (): tf.Scalar => tf.sum(tf.square(weight));
    const step = compile(() => {
      optimizer.minimize(loss, false, [weight]);
      return optimizer.minimize(loss, true, [weight]);
    });
    expect(() => step()).toThrow(
      /^compile: an optimizer must apply gradients once in a step, .* Received \w+ applying them again\. Try/,
    );
    step.dispose();
    optimizer.dispose();
    weight.dispose();
  });

  describe('a step that throws', () => {
    it.each([
      ['an optimizer of this family', scheduled],
      ['tf.train.adam', () => tf.train.adam(0.1)],
      ['tf.train.sgd', () => tf.train.sgd(0.1)],
    ])(
      'in its second call, after its update, leaves %s and the weights as they were',
      async (_name, make) => {
        let throws = false;
        const expected = await trained(make, (step) => step);
        const actual = await trained(make, (step) => {
          const compiled = compile((x: tf.Tensor, y: tf.Tensor) => {
            const loss = step(x, y);
            if (throws) throw new Error('mine');
            return loss;
          });
          let at = 0;
          return (x, y) => {
            at += 1;
            throws = at === 2;
            if (throws) expect(() => compiled(x, y)).toThrow('mine');
            throws = false;
            return compiled(x, y);
          };
        });
        expectEqual(actual.weights, expected.weights);
        expect(actual.iterations).toBe(expected.iterations);
      },
    );

    it('in TensorFlow, when it is replayed, leaves optimizer and weights as they were', () => {
      const run = (fails: boolean): { table: number[]; iterations: number } => {
        const table = variable([1, 2, 3, 4], [4, 1]);
        const optimizer = scheduled();
        const step = compile((ids: tf.Tensor) =>
          optimizer.minimize(
            () => tf.mean(tf.square(tf.gather(table, tf.cast(ids, 'int32')))),
            true,
            [table],
          ),
        );
        for (let at = 0; at < STEPS; at++) {
          if (fails && at >= 3) {
            expect(() => step(tf.tensor([9, 1], [2], 'int32'))).toThrow('not in [0, 4)');
          }
          tf.dispose(step(tf.tensor([at % 4, 1], [2], 'int32')) as tf.Tensor);
        }
        step.dispose();
        return { table: values(table), iterations: optimizer.iterations };
      };
      expect(run(true)).toEqual(run(false));
    });

    it('leaves no tensor behind, in whichever call it throws', async () => {
      const x = tf.ones([2]);
      for (const bad of [0, 1, 2]) {
        let at = 0;
        const left = await tensorsLeftBy(() => {
          const step = compile((given: tf.Tensor) => {
            const sum = tf.add(given, 1);
            if (at === bad) throw new Error('mine');
            return sum;
          });
          for (at = 0; at < 4; at++) {
            try {
              tf.dispose(step(x));
            } catch (error) {
              expect(String(error)).toContain('mine');
            }
          }
          step.dispose();
        });
        expect(left).toBe(0);
      }
    });
  });

  describe('what a user may do between calls', () => {
    it('another backend is an error that says so, and back again the run goes on', async () => {
      const expected = await trained(scheduled, (step) => step);
      let compiled: ReturnType<typeof compile<[tf.Tensor, tf.Tensor], tf.Tensor | null>>;
      const actual = await trained(
        scheduled,
        (step) => {
          compiled = compile(step);
          return compiled;
        },
        async (at, model) => {
          if (at !== 1 && at !== 5) return;
          await useBackend('cpu');
          const [x, y] = batchOf(task, [4, 2], 0);
          // The values of the weights move there, and back with the next step.
          values(model.predict(x) as tf.Tensor);
          expect(() => compiled(x, y)).toThrow(/must be 'tensorflow'. Received 'cpu'.*setBackend/);
          await useBackend('tensorflow');
        },
      );
      expectEqual(actual.weights, expected.weights);
      expect(actual.iterations).toBe(expected.iterations);
    });

    it('an addon that an older version has linked is an error that says what to do', () => {
      const backend = tf.backend() as unknown as { binding: object };
      const step = compile(() => tf.scalar(1));
      const { binding } = backend;
      backend.binding = Object.create(binding, { definition: { value: undefined } });
      expect(() => step()).toThrow('compile: tfjs-node must be linked by this version of');
      backend.binding = binding;
      step().dispose();
      step.dispose();
    });

    it('a compiled model says so too, and predicts again', async () => {
      const model = makeModel(task);
      const [x] = batchOf(task, [4, 2], 0);
      const expected = values(model.predict(x) as tf.Tensor);
      const handle = compileModel(model);
      for (let i = 0; i < 3; i++) tf.dispose(model.predict(x));
      await useBackend('wasm');
      try {
        expect(() => model.predict(x)).toThrow(/must be 'tensorflow'. Received 'wasm'/);
      } finally {
        await useBackend('tensorflow');
      }
      expectEqual(values(model.predict(x) as tf.Tensor), expected);
      handle.dispose();
    });

    it('a model or an optimizer that was disposed is an error that names it', () => {
      for (const what of ['model', 'optimizer'] as const) {
        const [model, optimizer] = [makeModel(task), adam()];
        const step = compile(stepOf(model, optimizer));
        const [x, y] = batchOf(task, [4, 2], 0);
        for (let i = 0; i < 3; i++) tf.dispose(step(x, y) as tf.Tensor);
        ({ model, optimizer })[what].dispose();
        expect(() => step(x, y)).toThrow(/disposed/);
        step.dispose();
      }
    });

    it('an argument that was disposed is an error in each call, before anything changes', () => {
      const w = variable([1], [1]);
      const step = compile((x: tf.Tensor) => {
        w.assign(tf.add(w, x));
        return null;
      });
      const gone = tf.ones([1]);
      gone.dispose();
      for (let i = 0; i < 4; i++) {
        expect(() => step(gone)).toThrow(/was disposed as number 1/);
        step(tf.ones([1]));
      }
      expect(values(w)).toEqual([5]);
    });

    it('a variable that is frozen, and set free again, is recorded again each time', async () => {
      const freeze = (at: number, model: layers.Sequential): void => {
        const [, bias] = model.weights as unknown as { trainable: boolean }[];
        if (bias !== undefined && at % 3 === 0) bias.trainable = at !== 3;
      };
      const make = (): tf.Optimizer => adam({ learningRate: 0.1 });
      const expected = await trained(make, (step) => step, freeze);
      const actual = await trained(make, compile, freeze);
      expectEqual(actual.weights, expected.weights);
      const free = await trained(make, (step) => step);
      expect(free.weights).not.toEqual(expected.weights);
    });
  });

  describe('what a step may hold', () => {
    it('two models with an optimizer each, and two steps that share a model', () => {
      const run = (wrap: <S extends Step>(step: S) => Step): number[] => {
        const [one, two] = [makeModel(task, 1), makeModel(task, 2)];
        const [a, b] = [stepOf(one, adam({ learningRate: 0.1 })), stepOf(two, tf.train.sgd(0.1))];
        const both = wrap((x, y) => tf.add(a(x, y) as tf.Tensor, b(x, y) as tf.Tensor));
        const alone = wrap(stepOf(one, tf.train.momentum(0.05, 0.9)));
        const losses: number[] = [];
        for (let at = 0; at < STEPS; at++) {
          const [x, y] = batchOf(task, [4, 2], at);
          for (const step of [both, alone]) losses.push(...values(step(x, y) as tf.Tensor));
        }
        return [...losses, ...[one, two].flatMap((model) => model.getWeights().flatMap(values))];
      };
      expectEqual(
        run(compile),
        run((step) => step),
      );
    });

    it('no assignment to an argument: a variable comes as its value, from the first call on', () => {
      const w = variable([1], [1]);
      const assigning = compile((x: tf.Tensor) => (x as tf.Variable).assign(tf.add(x, 1)) as never);
      for (let i = 0; i < 3; i++) expect(() => assigning(w)).toThrow('assign is not a function');
      const reading = compile((x: tf.Tensor) => tf.mul(x, 2));
      for (let i = 1; i < 5; i++) {
        w.assign(tf.tensor([i], [1]));
        expect(values(reading(w))).toEqual([2 * i]);
      }
      expect(values(w)).toEqual([4]);
    });

    it('nothing at all', () => {
      const step = compile(() => null);
      for (let i = 0; i < 4; i++) expect(step()).toBe(null);
      step.dispose();
    });

    it.each([
      ['a number', () => 3],
      ['an object', () => ({ loss: tf.scalar(1) })],
      ['lists in a list', () => [[tf.scalar(1)]]],
      ['a text', () => 'loss'],
    ])('no result but tensors: %s is refused in the first call', (_name, body) => {
      expect(() => compile(body as never)()).toThrow(/must return a tensor, null, or an array/);
    });

    it('no await: the error comes at once, and the rest of the step does not end the process', async () => {
      vi.spyOn(console, 'error').mockImplementation(() => {});
      const rejected = vi.fn();
      process.on('unhandledRejection', rejected);
      const step = compile((async (x: tf.Tensor) => {
        const sum = tf.add(x, 1);
        await Promise.resolve();
        return tf.mul(sum, 2);
      }) as never) as (x: tf.Tensor) => unknown;
      expect(() => step(tf.ones([1]))).toThrow(/without async and await/);
      await new Promise((resolve) => setTimeout(resolve, 20));
      process.off('unhandledRejection', rejected);
      expect(rejected).not.toHaveBeenCalled();
    });
  });

  it('the 16 sets of shapes that were used last are kept, and an older one is recorded again', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const step = compile((x: tf.Tensor) => tf.sum(x));
    const thrice = (n: number): void => {
      for (let i = 0; i < 3; i++) expect(values(step(tf.ones([n])))).toEqual([n]);
    };
    for (let n = 1; n <= 16; n++) thrice(n);
    thrice(1);
    expect(step.traces).toBe(16);
    thrice(17);
    thrice(1);
    expect(step.traces).toBe(17);
    thrice(2);
    expect(step.traces).toBe(18);
    step.dispose();
  });
});
