import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining, trainingThreads } from './index.ts';
import { threadsOf } from './training-threads.ts';
import { memoryOf, type WasmBackend } from './wasm-backend.ts';

const backend = (): WasmBackend => tf.backend() as unknown as WasmBackend;
const randomTensor = (shape: readonly number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape([...shape])), [...shape]);

const { instantiate } = WebAssembly;
const THREADS = 3;

beforeAll(async () => {
  enableTraining({ threads: THREADS });
  expect(trainingThreads()).toEqual({ threads: 1, reason: 'the wasm backend has not started' });
  await useBackend('wasm');
});
afterAll(disableTraining);

/** A number that depends on all bits of a tensor, since comparing lists of as many numbers takes seconds. */
const bitsOf = (tensor: tf.Tensor): number =>
  new Int32Array(Float32Array.from(values(tensor)).buffer).reduce(
    (hash, bits) => (Math.imul(hash, 31) + bits) | 0,
    1,
  );

/** New tensors hold NaN: what was in memory may be the right result of the run before. */
function withoutOldResults<T>(compute: () => T): T {
  const on = backend();
  const makeOutput = on.makeOutput.bind(on);
  const spy = vi.spyOn(on, 'makeOutput').mockImplementation((shape, dtype) => {
    const out = makeOutput(shape, dtype);
    if (dtype === 'float32') on.typedArrayFromHeap(out).fill(Number.NaN);
    return out;
  });
  try {
    return compute();
  } finally {
    spy.mockRestore();
  }
}

/** The same with one thread and with several, and whether those shared something. */
function onBoth<T>(compute: () => T): { one: T; several: T; isShared: boolean } {
  enableTraining({ threads: 1 });
  expect(trainingThreads()).toEqual({ threads: 1 });
  const one = withoutOldResults(compute);
  enableTraining({ threads: THREADS });
  expect(trainingThreads()).toEqual({ threads: THREADS });
  const run = vi.spyOn(threadsOf(backend())!, 'run');
  const several = withoutOldResults(compute);
  return { one, several, isShared: run.mock.calls.length > 0 };
}

test('the backend has memory that threads share, and WebAssembly is as it was', () => {
  expect(trainingThreads()).toEqual({ threads: THREADS });
  expect(memoryOf(backend())?.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(WebAssembly.instantiate).toBe(instantiate);
});

test('threads that are wanted again stay', () => {
  const threads = threadsOf(backend());
  expect(threads?.count).toBe(THREADS);
  enableTraining({ threads: THREADS });
  enableTraining();
  expect(threadsOf(backend())).toBe(threads);
});

test.each([0, -1, 1.5, 65, Number.NaN])('refuses %d threads, and changes nothing', (threads) => {
  expect(() => enableTraining({ threads })).toThrow(
    `kernels/enableTraining: threads must be an integer from 1 to 64. Received ${threads}. Try the number of cores.`,
  );
  expect(trainingThreads()).toEqual({ threads: THREADS });
});

describe('the bits are those of one thread', () => {
  test('of products of all sides, transposes and batches', () => {
    const side = fc.oneof(
      fc.integer({ min: 1, max: 70 }),
      fc.constantFrom(96, 97, 129, 192, 255, 256, 257, 513),
    );
    const batches = fc.constantFrom(
      [[], []],
      [[2], [2]],
      [[7], [7]],
      [[5], []],
      [[], [3]],
      [
        [2, 1],
        [1, 3],
      ],
    );
    const cases = fc.sample(
      fc.tuple(side, side, side, fc.boolean(), fc.boolean(), batches, fc.nat()),
      { numRuns: 40, seed: 3 },
    );
    const { one, several, isShared } = onBoth(() =>
      cases.map(([m, k, n, ta, tb, [outerA, outerB], seed]) =>
        tf.tidy(() => {
          const a = randomTensor([...outerA!, ...(ta ? [k, m] : [m, k])], seed);
          const b = randomTensor([...outerB!, ...(tb ? [n, k] : [k, n])], seed + 1);
          return bitsOf(tf.matMul(a, b, ta, tb));
        }),
      ),
    );
    expect(isShared).toBe(true);
    expect(several).toEqual(one);
  });

  const passes: Readonly<Record<string, { inputs: Record<string, number[]>; attrs?: object }>> = {
    LrmAdam: {
      inputs: {
        value: [77, 999],
        gradient: [77, 999],
        m: [77, 999],
        v: [77, 999],
        step: [],
        epsilon: [],
      },
      attrs: { beta1: 0.9, beta2: 0.99 },
    },
    LrmGatedSilu: { inputs: { gate: [501, 203], sigmoid: [501, 203], up: [501, 203] } },
    LrmGatedSiluGradient: {
      inputs: { dy: [501, 203], gate: [501, 203], sigmoid: [501, 203], up: [501, 203] },
    },
    LrmRmsNorm: { inputs: { x: [513, 200], gain: [200] }, attrs: { groups: 4, epsilon: 1e-6 } },
    LrmRotate: {
      inputs: { x: [70, 33, 62], cosine: [33, 62], sine: [33, 62] },
      attrs: { isHalves: 1, sign: -1 },
    },
    LrmScale: { inputs: { w: [513, 201], u: [513], v: [201] } },
  };
  test.each([
    ...Object.entries(passes),
    ['Exp', { inputs: { x: [501, 203] } }],
    ['LrmSoftmax', { inputs: { x: [6, 33, 201] }, attrs: { time: 33, window: 20 } }],
    ['LrmSoftmax', { inputs: { x: [333, 201] }, attrs: { time: 0, window: 0 } }],
    ['LrmSoftmaxGradient', { inputs: { dy: [333, 201], y: [333, 201] } }],
    [
      'LrmSplitHeads',
      {
        inputs: { query: [5, 33, 408], key: [5, 33, 204], cosine: [33, 102], sine: [33, 102] },
        attrs: { heads: 4, keyHeads: 2, isHalves: 1, sign: 1, factor: 1 },
      },
    ],
    [
      'LrmMergeHeads',
      {
        inputs: { query: [20, 33, 102], value: [10, 33, 102] },
        attrs: { heads: 4, keyHeads: 2, isHalves: 0, sign: 1, factor: 0.5 },
      },
    ],
    ['LrmScale', { inputs: { w: [513, 201], v: [201] } }],
    [
      'LrmLayerNorm',
      { inputs: { x: [513, 201], gain: [201], center: [201] }, attrs: { epsilon: 1e-3 } },
    ],
    ['LrmLayerNorm', { inputs: { x: [513, 201] }, attrs: { epsilon: 1e-3 } }],
    ['LrmRmsNorm', { inputs: { x: [513, 200] }, attrs: { groups: 1, epsilon: 1e-6 } }],
  ] as const)('of %s', (name, { inputs, ...rest }) => {
    const { one, several, isShared } = onBoth(() =>
      tf.tidy(() => {
        const tensors = Object.entries(inputs).map(([key, shape], i) => [
          key,
          tf.abs(randomTensor(shape, i + 1)),
        ]);
        const outputs = tf
          .engine()
          .runKernel(name, Object.fromEntries(tensors), { ...('attrs' in rest ? rest.attrs : {}) });
        return [outputs].flat().map(bitsOf);
      }),
    );
    expect(isShared).toBe(true);
    expect(several).toEqual(one);
  });

  test('of a training run', async () => {
    const train = async (threads: number) => {
      enableTraining({ threads });
      const model = sequential();
      model.add(
        layers.embedding({
          inputDim: 50,
          outputDim: 64,
          inputLength: 16,
          embeddingsInitializer: 'zeros',
        }),
      );
      model.add(layers.dense({ units: 128, activation: 'relu', kernelInitializer: 'zeros' }));
      model.add(layers.flatten());
      model.add(layers.dense({ units: 200, activation: 'tanh', kernelInitializer: 'zeros' }));
      model.add(layers.dense({ units: 7, activation: 'softmax', kernelInitializer: 'zeros' }));
      model.setWeights(
        model.getWeights().map(({ shape }, i) => tf.mul(randomTensor(shape, i), 0.1)),
      );
      model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
      const x = tf.randomUniform([128, 16], 0, 50, 'int32', 1);
      const y = tf.oneHot(tf.randomUniform([128], 0, 7, 'int32', 2), 7);
      const losses: number[] = [];
      for (let step = 0; step < 6; step++) losses.push((await model.trainOnBatch(x, y)) as number);
      const weights = model.getWeights().map(bitsOf);
      model.dispose();
      tf.dispose([x, y]);
      return { losses, weights };
    };
    const one = await train(1);
    const several = await train(THREADS);
    expect(one.losses.at(-1)).toBeLessThan(one.losses[0]!);
    expect(several).toEqual(one);
  });
});

test('a heap that grows while threads compute holds their results', () => {
  tf.tidy(() => {
    const [a, b] = [randomTensor([300, 400], 1), randomTensor([400, 500], 2)];
    const first = values(tf.matMul(a, b));
    for (let i = 0; i < 3; i++) {
      const before = backend().wasm.HEAPU8.length;
      // The result of this product lies in what is new.
      tf.zeros([before / 4]);
      expect(backend().wasm.HEAPU8.length).toBeGreaterThan(before);
      expect(values(tf.matMul(a, b))).toEqual(first);
    }
  });
});

test('nothing is left by products in parts', () => {
  tf.tidy(() => {
    const [a, b] = [randomTensor([512, 512], 1), randomTensor([512, 512], 2)];
    const once = () => tf.matMul(a, b, true, false).dispose();
    for (let i = 0; i < 5; i++) once();
    const before = [tf.memory().numTensors, backend().wasm.HEAPU8.length];
    for (let i = 0; i < 40; i++) once();
    expect([tf.memory().numTensors, backend().wasm.HEAPU8.length]).toEqual(before);
  });
});

test('disabling ends the threads, and enabling starts them again', () => {
  const first = threadsOf(backend());
  disableTraining();
  expect(threadsOf(backend())).toBeUndefined();
  expect(trainingThreads()).toEqual({ threads: 1 });
  enableTraining({ threads: 2 });
  expect(threadsOf(backend())).not.toBe(first);
  expect(trainingThreads()).toEqual({ threads: 2 });
  enableTraining({ threads: THREADS });
});

test('a backend that is disposed of ends its threads, and the next one has threads of its own', async () => {
  const [old, threads] = [backend(), threadsOf(backend())];
  const { factory, priority } = tf.engine().registryFactory['wasm']!;
  tf.removeBackend('wasm');
  expect(threadsOf(old)).toBeUndefined();
  expect(trainingThreads()).toEqual({ threads: 1, reason: 'the wasm backend has not started' });
  tf.registerBackend('wasm', factory, priority);
  await useBackend('wasm');
  expect(threadsOf(backend())).not.toBe(threads);
  expect(trainingThreads()).toEqual({ threads: THREADS });
  tf.tidy(() => {
    const product = tf.matMul(tf.ones([256, 256]), tf.ones([256, 256]), false, true);
    expect(values(product)).toEqual(new Array(256 * 256).fill(256));
  });
});

test('a backend that runs in memory of its own has one thread, and is named', async () => {
  disableTraining();
  const { factory, priority } = tf.engine().registryFactory['wasm']!;
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', factory, priority);
  await useBackend('wasm');
  expect(memoryOf(backend())?.buffer).not.toBeInstanceOf(SharedArrayBuffer);
  expect(() => enableTraining({ threads: 2 })).toThrow(
    "kernels/enableTraining: threads must be asked for before the wasm backend starts. Received threads: 2 after it has. Try enableTraining({ threads: 2 }) before tf.setBackend('wasm').",
  );
  expect(trainingThreads()).toEqual({ threads: 1 });
});

test('where no memory can be shared, there is one thread, and the reason is given', () => {
  const { SharedArrayBuffer: present } = globalThis;
  Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
  try {
    enableTraining({ threads: 2 });
    expect(trainingThreads()).toEqual({
      threads: 1,
      reason: 'the page is not isolated from other origins, so no memory is shared',
    });
    tf.tidy(() => {
      expect(values(tf.matMul(tf.ones([2, 64, 64]), tf.ones([64, 64])))).toEqual(
        new Array(2 * 64 * 64).fill(64),
      );
    });
  } finally {
    globalThis.SharedArrayBuffer = present;
    disableTraining();
  }
});
