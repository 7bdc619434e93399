import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { constant, linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tensorsLeftBy, values, variable } from '../../../../test/tensors.ts';
import { batchOf, makeModel, onTensorFlow, stepOf, type Task } from '../../test/training.ts';
import { compile } from './compile.ts';

const task: Task = {
  layers: () => [layers.layers.dense({ units: 2, inputShape: [3] })],
  input: [4, 3],
};
const read = (tensor: tf.Tensor): number[] => {
  const numbers = values(tensor);
  tensor.dispose();
  return numbers;
};
const scalar = (value: number): tf.Scalar => tf.scalar(value);

/** Losses and traces of some steps; `before` runs before each. */
function run(
  optimizer: tf.Optimizer,
  steps: number,
  before: (at: number) => void,
  compiles = true,
) {
  const model = makeModel(task);
  const plain = stepOf(model, optimizer);
  const compiled = compile(plain);
  const losses = Array.from({ length: steps }, (_, at) => {
    const [x, y] = batchOf(task, [4, 2], at);
    before(at);
    return read((compiles ? compiled : plain)(x, y) as tf.Tensor)[0];
  });
  const { traces } = compiled;
  compiled.dispose();
  return {
    losses,
    traces,
    iterations: optimizer.iterations,
    weights: model.getWeights().map(values),
  };
}

onTensorFlow(() => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  describe('numbers of JavaScript', () => {
    const everyTwo = (optimizer: { learningRate: number }) => (at: number) => {
      if (at % 4 === 3) optimizer.learningRate /= 2;
    };

    it('a learning rate that is set takes effect at the next step, without recording again', () => {
      const [a, b] = [adam({ learningRate: 0.1 }), adam({ learningRate: 0.1 })];
      const expected = run(a, 12, everyTwo(a), false);
      const actual = run(b, 12, everyTwo(b));
      expect(actual.losses).toEqual(expected.losses);
      expect(actual).toMatchObject({ traces: 1, iterations: 12 });
    });

    it.each([
      ['tf.train.adam', () => tf.train.adam(0.1)],
      ['tf.train.rmsprop', () => tf.train.rmsprop(0.1)],
      ['withWeightDecay(tf.train.adam)', () => withWeightDecay(tf.train.adam(0.1))],
    ])(
      'the learning rate of %s is followed by recording again, which is said once',
      (_name, make) => {
        const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
        const [a, b] = [make(), make()] as (tf.Optimizer & { learningRate: number })[];
        const expected = run(a!, 12, everyTwo(a!), false);
        const actual = run(b!, 12, everyTwo(b!));
        expect(actual.losses).toEqual(expected.losses);
        expect(actual).toMatchObject({ traces: 3, iterations: expected.iterations });
        expect(warn).toHaveBeenCalledTimes(1);
        expect(warn.mock.calls[0]?.[0]).toMatch(/AdamOptimizer|Adam|RMSProp/);
      },
    );

    it('the cached rate of SGD is followed too', () => {
      vi.spyOn(console, 'warn').mockImplementation(() => {});
      const [a, b] = [tf.train.sgd(0.1), tf.train.sgd(0.1)];
      const lower = (sgd: tf.SGDOptimizer) => (at: number) => {
        if (at === 5) sgd.setLearningRate(0.01);
      };
      expect(run(b, 9, lower(b)).losses).toEqual(run(a, 9, lower(a), false).losses);
    });

    it.each([
      [
        'a schedule around tfjs adam',
        () => withSchedule(tf.train.adam(0.1), constant()),
        /Adam of tfjs.*schedule.*adam\(\)/,
      ],
      [
        'one with an adapter between',
        () => withSchedule(withWeightDecay(tf.train.sgd(0.1)), constant()),
        /SGD of tfjs/,
      ],
      [
        "clipping with 'skip'",
        () => withClipping(adam(), { globalNorm: 1, nonFinite: 'skip' }),
        /withClipping.*'skip'.*'zero'/,
      ],
      [
        "clipping with 'throw' inside",
        () => withWeightDecay(withClipping(adam(), { nonFinite: 'throw' })),
        /withClipping.*'throw'/,
      ],
    ])('refuses %s before anything changes', (_name, make, message) => {
      const optimizer = make();
      const model = makeModel(task);
      const before = model.getWeights().map(values);
      const step = compile(stepOf(model, optimizer));
      const [x, y] = batchOf(task, [4, 2], 0);
      expect(() => step(x, y)).toThrow(message);
      expect(model.getWeights().map(values)).toEqual(before);
      expect(optimizer.iterations).toBe(0);
    });

    it('a number that changes from call to call is refused, with its place', () => {
      let beta = 0;
      const w = variable([1, 2], [2]);
      const step = compile((x: tf.Tensor) => {
        beta += 0.1;
        w.assign(tf.add(w, 1));
        return tf.mul(x, tf.mul(w, beta));
      });
      const x = tf.ones([2]);
      read(step(x));
      read(step(x));
      let before = values(w);
      expect(() => {
        for (let i = 0; i < 3; i++) {
          before = values(w);
          read(step(x));
        }
      }).toThrow(/the number 0\.[0-9]+, made in kernel Multiply.*tf\.variable/);
      expect(values(w)).toEqual(before);
    });

    it('a tensor that changes from call to call is refused, with the layer', () => {
      class Jitter extends layers.layers.Layer {
        static readonly className: string = 'Jitter';
        override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
          const numbers = Float32Array.from({ length: 6 }, () => Math.random());
          return tf.add([inputs].flat()[0] as tf.Tensor, tf.tensor(numbers, [6]));
        }
      }
      const layer = new Jitter({ name: 'shaky' });
      const step = compile((x: tf.Tensor) => layer.apply(x) as tf.Tensor);
      const x = tf.ones([2, 6]);
      expect(() => {
        for (let i = 0; i < 5; i++) read(step(x));
      }).toThrow(/a tensor of shape \[6\], made in kernel Add.*layer "shaky" \(Jitter\)/);
    });

    it('tensors that JavaScript makes alike in each call are recorded', () => {
      const step = compile((x: tf.Tensor) =>
        tf.add(
          x,
          tf.tensor(
            Array.from({ length: 5000 }, (_, i) => i),
            [5000],
          ),
        ),
      );
      const x = tf.ones([5000]);
      for (let i = 0; i < 4; i++) expect(read(step(x))[4999]).toBe(5000);
      expect(step.traces).toBe(1);
    });
  });

  describe('values read in a step', () => {
    it.each([
      [
        'in the step itself',
        (x: tf.Tensor) => tf.mul(x, values(tf.sum(x))[0] as number),
        /the step itself/,
      ],
      [
        'of random numbers',
        (x: tf.Tensor) => tf.mul(x, values(tf.randomNormal([1]))[0] as number),
        /read in/,
      ],
    ])('are refused: %s', (_name, body, message) => {
      const step = compile(body);
      expect(() => step(tf.ones([2]))).toThrow(message);
    });

    it('are refused with the kernel that reads', () => {
      tf.registerKernel({
        kernelName: 'Peek',
        backendName: 'tensorflow',
        kernelFunc: ({ inputs, backend }) => {
          (backend as tf.KernelBackend).readSync((inputs['x'] as tf.TensorInfo).dataId);
          return inputs['x'] as tf.TensorInfo;
        },
      });
      const step = compile(
        (x: tf.Tensor) => tf.engine().runKernel('Peek', { x: tf.neg(x) }) as tf.Tensor,
      );
      expect(() => step(tf.ones([2]))).toThrow(/kernel Peek/);
      tf.unregisterKernel('Peek', 'tensorflow');
    });

    it('gather may look at its indices, and indices out of bounds are an error in a recording too', () => {
      const table = variable([1, 2, 3], [3]);
      const step = compile((at: tf.Tensor) => tf.gather(table, tf.cast(at, 'int32')));
      for (const i of [0, 1, 2]) expect(read(step(tf.tensor([i], [1], 'int32')))).toEqual([i + 1]);
      expect(() => step(tf.tensor([7], [1], 'int32'))).toThrow(/not in \[0, 3\)/);
    });

    it('an asynchronous step is refused', () => {
      const step = compile((async (x: tf.Tensor) => x) as never) as unknown as (
        x: tf.Tensor,
      ) => unknown;
      vi.spyOn(console, 'error').mockImplementation(() => {});
      expect(() => step(tf.ones([1]))).toThrow(/without async/);
    });
  });

  describe('variables', () => {
    it('may be assigned from outside', () => {
      const w = variable([1], [1]);
      const step = compile((x: tf.Tensor) => {
        w.assign(tf.add(w, 1));
        return tf.mul(x, w);
      });
      const x = tf.ones([1]);
      for (let i = 0; i < 4; i++) read(step(x));
      w.assign(tf.tensor([10], [1]));
      expect(read(step(x))).toEqual([11]);
      expect(values(w)).toEqual([11]);
    });

    it('keep what others hold of their former values', () => {
      const w = variable([1], [1]);
      const step = compile(() => {
        w.assign(tf.add(w, 1));
        return null;
      });
      for (let i = 0; i < 3; i++) step();
      const copy = tf.clone(w);
      const { dataId } = w;
      step();
      expect(values(copy)).toEqual([4]);
      expect(values(w)).toEqual([5]);
      // Whoever remembers what a variable held, as multipliers do, knows by this that it holds something else.
      expect(w.dataId).not.toBe(dataId);
    });

    it('that are disposed and made anew are recorded again', () => {
      let w = variable([1], [1]);
      const step = compile((x: tf.Tensor) => tf.mul(x, w));
      const x = tf.ones([1]);
      for (let i = 0; i < 3; i++) expect(read(step(x))).toEqual([1]);
      w.dispose();
      w = variable([5, 6], [2]);
      for (let i = 0; i < 3; i++) expect(read(step(x))).toEqual([5, 6]);
      expect(step.traces).toBe(2);
    });

    it('that the first step makes are inputs later', () => {
      let w: tf.Variable | undefined;
      const step = compile((x: tf.Tensor) => {
        w ??= tf.variable(tf.ones([1]));
        w.assign(tf.add(w, x));
        return null;
      });
      for (let i = 0; i < 5; i++) step(tf.ones([1]));
      expect(values(w as tf.Variable)).toEqual([6]);
      w?.dispose();
    });

    it('must not be made in every call', () => {
      const step = compile((x: tf.Tensor) => tf.add(tf.variable(x), 0));
      expect(() => {
        for (let i = 0; i < 5; i++) step(tf.ones([1]));
      }).toThrow(/make variables in every call/);
    });

    it('are told from arguments and captured tensors with the same value', () => {
      const w = variable([1], [1]);
      const start = tf.clone(w);
      const step = compile((x: tf.Tensor) => {
        w.assign(tf.add(w, 1));
        return tf.stack([x, w, start].map((t) => tf.reshape(t, [])));
      });
      for (let i = 0; i < 2; i++) read(step(tf.clone(w)));
      expect(read(step(tf.tensor([40], [1])))).toEqual([40, 4, 1]);
    });

    it('are told from each other, and from copies, after one was assigned to another', () => {
      const [target, online] = [variable([0], [1]), variable([1], [1])];
      target.assign(online);
      const copy = tf.clone(online);
      const step = compile(() => tf.concat([target, online, copy]));
      for (let i = 0; i < 2; i++) read(step());
      target.assign(tf.tensor([5], [1]));
      online.assign(tf.tensor([6], [1]));
      expect(read(step())).toEqual([5, 6, 1]);
    });

    it('whose new value is that of an argument, a constant or another variable', () => {
      const [a, b, c] = [variable([1], [1]), variable([2], [1]), variable([3], [1])];
      const step = compile((x: tf.Tensor) => {
        c.assign(a);
        a.assign(x as tf.Tensor);
        b.assign(tf.tensor([9], [1]));
        return null;
      });
      for (const i of [1, 2, 3, 4]) step(tf.tensor([i], [1]));
      expect([a, b, c].map((v) => values(v)[0])).toEqual([4, 9, 3]);
    });
  });

  describe('tensors from outside', () => {
    it('are held by the compiled step, and freed by its dispose', async () => {
      const left = await tensorsLeftBy(() => {
        const captured = tf.tensor([3], [1]);
        const step = compile((x: tf.Tensor) => tf.mul(x, captured));
        const x = tf.ones([1]);
        for (let i = 0; i < 2; i++) read(step(x));
        captured.dispose();
        expect(read(step(x))).toEqual([3]);
        step.dispose();
        x.dispose();
      });
      expect(left).toBe(0);
    });

    it('must not be kept from one call to the next', () => {
      let state: tf.Tensor = tf.zeros([1]);
      const step = compile((x: tf.Tensor) => {
        state = tf.keep(tf.add(state, x));
        return null;
      });
      expect(() => {
        for (let i = 0; i < 5; i++) step(tf.ones([1]));
      }).toThrow(/a call before has kept, used in kernel Add/);
    });

    it('may be kept once for all calls', () => {
      let table: tf.Tensor | undefined;
      const step = compile((x: tf.Tensor) => {
        table ??= tf.keep(tf.neg(tf.ones([1])));
        return tf.mul(x, table);
      });
      for (let i = 0; i < 5; i++) expect(read(step(tf.ones([1])))).toEqual([-1]);
      expect(step.traces).toBe(1);
      table?.dispose();
      step.dispose();
    });

    it('a recurrent layer that keeps its states is refused', () => {
      const layer = layers.layers.lstm({ units: 2, stateful: true, batchInputShape: [1, 3, 2] });
      const step = compile((x: tf.Tensor) => layer.apply(x) as tf.Tensor);
      expect(() => {
        for (let i = 0; i < 5; i++) step(tf.ones([1, 3, 2]));
      }).toThrow(/kept, used in.*LSTM.*stateful: false/s);
    });
  });

  describe('recordings', () => {
    it('there is one for each set of shapes and types, and a smaller last batch is right', () => {
      const step = compile((x: tf.Tensor) => tf.sum(x));
      for (let epoch = 0; epoch < 4; epoch++) {
        for (const n of [4, 4, 3]) expect(read(step(tf.ones([n])))).toEqual([n]);
      }
      expect(step.traces).toBe(2);
      for (let i = 0; i < 3; i++) expect(read(step(tf.ones([4], 'int32')))).toEqual([4]);
      expect(step.traces).toBe(3);
    });

    it('too many of them are reported once', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      const step = compile((x: tf.Tensor) => tf.sum(x));
      for (let n = 1; n < 15; n++) for (let i = 0; i < 3; i++) read(step(tf.ones([n])));
      expect(warn).toHaveBeenCalledTimes(1);
      expect(warn.mock.calls[0]?.[0]).toMatch(/recorded 10 times.*float32\[10\].*Pad/s);
      step.dispose();
    });

    it('leave no tensor and no function behind', async () => {
      const optimizer = adam();
      const model = makeModel(task);
      const step = stepOf(model, optimizer);
      const [x, y] = batchOf(task, [4, 2], 0);
      (step(x, y) as tf.Tensor).dispose();
      const left = await tensorsLeftBy(() => {
        const compiled = compile(step);
        for (let i = 0; i < 5; i++) read(compiled(x, y) as tf.Tensor);
        compiled.dispose();
      });
      expect(left).toBe(0);
    });

    it('results are new tensors that belong to the caller', () => {
      const w = variable([1], [1]);
      const step = compile((x: tf.Tensor) => [x, w, null, tf.add(x, w)]);
      const x = tf.ones([1]);
      for (let i = 0; i < 4; i++) {
        const results = step(x);
        expect(results[2]).toBe(null);
        const [a, b, , c] = results as tf.Tensor[];
        expect([a, b, c].map((t) => read(t as tf.Tensor)[0])).toEqual([1, 1, 2]);
      }
      expect(x.isDisposed || w.isDisposed).toBe(false);
    });

    it('a step inside another is a part of it', () => {
      const inner = compile((x: tf.Tensor) => tf.mul(x, 2));
      const outer = compile((x: tf.Tensor) => tf.add(inner(x) as tf.Tensor, 1));
      for (let i = 0; i < 4; i++) expect(read(outer(scalar(i)))).toEqual([2 * i + 1]);
      expect([inner.traces, outer.traces]).toEqual([0, 1]);
    });

    it('the host half of an optimizer runs once a call, the recorded one included', () => {
      const optimizer = withSchedule(adam(), linear({ steps: 10 }));
      const spy = vi.spyOn(optimizer, 'beforeStep');
      run(optimizer, 7, () => {});
      expect(spy).toHaveBeenCalledTimes(7);
      expect(optimizer.iterations).toBe(7);
    });

    it('a step that throws leaves tfjs as it was, and may be called again', () => {
      let throws = true;
      const step = compile((x: tf.Tensor) => {
        const y = tf.mul(x, 2);
        if (throws) throw new Error('mine');
        return y;
      });
      const backend = tf.backend() as unknown as { binding: object };
      const { binding } = backend;
      expect(() => step(scalar(1))).toThrow('mine');
      throws = false;
      read(step(scalar(1)));
      throws = true;
      expect(() => step(scalar(1))).toThrow('mine');
      expect(backend.binding).toBe(binding);
      expect(Object.hasOwn(tf.engine(), 'runKernel')).toBe(false);
      throws = false;
      for (let i = 0; i < 3; i++) expect(read(step(scalar(i)))).toEqual([2 * i]);
    });
  });

  it.each([
    ['no function', () => compile(3 as never), /must be a function/],
    [
      'an unknown option',
      () => compile(() => null, { jit: true } as never),
      /unknown option "jit"/,
    ],
    [
      'an argument that is no tensor',
      () => (compile(() => null) as (x: unknown) => null)(3),
      /number 1/,
    ],
    ['a result that is no tensor', () => compile(() => 3 as never)(), /must return a tensor/],
    [
      'a call under a gradient',
      () => tf.grad((x) => compile((y: tf.Tensor) => tf.square(y))(x))(scalar(1)),
      /has no gradient/,
    ],
  ])('refuses %s', (_name, call, message) => {
    expect(call).toThrow(message);
  });
});
