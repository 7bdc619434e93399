import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { ONE_PASS_CASES, onePassTests } from '../../../test/one-pass.ts';
import { exponentialKernels } from './exponential-passes.ts';
import { disableTraining, enableTraining } from './index.ts';
import { onePassKernels } from './one-pass.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { connectPasses, passesOf } from './wasm-passes.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(() => {
  disableTraining();
  vi.restoreAllMocks();
});

test('every kernel has a case', () => {
  const ofCases = ONE_PASS_CASES.map(([name]) => name);
  expect([...new Set([...ofCases, ...Object.keys(exponentialKernels)])].sort()).toEqual(
    Object.keys(onePassKernels).sort(),
  );
});

onePassTests();

describe('where there can be no module', () => {
  test.each<[string, () => WebAssembly.Memory | undefined]>([
    [
      'memory shared by threads',
      () => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }),
    ],
    ['a backend that hides its memory', () => undefined],
  ])('%s: connectPasses gives nothing', (_, memory) => {
    expect(connectPasses(memory())).toBeUndefined();
  });

  test('a kernel gives no output, and gather is that of tfjs', async () => {
    const backend = tf.backend() as unknown as WasmBackend;
    const { wasm } = backend;
    const hidden = { ...wasm, asm: undefined };
    const other = new Proxy(backend, {
      get: (target, key) =>
        key === 'wasm' ? hidden : Reflect.get(target, key as keyof WasmBackend, target),
    });
    expect(passesOf(other)).toBeUndefined();
    const kernel = onePassKernels['LrmGatedSilu']!;
    const x = tf.ones([2]);
    const inputs = { gate: x, sigmoid: x, up: x };
    expect(kernel({ inputs, backend: other, attrs: {} })).toEqual([]);
    x.dispose();
  });
});

test('disabling removes them', () => {
  disableTraining();
  for (const name of Object.keys(onePassKernels))
    expect(tf.getKernel(name, 'wasm')).toBeUndefined();
});
