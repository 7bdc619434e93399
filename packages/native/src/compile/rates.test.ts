/** Factors of variables' rates and decays in compiled steps, set before and between them. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { setRates } from '@tfjs-lrm/core';
import { reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, it } from 'vitest';
import { expectClose, values } from '../../../../test/tensors.ts';
import { perceptron } from '../../test/optimizers.ts';
import { batchOf, makeModel, onTensorFlow, stepOf } from '../../test/training.ts';
import { compile } from './compile.ts';

const STEPS = 24;
const rate = { learningRate: 0.02 };

type Model = ReturnType<typeof makeModel>;

/** The weights after steps; `between` runs before each. */
function train(
  make: () => tf.Optimizer,
  isCompiled: boolean,
  between: (model: Model, at: number) => void,
) {
  const model = makeModel(perceptron);
  const optimizer = make();
  const step = stepOf(model, optimizer);
  const run = isCompiled ? compile(step as (...batch: tf.Tensor[]) => tf.Tensor) : step;
  for (let at = 0; at < STEPS; at++) {
    between(model, at);
    const [x, y] = batchOf(perceptron, [8, ...model.outputs[0]!.shape.slice(1)] as number[], at);
    tf.dispose([run(x, y) as tf.Tensor, x, y]);
  }
  const weights = model.getWeights().map((weight) => values(weight));
  const { traces = 0 } = run as { traces?: number };
  (run as { dispose?: () => void }).dispose?.();
  optimizer.dispose();
  return { weights, traces };
}

const ROWS: readonly (readonly [string, () => tf.Optimizer])[] = [
  ['adam and decay', () => withWeightDecay(adam(rate), { decay: 0.5 })],
  ['muon under a schedule', () => withSchedule(withWeightDecay(muon(rate)), linear({ steps: 40 }))],
  ['reparametrize', () => reparametrize(withWeightDecay(adam(rate), { decay: 0.5 }))],
  ["tfjs' momentum", () => withWeightDecay(tf.train.momentum(0.02, 0.9), { decay: 0.5 })],
];

const before = (model: Model, at: number): void => {
  if (at === 0) setRates(model.layers[0]!, { learningRate: 0.25, decay: 4 });
};
const twice = (model: Model, at: number): void => {
  before(model, at);
  if (at === 12) setRates(model.layers[0]!, { learningRate: 1, decay: 2 });
};

onTensorFlow(() => {
  it.each(ROWS)('%s: compiled steps follow factors as eager ones do', (_, make) => {
    const plain = train(make, true, () => {});
    for (const [between, traces] of [
      [before, 1],
      [twice, 2],
    ] as const) {
      const [eager, compiled] = [train(make, false, between), train(make, true, between)];
      expect(compiled.traces).toBe(traces);
      compiled.weights.forEach((each, w) => {
        expectClose(each, eager.weights[w]!, 1e-5, 1);
      });
      expect(compiled.weights[0]).not.toEqual(plain.weights[0]);
    }
    expect(plain.traces).toBe(1);
  });
});
