import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { expect, it, vi } from 'vitest';
import { values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';
import { type CompiledStep, compile } from './compile.ts';
import { engine } from './internals.ts';

type Count = CompiledStep<[tf.Tensor], tf.Tensor>;

interface Counter {
  readonly count: tf.Variable;
  readonly step: Count;
}

/** A variable that starts at 0, and a step that adds its argument to it and returns ten times the new value. */
function counting(): Counter {
  const count = tf.tidy(() => tf.variable(tf.tensor1d([0, 0])));
  const step = compile((by: tf.Tensor) => {
    count.assign(tf.add(count, by));
    return tf.mul(count, 10);
  });
  return { count, step };
}

function run({ step }: Counter, times: number): void {
  const by = tf.tensor1d([1, 2]);
  for (let i = 0; i < times; i++) step(by).dispose();
  by.dispose();
}

function end({ count, step }: Counter): void {
  step.dispose();
  count.dispose();
}

onTensorFlow(() => {
  it('a variable has the value of the last call, and another identity for each value that is read', () => {
    const counter = counting();
    const identities = new Set<object>();
    for (let call = 1; call <= 6; call++) {
      run(counter, 1);
      expect(values(counter.count)).toEqual([call, 2 * call]);
      identities.add(counter.count.dataId);
      expect(identities).toContain(counter.count.dataId);
      expect(identities.size).toBe(call);
    }
    const known = [...identities].filter((dataId) => engine().state.tensorInfo.get(dataId));
    expect(known).toEqual([counter.count.dataId]);
    run(counter, 4);
    expect(values(counter.count)).toEqual([10, 20]);
    end(counter);
  });

  it('what shares the value of a variable keeps it', () => {
    const counter = counting();
    run(counter, 3);
    const copy = tf.clone(counter.count);
    run(counter, 1);
    const later = tf.clone(counter.count);
    run(counter, 2);
    expect([copy, later, counter.count].map(values)).toEqual([
      [3, 6],
      [4, 8],
      [6, 12],
    ]);
    tf.dispose([copy, later]);
    run(counter, 1);
    expect(values(counter.count)).toEqual([7, 14]);
    end(counter);
  });

  it('a variable may be assigned between calls, by a tensor that lives on too', () => {
    const counter = counting();
    run(counter, 4);
    const start = tf.tensor1d([100, 200]);
    counter.count.assign(start);
    run(counter, 2);
    expect(values(counter.count)).toEqual([102, 204]);
    expect(values(start)).toEqual([100, 200]);
    start.dispose();
    run(counter, 1);
    expect(values(counter.count)).toEqual([103, 206]);
    end(counter);
  });

  it('a variable that another backend reads comes back', async () => {
    const counter = counting();
    run(counter, 4);
    await tf.setBackend('cpu');
    const onCpu = tf.tidy(() => values(tf.add(counter.count, 0.5)));
    await tf.setBackend('tensorflow');
    expect(onCpu).toEqual([4.5, 8.5]);
    run(counter, 2);
    expect(values(counter.count)).toEqual([6, 12]);
    end(counter);
  });

  it('two steps, and two copies of the package, take turns with one variable', async () => {
    vi.resetModules();
    const copy = await import('./compile.ts');
    const counter = counting();
    const { count } = counter;
    const doubling = copy.compile((by: tf.Tensor) => {
      count.assign(tf.mul(count, by));
      return tf.mul(count, 1);
    });
    const two = tf.scalar(2);
    let expected = 0;
    for (let call = 0; call < 6; call++) {
      run(counter, 1);
      doubling(two).dispose();
      expected = (expected + 1) * 2;
    }
    expect(values(count)).toEqual([expected, 2 * expected]);
    doubling.dispose();
    two.dispose();
    end(counter);
  });

  it('nothing is left of the values, whether they are read or not', () => {
    const before = [tf.memory(), tf.backend().numDataIds()];
    const counter = counting();
    run(counter, 5);
    counter.count.dataSync();
    run(counter, 5);
    end(counter);
    expect(counter.count.isDisposed).toBe(true);
    expect([tf.memory(), tf.backend().numDataIds()]).toEqual(before);
  });

  it('an error leaves the variable as it was', () => {
    const count = tf.tidy(() => tf.variable(tf.tensor1d([1, 2])));
    const step = compile((at: tf.Tensor1D) => {
      count.assign(tf.add(count, 1));
      return tf.gather(count, at);
    });
    const [inside, outside] = [tf.tensor1d([1], 'int32'), tf.tensor1d([5], 'int32')];
    for (let call = 0; call < 4; call++) step(inside).dispose();
    expect(() => step(outside)).toThrow(/Invalid TF_Status: 3\nMessage: .*indices/s);
    expect(values(count)).toEqual([5, 6]);
    expect(values(step(inside))).toEqual([7]);
    step.dispose();
    tf.dispose([count, inside, outside]);
  });
});
