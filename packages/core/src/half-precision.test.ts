import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { isHalfPrecision } from './index.ts';

const FLAG = 'WEBGL_RENDER_FLOAT32_ENABLED';

/** A backend that runs nothing, and says of its precision what tfjs' WebGL always says. */
function pretend(name: string, rendersFloat32: boolean): void {
  const backend = Object.assign(new tf.KernelBackend(), {
    floatPrecision: () => 16 as const,
    dispose: () => {},
  });
  tf.registerBackend(name, () => backend);
  tf.env().registerFlag(FLAG, () => rendersFloat32);
  tf.env().set(FLAG, rendersFloat32);
}

eachBackend((real) => {
  afterEach(async () => {
    await tf.setBackend(real);
    for (const name of ['webgl', 'other']) if (tf.findBackend(name)) tf.removeBackend(name);
  });

  test('a backend in float32 is none', () => expect(isHalfPrecision()).toBe(false));

  test('WebGL that renders float32 is none, although tfjs says so', async () => {
    pretend('webgl', true);
    await tf.setBackend('webgl');
    expect(tf.backend().floatPrecision()).toBe(16);
    expect(isHalfPrecision()).toBe(false);
  });

  test('WebGL that renders float16 is one', async () => {
    pretend('webgl', false);
    await tf.setBackend('webgl');
    expect(isHalfPrecision()).toBe(true);
  });

  test("any other backend is believed, whatever WebGL's flag", async () => {
    pretend('other', true);
    await tf.setBackend('other');
    expect(isHalfPrecision()).toBe(true);
  });
});
