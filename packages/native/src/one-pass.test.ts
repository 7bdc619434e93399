import * as tf from '@tensorflow/tfjs-core';
import { runOnePass } from '@tfjs-lrm/core/kit';
import { describe, expect, it, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import {
  type Inputs,
  ONE_PASS_CASES,
  type OnePassCase,
  onePassInputs,
  onePassTests,
  runOnePassKernel,
} from '../../../test/one-pass.ts';
import { build, inNewProcess } from '../../../test/process.ts';
import { expectClose, values } from '../../../test/tensors.ts';
import { nodeBackend } from './compile/backend.ts';
import { compile } from './compile/compile.ts';
import { isLinked } from './linked.ts';
import { registerOnePass } from './one-pass.ts';

/** Prints a hash of what each kernel gives on large inputs, each time the same, with so many threads. */
const IN_PROCESS = `
import { createHash } from 'node:crypto';
await tf.setBackend('tensorflow');
process.env.TF_NUM_INTRAOP_THREADS = String(input.threads);
const hashes = input.calls.map(({ name, shapes, attrs }) => {
  const inputs = Object.fromEntries(Object.entries(shapes).map(([key, shape], i) => {
    const tensor = tf.randomUniform(shape, 0.1, 1, 'float32', i);
    return [key, name === 'LrmAdam' && shape.length > 0 ? [tensor] : tensor];
  }));
  return Array.from({ length: 20 }, () => tf.tidy(() => {
    const hash = createHash('sha256');
    for (const output of tf.engine().runKernel(name, inputs, attrs)) hash.update(output.dataSync());
    return hash.digest('hex');
  }));
});
console.log(JSON.stringify(hashes));
`;

const names = [...new Set(ONE_PASS_CASES.map(([name]) => name))];
const registered = (): string[] =>
  names.filter((name) => tf.getKernel(name, 'tensorflow') !== undefined);

if (isLinked()) await useBackend('tensorflow');
// An addon that an older version of this package has linked has no such operations.
describe.skipIf(registered().length === 0)('on tensorflow', () => {
  onePassTests();

  it('every kernel is there', () => {
    expect(registered()).toEqual(names);
  });

  const caseOf = (wanted: string): OnePassCase =>
    ONE_PASS_CASES.find(([name]) => name === wanted)![1];

  /** A step that runs a kernel on its arguments, or the formula where there is none; it counts the former. */
  function stepOf(name: string, at: OnePassCase, keys: readonly string[]) {
    const runs = { inOnePass: 0 };
    const step = (...tensors: tf.Tensor[]): tf.Tensor[] => {
      const inputs = Object.fromEntries(keys.map((key, i) => [key, tensors[i]!]));
      const { value, gradient, m, v, ...rest } = inputs;
      const lists = { value: [value!], gradient: [gradient!], m: [m!], v: [v!] };
      const given = name === 'LrmAdam' ? { ...rest, ...lists } : inputs;
      const outputs = runOnePass(name as 'LrmAdam', given, at.attrs);
      if (outputs !== null) runs.inOnePass += 1;
      return outputs ?? at.formula(inputs, 5, 7);
    };
    return { step, runs };
  }

  /** The largest difference, relative to the larger of 1 and the value. */
  const worst = (actual: tf.Tensor, expected: tf.Tensor): number =>
    tf.tidy(
      () =>
        tf
          .max(tf.div(tf.abs(tf.sub(actual, expected)), tf.maximum(tf.abs(expected), 1)))
          .dataSync()[0] as number,
    );

  it.each([
    ['a graph', false],
    ['XLA', true],
  ] as const)('%s gives what the formula does, for new inputs in each call', (_, xla) => {
    for (const [name, at] of ONE_PASS_CASES) {
      const keys = Object.keys(at.inputs(5, 7));
      const { step, runs } = stepOf(name, at, keys);
      const compiled = compile(step, { xla });
      for (let call = 0; call < 4; call++) {
        tf.tidy(() => {
          const inputs = onePassInputs(at, 5, 7, call);
          const expected = at.formula(inputs, 5, 7);
          compiled(...keys.map((key) => inputs[key]!)).forEach((output, i) => {
            expect(output.shape, name).toEqual(expected[i]!.shape);
            expectClose(values(output), values(expected[i]!), 2e-5, 0.1);
          });
        });
      }
      // The first call and the recording; XLA knows the operations of TensorFlow alone.
      expect(runs.inOnePass, name).toBe(xla ? 0 : 2);
      compiled.dispose();
    }
  });

  it('a graph lends the memory of what nothing reads any more, and of nothing else', () => {
    for (const [name, at] of ONE_PASS_CASES) {
      const keys = Object.keys(at.inputs(5, 7));
      const { step } = stepOf(name, at, keys);
      // Large enough for parts on several threads. The differences are new tensors in the graph; some are results too.
      const compiled = compile((zero: tf.Tensor, ...tensors: tf.Tensor[]) => {
        const differences = tensors.map((tensor) => tf.sub(tensor, zero));
        return [...step(...differences), ...differences.filter((_, i) => i % 2 === 1)];
      });
      const [rows, width] = [300, 500];
      for (let call = 0; call < 4; call++) {
        tf.tidy(() => {
          const inputs = onePassInputs(at, rows, width, call);
          const tensors = keys.map((key) => inputs[key]!);
          const expected = at.formula(inputs, rows, width);
          const given = tensors.filter((_, i) => i % 2 === 1);
          const outputs = compiled(tf.scalar(0), ...tensors);
          expect(outputs).toHaveLength(expected.length + given.length);
          [...expected, ...given].forEach((tensor, i) => {
            expect(worst(outputs[i]!, tensor), `${name}, output ${i}`).toBeLessThan(1e-4);
          });
        });
      }
      compiled.dispose();
    }
  });

  it('one thread and several give the same bits', async () => {
    await build(['native']);
    const calls = ONE_PASS_CASES.map(([name, { inputs, attrs = {} }]) => ({
      ...{ name, shapes: inputs(300, 500), attrs },
    }));
    const [one, several] = await Promise.all(
      [1, 4].map((threads) => inNewProcess<string[][]>(['native'], IN_PROCESS, { threads, calls })),
    );
    expect(several).toEqual(one);
    for (const hashes of one as string[][]) expect(new Set(hashes).size).toBe(1);
    expect(new Set(one!.flat()).size).toBe(calls.length);
  });

  it('a graph calls the operation that was recorded', () => {
    const { binding } = nodeBackend('test');
    const add = vi.spyOn(binding, 'addFunction');
    const at = caseOf('LrmAdam');
    const keys = Object.keys(at.inputs(1, 1));
    const compiled = compile(stepOf('LrmAdam', at, keys).step);
    for (let call = 0; call < 3; call++) {
      tf.tidy(() => {
        const inputs = onePassInputs(at, 5, 7, call);
        compiled(...keys.map((key) => inputs[key]!));
      });
    }
    const graph = Buffer.from(add.mock.calls[0]?.[1] as Uint8Array).toString('latin1');
    expect(graph).toContain('LrmAdam');
    add.mockRestore();
    compiled.dispose();
  });

  const f = (...shape: number[]): tf.Tensor => tf.ones(shape);
  it.each<[string, () => Inputs | Record<string, tf.Tensor[]>, object, string]>([
    ['LrmScale', () => ({ w: f(2, 3, 1), u: f(2) }), {}, 'w must be a matrix'],
    ['LrmScale', () => ({ w: f(2, 3), u: f(3) }), {}, 'u must have an element for each row'],
    ['LrmScale', () => ({ w: f(2, 3), v: f(2) }), {}, 'v must have an element for each column'],
    ['LrmScaleGradient', () => ({ dy: f(3, 2), w: f(2, 3), u: f(2) }), {}, 'dy must have'],
    ['LrmScaleGradient', () => ({ dy: f(2, 3), w: f(2, 3), v: f(2) }), {}, 'v must have'],
    ['LrmRmsNorm', () => ({ x: f(2, 3) }), { groups: 2, epsilon: 1 }, 'a multiple of groups'],
    ['LrmRmsNorm', () => ({ x: f() }), { groups: 1, epsilon: 1 }, 'a multiple of groups'],
    ['LrmRmsNorm', () => ({ x: f(2, 4), gain: f(3) }), { groups: 1, epsilon: 1 }, 'gain must'],
    [
      'LrmRmsNormGradient',
      () => ({ dy: f(2, 4), x: f(2, 4), scale: f(1) }),
      { groups: 1 },
      'scale must have',
    ],
    [
      'LrmRmsNormGradient',
      () => ({ dy: f(4), x: f(2, 4), scale: f(2) }),
      { groups: 1 },
      'dy must have',
    ],
    ['LrmGatedSilu', () => ({ gate: f(4), sigmoid: f(4), up: f(3) }), {}, 'must have the shape'],
    [
      'LrmGatedSiluGradient',
      () => ({ dy: f(5), gate: f(4), sigmoid: f(4), up: f(4) }),
      {},
      'must have the shape of gate',
    ],
    [
      'LrmRotate',
      () => ({ x: f(1, 2, 3), cosine: f(2, 3), sine: f(2, 3) }),
      { isHalves: 1, sign: 1 },
      'an even width',
    ],
    [
      'LrmRotate',
      () => ({ x: f(1, 2, 4), cosine: f(2, 4), sine: f(1, 4) }),
      { isHalves: 1, sign: 1 },
      'time by width',
    ],
    [
      'LrmAdam',
      () => ({
        ...{ step: f() as never, epsilon: f() as never, value: [f(2)], gradient: [f(3)] },
        ...{ m: [f(2)], v: [f(2)] },
      }),
      {},
      'gradient, m and v must',
    ],
    [
      'LrmAdam',
      () => ({
        ...{ step: f(1) as never, epsilon: f() as never, value: [f(2)], gradient: [f(2)] },
        ...{ m: [f(2)], v: [f(2)] },
      }),
      {},
      'must be scalars',
    ],
  ])(
    '%s refuses shapes that do not fit, and leaves no tensor: %#',
    (name, inputs, attrs, message) => {
      tf.tidy(() => {
        const given = inputs();
        const before = tf.memory().numTensors;
        expect(() => runOnePassKernel(name, given, attrs as Record<string, number>)).toThrow(
          message,
        );
        expect(tf.memory().numTensors).toBe(before);
      });
    },
  );

  it('inputs of another type are left to operations of tfjs', () => {
    tf.tidy(() => {
      const x = tf.ones([2], 'int32');
      expect(runOnePass('LrmGatedSilu', { gate: x, sigmoid: x, up: x })).toBeNull();
    });
  });

  describe('kernels are registered only where', () => {
    const cpu = [{ type: 'CPU' }];
    const binding = () => nodeBackend('test').binding;
    const attempt = (...args: Parameters<typeof registerOnePass>): string[] => {
      const kernels = names.map((name) => tf.getKernel(name, 'tensorflow'));
      for (const name of names) tf.unregisterKernel(name, 'tensorflow');
      try {
        registerOnePass(...args);
        return registered();
      } finally {
        for (const name of registered()) tf.unregisterKernel(name, 'tensorflow');
        for (const kernel of kernels) tf.registerKernel(kernel);
      }
    };

    it.each<[string, () => Parameters<typeof registerOnePass>, readonly string[]]>([
      ['the addon has the operations', () => [binding(), cpu], names],
      ['an addon knows operations at all', () => [{} as ReturnType<typeof binding>, cpu], []],
      ['the addon is not older than they are', () => [{ definition: () => undefined }, cpu], []],
      ['tensors are on the CPU', () => [binding(), [...cpu, { type: 'GPU' }]], []],
    ])('%s', (_, args, expected) => {
      expect(attempt(...args())).toEqual(expected);
      expect(registered()).toEqual(names);
    });
  });
});
