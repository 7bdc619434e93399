import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { expect, it, vi } from 'vitest';
import { expectClose, values } from '../../../../test/tensors.ts';
import { batchOf, makeModel, onTensorFlow, stepOf, type Task } from '../../test/training.ts';
import { compile } from './compile.ts';

const taskOf = (activation: 'relu' | 'tanh'): Task => ({
  layers: () => [layers.layers.dense({ units: 2, activation, inputShape: [3] })],
  input: [4, 3],
});

/** The weights after each of six steps; `compiled` runs a step in the place of what it is given. */
function train(task: Task, wrap: typeof compile | null): { next(at: number): number[] } {
  const model = makeModel(task);
  const plain = stepOf(model, adam({ learningRate: 0.1 }));
  const step = wrap === null ? plain : wrap(plain);
  return {
    next(at) {
      const [x, y] = batchOf(task, [4, 2], at);
      step(x, y)?.dispose();
      return model.getWeights().flatMap(values);
    },
  };
}

onTensorFlow(() => {
  it('two copies of the package compile different steps in one process', async () => {
    vi.resetModules();
    const copy = await import('./compile.ts');
    expect(copy.compile).not.toBe(compile);
    const [relu, tanh] = [taskOf('relu'), taskOf('tanh')];
    const compiled = [train(relu, compile), train(tanh, copy.compile)];
    const plain = [train(relu, null), train(tanh, null)];
    for (let at = 0; at < 6; at++) {
      for (const [i, each] of compiled.entries()) {
        expectClose(each.next(at), (plain[i] as typeof each).next(at), 1e-5);
      }
    }
  });
});
