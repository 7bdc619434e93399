import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { allOrNothing, undoable } from './kit.ts';

/** A tensor of each kind: in a scope, kept, a variable, of a layer. */
function makeAll(): string {
  tf.tidy(() => {
    tf.keep(tf.ones([2]));
    tf.variable(tf.ones([2]));
  });
  tf.ones([2]);
  sequential({ layers: [layers.dense({ units: 2, inputShape: [3] })] });
  return 'made';
}

onCpu(() => {
  test('what was made is kept, and can be taken back', () => {
    const before = tf.memory().numTensors;
    const [result, undo] = undoable(makeAll);
    expect(result).toBe('made');
    expect(tf.memory().numTensors).toBe(before + 5);
    const later = tf.ones([2]);
    undo();
    undo();
    expect(tf.memory().numTensors).toBe(before + 1);
    later.dispose();
  });

  test('of what fails nothing is left, also where it lies in another', () => {
    const before = tf.memory().numTensors;
    const fail = (): never => {
      makeAll();
      throw new Error('no');
    };
    const outer = (): void => {
      makeAll();
      expect(() => allOrNothing(fail)).toThrow('no');
      throw new Error('neither');
    };
    expect(() => allOrNothing(outer)).toThrow('neither');
    expect(tf.memory().numTensors).toBe(before);
  });

  test('Engine.trackTensor, by which it sees them, is there in the installed tfjs, and as before afterwards', () => {
    const engine = tf.engine() as unknown as { trackTensor: unknown };
    const { trackTensor } = engine;
    expect(trackTensor).toBeTypeOf('function');
    allOrNothing(() => expect(engine.trackTensor).not.toBe(trackTensor));
    expect(engine.trackTensor).toBe(trackTensor);
    expect(Object.hasOwn(engine, 'trackTensor')).toBe(false);
  });
});
