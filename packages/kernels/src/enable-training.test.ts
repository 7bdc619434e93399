import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { denseKernels } from './dense.ts';
import { disableTraining, enableTraining } from './index.ts';
import { layerNormKernels } from './layer-norm.ts';
import { onePassKernels } from './one-pass.ts';

const registered = () => tf.getKernelsForBackend('wasm').map(({ kernelName }) => kernelName);
const kernel = (name: string, backend = 'wasm') => tf.getKernel(name, backend);

const stock = { matMul: kernel('BatchMatMul'), fused: kernel('_FusedMatMul') };
const original = new Map(
  tf.getKernelsForBackend('wasm').map((config) => [config.kernelName, config]),
);
const cpu = tf.getKernelsForBackend('cpu');
/** What the stock backend lacks. */
const missing = [
  'Conv2DBackpropFilter',
  'DepthwiseConv2dNativeBackpropFilter',
  'DepthwiseConv2dNativeBackpropInput',
  'Einsum',
  'UnsortedSegmentSum',
  ...Object.keys({ ...onePassKernels, ...denseKernels, ...layerNormKernels }),
];
const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});

beforeEach(() => {
  warn.mockClear();
  tf.env().set('IS_TEST', false); // under which tfjs keeps its warnings to itself
});

afterEach(() => {
  tf.env().set('IS_TEST', true);
  disableTraining();
});

test('importing the package registers nothing', () => {
  for (const name of missing) expect(registered()).not.toContain(name);
});

test('enabling before the backend has started keeps the stock set-up, which then runs', async () => {
  expect(tf.findBackend('wasm')).toBeNull();
  enableTraining();
  expect(kernel('BatchMatMul')).toMatchObject({ setupFunc: stock.matMul.setupFunc });
  await useBackend('wasm');
  tf.tidy(() => {
    const product = tf.matMul(tf.ones([2, 3, 4]), tf.ones([2, 3, 4]), true, false);
    expect(Array.from(product.dataSync())).toEqual(new Array(32).fill(3));
    const tiny = tf.matMul(tf.ones([2, 2]), tf.ones([2, 2]), false, true);
    expect(Array.from(tiny.dataSync())).toEqual([2, 2, 2, 2]);
  });
});

test('enabling twice is enabling once', () => {
  enableTraining();
  const first = kernel('BatchMatMul');
  enableTraining();
  expect(kernel('BatchMatMul')).toBe(first);
  disableTraining();
  expect(kernel('BatchMatMul')).toBe(stock.matMul);
});

test('disabling restores every kernel and may be repeated', () => {
  const before = registered().sort();
  enableTraining();
  expect(registered().sort()).toEqual([...before, ...missing].sort());
  disableTraining();
  disableTraining();
  expect(registered().sort()).toEqual(before);
  expect(kernel('BatchMatMul')).toBe(stock.matMul);
});

test('only what is missing or wrong changes on cpu, and all that changes comes back', () => {
  enableTraining();
  expect(kernel('_FusedMatMul')).not.toBe(stock.fused);
  const changed = tf.getKernelsForBackend('cpu').filter((config) => !cpu.includes(config));
  expect(changed.map(({ kernelName }) => kernelName).sort()).toEqual([
    'Add',
    'AvgPool',
    'AvgPool3D',
    'BatchMatMul',
    'Conv2D',
    'Conv3D',
    'Conv3DBackpropFilterV2',
    'Conv3DBackpropInputV2',
    'DepthwiseConv2dNative',
    'Einsum',
    'ExpandDims',
    'FusedBatchNorm',
    'FusedConv2D',
    'FusedDepthwiseConv2D',
    'MaxPool',
    'MaxPool3D',
    'MaxPool3DGrad',
    'Multiply',
    'Pack',
    'Reshape',
    'ResizeBilinearGrad',
    'ResizeNearestNeighborGrad',
    'StridedSlice',
    'Sub',
    'Transform',
    'UnsortedSegmentSum',
  ]);
  disableTraining();
  expect(kernel('_FusedMatMul')).toBe(stock.fused);
  expect(new Set(tf.getKernelsForBackend('cpu'))).toEqual(new Set(cpu));
});

test('tfjs prints no warning', () => {
  enableTraining();
  enableTraining();
  disableTraining();
  enableTraining();
  expect(warn).not.toHaveBeenCalled();
});

test('a backend that is loaded later replaces no kernel without a warning of tfjs', () => {
  enableTraining();
  const replaced = ['BatchMatMul', 'Conv2DBackpropInput', 'MaxPoolGrad'];
  // What loading the backend's module does, as often as it is loaded.
  for (const kernelName of replaced) {
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: () => [] });
    expect(warn).toHaveBeenLastCalledWith(
      `The kernel '${kernelName}' for backend 'wasm' is already registered`,
    );
  }
  // What it lacks it cannot replace.
  for (const name of missing) expect(kernel(name)).toBeDefined();
  disableTraining();
  for (const kernelName of replaced) tf.unregisterKernel(kernelName, 'wasm');
  for (const name of replaced) tf.registerKernel(original.get(name)!);
});

test('after the backend was loaded once more, enabling again takes effect again', () => {
  enableTraining();
  tf.env().set('IS_TEST', true);
  tf.registerKernel(stock.matMul); // what loading the backend's module a second time does
  enableTraining();
  expect(kernel('BatchMatMul')).not.toBe(stock.matMul);
});

test.each(missing)('%s is left to a later tfjs that has it', (kernelName) => {
  const theirs = { ...stock.matMul, kernelName };
  tf.registerKernel(theirs);
  enableTraining();
  expect(kernel(kernelName)).toBe(theirs);
  disableTraining();
  expect(kernel(kernelName)).toBe(theirs);
  tf.unregisterKernel(kernelName, 'wasm');
});

test('a gradient that a later tfjs has right is left to it, a wrong one comes back, ours is taken back', () => {
  expect(tf.getGradient('Einsum')).toBeUndefined();
  enableTraining();
  const { kernelName, saveAllInputs, gradFunc } = tf.getGradient('Einsum');
  disableTraining();
  expect(tf.getGradient('Einsum')).toBeUndefined();
  const right = { kernelName, saveAllInputs: saveAllInputs!, gradFunc };
  const wrong = { kernelName, gradFunc: () => ({}) };
  for (const theirs of [right, wrong]) {
    tf.registerGradient(theirs);
    enableTraining();
    expect(tf.getGradient('Einsum') === theirs).toBe(theirs === right);
    disableTraining();
    expect(tf.getGradient('Einsum')).toBe(theirs);
  }
  tf.unregisterGradient('Einsum');
});

test('trying what tfjs has leaves the active backend, its tensors and its advertisement as they were', async () => {
  await useBackend('wasm');
  const { firstUse } = tf.findBackend('cpu') as unknown as { firstUse: boolean };
  const before = tf.memory().numTensors;
  enableTraining();
  expect(tf.getBackend()).toBe('wasm');
  expect(tf.memory().numTensors).toBe(before);
  expect((tf.findBackend('cpu') as unknown as { firstUse: boolean }).firstUse).toBe(firstUse);
  expect(warn).not.toHaveBeenCalled();
});

test('a second copy of the package sees what the first one did', async () => {
  enableTraining();
  const first = kernel('BatchMatMul');
  vi.resetModules();
  const copy = await import('./enable-training.ts');
  copy.enableTraining();
  expect(kernel('BatchMatMul')).toBe(first);
  copy.disableTraining();
  expect(kernel('BatchMatMul')).toBe(stock.matMul);
});
