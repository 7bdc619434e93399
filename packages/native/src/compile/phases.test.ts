/** Optimizers whose update has several forms: each is recorded, and the step takes the right one. */
import * as tf from '@tensorflow/tfjs-core';
import { withAccumulation } from '@tfjs-lrm/accumulation';
import { adam } from '@tfjs-lrm/adam';
import { withAveraging } from '@tfjs-lrm/averaging';
import { withClipping } from '@tfjs-lrm/clipping';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { expect, it } from 'vitest';
import { expectClose, values } from '../../../../test/tensors.ts';
import { multiplied, perceptron } from '../../test/optimizers.ts';
import { batchOf, makeModel, onTensorFlow, stepOf, type Task } from '../../test/training.ts';
import { compile } from './compile.ts';

const STEPS = 40;
const rate = { learningRate: 0.02 };

/** The weights, and what optimizers keep, after steps; `between` runs before each. */
async function train(
  task: Task,
  make: () => tf.Optimizer,
  isCompiled: boolean,
  between: (
    optimizer: tf.Optimizer,
    at: number,
    model: ReturnType<typeof makeModel>,
  ) => void = () => {},
) {
  const model = makeModel(task);
  const optimizer = make();
  const step = stepOf(model, optimizer);
  const run = isCompiled ? compile(step as (...batch: tf.Tensor[]) => tf.Tensor) : step;
  for (let at = 0; at < STEPS; at++) {
    between(optimizer, at, model);
    const [x, y] = batchOf(task, [8, ...model.outputs[0]!.shape.slice(1)] as number[], at);
    tf.dispose([run(x, y) as tf.Tensor, x, y]);
  }
  const weights = model.getWeights().map((weight) => values(weight));
  const state = (await optimizer.getWeights()).map(({ tensor }) => values(tensor));
  const { traces = 0 } = run as { traces?: number };
  (run as { dispose?: () => void }).dispose?.();
  return { weights, state, traces };
}

const ROWS: readonly (readonly [string, Task, () => tf.Optimizer, number])[] = [
  ['accumulation', multiplied, () => withAccumulation(adam(rate), { steps: 3 }), 2],
  [
    'accumulation around a stack',
    multiplied,
    () =>
      withAccumulation(
        withSchedule(withClipping(muon(rate), { globalNorm: 0.5 }), linear({ steps: 20 })),
        { steps: 2 },
      ),
    2,
  ],
  [
    'accumulation around reparametrize',
    perceptron,
    () => withAccumulation(reparametrize(adam(rate)), { steps: 3 }),
    2,
  ],
  ['averaging', multiplied, () => withAveraging(adam(rate), { decay: 0.9 }), 1],
  [
    'averaging, equal, of some steps',
    multiplied,
    () => withAveraging(adam(rate), { average: 'equal', start: 4, every: 3 }),
    2,
  ],
  [
    'averaging around accumulation',
    multiplied,
    () => withAveraging(withAccumulation(adam(rate), { steps: 2 }), { every: 2, start: 1 }),
    2,
  ],
];

onTensorFlow(() => {
  it.each(ROWS)('%s: weights and state are those of eager steps', async (_, task, make, traces) => {
    const [eager, compiled] = [await train(task, make, false), await train(task, make, true)];
    expect(compiled.traces).toBe(traces);
    compiled.weights.forEach((each, w) => {
      expectClose(each, eager.weights[w]!, 1e-5, 1);
    });
    expect(compiled.state.length).toBe(eager.state.length);
    compiled.state.forEach((each, s) => {
      expectClose(each, eager.state[s]!, 1e-4, 1);
    });
  });

  it('the examples of a micro-batch may change from call to call', async () => {
    const make = () => withAccumulation(adam(rate), { steps: 2 });
    const between = (optimizer: tf.Optimizer, at: number): void => {
      (optimizer as ReturnType<typeof make>).examples = 1 + (at % 3);
    };
    const eager = await train(multiplied, make, false, between);
    const compiled = await train(multiplied, make, true, between);
    expect(compiled.traces).toBe(2);
    compiled.weights.forEach((each, w) => {
      expectClose(each, eager.weights[w]!, 1e-5, 1);
    });
  });

  it('a layer that is frozen in the middle stays where it is', async () => {
    const make = () => withAccumulation(adam(rate), { steps: 2 });
    const freeze = (
      _optimizer: tf.Optimizer,
      at: number,
      model: ReturnType<typeof makeModel>,
    ): void => {
      if (at === 21) model.layers[0]!.trainable = false;
    };
    const eager = await train(multiplied, make, false, freeze);
    const compiled = await train(multiplied, make, true, freeze);
    compiled.weights.forEach((each, w) => {
      expectClose(each, eager.weights[w]!, 1e-5, 1);
    });
  });

  it('flush between calls is a step of its own', async () => {
    const make = () => withAccumulation(adam(rate), { steps: 4 });
    const flush = (optimizer: tf.Optimizer, at: number): void => {
      if (at === 18 || at === 30) (optimizer as ReturnType<typeof make>).flush();
    };
    const eager = await train(multiplied, make, false, flush);
    const compiled = await train(multiplied, make, true, flush);
    compiled.weights.forEach((each, w) => {
      expectClose(each, eager.weights[w]!, 1e-5, 1);
    });
  });
});
