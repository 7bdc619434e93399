import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { type CpuBackend, engineBackends } from './internals.ts';

test('the installed tfjs has every private that this package uses', async () => {
  await useBackend('cpu');
  const engine = engineBackends();
  expect(engine.backendName).toBe('cpu');
  expect(engine.backendInstance).toBe(tf.backend());
  expect(engine.registry).toHaveProperty('cpu');
  const { state } = tf.engine();
  expect(state.gradientDepth).toBe(0);
  const cpu = tf.backend() as unknown as CpuBackend & Record<string, unknown>;
  expect(cpu.firstUse).toBe(false);
  expect(cpu['data']).toHaveProperty('get');
  for (const method of ['makeTensorInfo', 'incRef', 'disposeData'])
    expect(cpu[method]).toBeTypeOf('function');

  await useBackend('wasm');
  const wasm = tf.backend() as unknown as Record<string, unknown>;
  expect(wasm['dataIdMap']).toHaveProperty('get');
  expect(wasm['dataIdNextNumber']).toBeTypeOf('number');
  for (const method of ['incRef', 'disposeData', 'makeOutput', 'typedArrayFromHeap'])
    expect(wasm[method], method).toBeTypeOf('function');
  const module = wasm['wasm'] as Record<string, unknown>;
  for (const method of ['_malloc', '_free', 'cwrap'])
    expect(module[method], method).toBeTypeOf('function');
  expect(module['tfjs']).toMatchObject({
    registerTensor: expect.any(Function),
    disposeData: expect.any(Function),
  });
});

test('the tape has what makes gradients of gradients right', () => {
  let saved: tf.Tensor[] | undefined;
  const node = (): void => {
    const { activeTape } = tf.engine().state;
    const copy = activeTape.findIndex(({ outputs }) => outputs[0] === saved?.[0]);
    // tfjs notes the copy of a saved output before the operation itself: the trap that connectSaved mends.
    expect(copy).toBeGreaterThanOrEqual(0);
    expect(activeTape[copy + 1]!.outputs).toContain(Object.values(activeTape[copy]!.inputs)[0]);
  };
  const stock = tf.getGradient('Exp');
  tf.unregisterGradient('Exp');
  tf.registerGradient({
    ...stock,
    gradFunc: (dy, tensors, attrs) => {
      if (tf.engine().state.gradientDepth > 0) {
        saved = tensors;
        node();
      }
      return stock.gradFunc(dy, tensors, attrs);
    },
  });
  tf.tidy(() => {
    const penalty = (x: tf.Tensor): tf.Scalar => tf.sum(tf.mul(tf.grad((t) => tf.exp(t))(x), x));
    tf.grad(penalty)(tf.ones([2]));
  });
  expect(saved).toBeDefined();
  tf.unregisterGradient('Exp');
  tf.registerGradient(stock);
});
