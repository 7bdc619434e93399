/** Steps that do more than minimize one loss of one model: compiled, they are those taken operation by operation. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfLayers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { expect, it } from 'vitest';
import { noise, random, values } from '../../../../test/tensors.ts';
import { onTensorFlow, seedWeights } from '../../test/training.ts';
import { compile } from './compile.ts';
import { compileModel } from './compile-model.ts';

const { layers } = tfLayers;
const { dense } = layers;
const STEPS = 12;
const start = { recurrentInitializer: 'zeros' } as const;

interface Program {
  readonly step: (...batch: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
  /** The batch of a step. */
  readonly batch: (at: number) => tf.Tensor[];
  readonly models: readonly tfLayers.LayersModel[];
  /** Variables beside those of the models. */
  readonly variables?: readonly tf.Variable[];
  /** What is done before a step, outside of it. */
  readonly before?: (at: number) => void;
  /** How many recordings are right; one unless it says so. */
  readonly recordings?: number;
}

const drawn = (seed: number, shape: readonly number[], scale = 1): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape([...shape]), scale), [...shape]);

function network(seed: number, ...list: tfLayers.layers.Layer[]): tfLayers.Sequential {
  const model = tfLayers.sequential({ layers: list });
  seedWeights(model, seed);
  return model;
}
const variablesOf = (model: tfLayers.LayersModel): tf.Variable[] =>
  model.trainableWeights.map((weight) => weight.read() as tf.Variable);
const output = (model: tfLayers.LayersModel, x: tf.Tensor): tf.Tensor =>
  model.apply(x, { training: true }) as tf.Tensor;
const crossEntropy = (label: number, logits: tf.Tensor): tf.Scalar =>
  tf.losses.sigmoidCrossEntropy(tf.fill(logits.shape, label), logits) as tf.Scalar;

const generator = () =>
  network(1, dense({ units: 5, activation: 'tanh', inputShape: [3] }), dense({ units: 4 }));
const critic = () =>
  network(2, dense({ units: 6, activation: 'tanh', inputShape: [4] }), dense({ units: 1 }));

/** Two optimizers in turn, each for its own variables. */
function adversaries(): Program {
  const [makes, judges] = [generator(), critic()];
  const [ofMaker, ofJudge] = [adam({ learningRate: 0.02 }), tf.train.adam(0.02)];
  return {
    models: [makes, judges],
    batch: (at) => [drawn(at, [8, 4]), drawn(100 + at, [8, 3])],
    step(real, seed) {
      const judged = ofJudge.minimize(
        () => {
          const made = output(makes, seed as tf.Tensor);
          const losses = [
            crossEntropy(1, output(judges, real as tf.Tensor)),
            crossEntropy(0, output(judges, made)),
          ];
          return tf.addN(losses) as tf.Scalar;
        },
        true,
        variablesOf(judges),
      );
      const made = ofMaker.minimize(
        () => crossEntropy(1, output(judges, output(makes, seed as tf.Tensor))),
        true,
        variablesOf(makes),
      );
      return [judged as tf.Tensor, made as tf.Tensor];
    },
  };
}

/** A penalty on the norm of the gradient with respect to the inputs: a gradient of a gradient. */
function gradientPenalty(): Program {
  const judges = critic();
  const optimizer = adam({ learningRate: 0.02 });
  return {
    models: [judges],
    batch: (at) => [drawn(at, [8, 4]), drawn(100 + at, [8, 4])],
    step(real, made) {
      const loss = (): tf.Scalar => {
        const slope = tf.grad((x) => tf.sum(output(judges, x)))(
          tf.add(real as tf.Tensor, made as tf.Tensor),
        );
        const norms = tf.sqrt(tf.add(tf.sum(tf.square(slope), 1), 1e-6));
        const penalty = tf.mean(tf.square(tf.sub(norms, 1)));
        const scores = [made, real].map((x) => tf.mean(output(judges, x as tf.Tensor)));
        return tf.add(tf.sub(scores[0] as tf.Tensor, scores[1] as tf.Tensor), tf.mul(10, penalty));
      };
      return optimizer.minimize(loss, true, variablesOf(judges)) as tf.Tensor;
    },
  };
}

/** Losses of two heads, one with a weight that is a number, one with a weight for each example. */
function weightedLosses(): Program {
  const trunk = network(1, dense({ units: 5, activation: 'relu', inputShape: [4] }));
  const heads = [
    network(2, dense({ units: 2, inputShape: [5] })),
    network(3, dense({ units: 3, inputShape: [5] })),
  ];
  const optimizer = tf.train.momentum(0.05, 0.9);
  return {
    models: [trunk, ...heads],
    batch: (at) => [
      drawn(at, [8, 4]),
      drawn(50 + at, [8, 2]),
      drawn(70 + at, [8, 3]),
      drawn(90 + at, [8, 1]),
    ],
    step(x, y, z, weights) {
      const loss = (): tf.Scalar => {
        const shared = output(trunk, x as tf.Tensor);
        const [first, second] = heads.map((head) => output(head, shared)) as [tf.Tensor, tf.Tensor];
        const sum = tf.losses.meanSquaredError(
          z as tf.Tensor,
          second,
          tf.abs(weights as tf.Tensor),
        );
        return tf.add(tf.mul(0.3, tf.losses.meanSquaredError(y as tf.Tensor, first)), sum);
      };
      return optimizer.minimize(loss, true, [trunk, ...heads].flatMap(variablesOf)) as tf.Tensor;
    },
  };
}

/** A layer that follows the mean of its inputs in a variable of its own, which no gradient trains. */
class Centre extends layers.Layer {
  static className = 'HardStepsCentre';
  #mean: tfLayers.LayerVariable | null = null;

  override build(shape: tfLayers.Shape | tfLayers.Shape[]): void {
    const zeros = tfLayers.initializers.zeros();
    this.#mean = this.addWeight(
      'mean',
      [(shape as tfLayers.Shape)[1] as number],
      'float32',
      zeros,
      undefined,
      false,
    );
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], { training }: { training?: boolean }): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor;
      const mean = this.#mean as tfLayers.LayerVariable;
      if (training) mean.write(tf.add(tf.mul(0.9, mean.read()), tf.mul(0.1, tf.mean(x, 0))));
      return tf.sub(x, mean.read());
    });
  }
}

const regression = (model: tfLayers.LayersModel, optimizer: tf.Optimizer): Program => ({
  models: [model],
  batch: (at) => [drawn(at, [8, 4]), drawn(50 + at, [8, 2])],
  step: (x, y) =>
    optimizer.minimize(
      () => tf.losses.meanSquaredError(y as tf.Tensor, output(model, x as tf.Tensor)),
      true,
      variablesOf(model),
    ) as tf.Tensor,
});

const small = (...inner: tfLayers.layers.Layer[]) =>
  network(
    1,
    dense({ units: 5, activation: 'tanh', inputShape: [4] }),
    ...inner,
    dense({ units: 2 }),
  );

function weightsSet(): Program {
  const model = small();
  return {
    ...regression(model, adam({ learningRate: 0.02 })),
    before: (at) => {
      if (at === 6) seedWeights(model, 9);
    },
  };
}

function frozenAndThawed(): Program {
  const model = small();
  const program = regression(model, adam({ learningRate: 0.02 }));
  return {
    ...program,
    recordings: 3,
    before(at) {
      const [first] = model.layers as [tfLayers.layers.Layer];
      if (at === 4) first.trainable = false;
      if (at === 8) first.trainable = true;
    },
  };
}

/** Tokens as int32, and a mask as bool, of a batch and of a shorter one. */
function tokensAndMask(): Program {
  const embed = network(
    1,
    layers.embedding({ inputDim: 7, outputDim: 3, inputLength: null as never }),
  );
  const head = network(2, dense({ units: 1, inputShape: [3] }));
  const optimizer = adam({ learningRate: 0.05 });
  const length = (at: number): number => (at % 2 === 0 ? 5 : 3);
  return {
    models: [embed, head],
    recordings: 2,
    batch: (at) => {
      const size = 4 * length(at);
      const next = random(at);
      const shape = [4, length(at)];
      const tokens = Array.from({ length: size }, () => Math.floor(7 * next()));
      const flags = Array.from({ length: size }, () => next() < 0.7);
      return [
        tf.tensor(tokens, shape, 'int32'),
        tf.tensor(flags, shape, 'bool'),
        drawn(at, [4, 1]),
      ];
    },
    step(tokens, mask, y) {
      const loss = (): tf.Scalar => {
        const vectors = output(embed, tokens as tf.Tensor);
        const kept = tf.where(tf.expandDims(mask as tf.Tensor, 2), vectors, tf.zerosLike(vectors));
        const count = tf.maximum(1, tf.sum(tf.cast(mask as tf.Tensor, 'float32'), 1, true));
        const mean = tf.div(tf.sum(kept, 1), count);
        return tf.losses.meanSquaredError(y as tf.Tensor, output(head, mean));
      };
      const variables = [embed, head].flatMap(variablesOf);
      return optimizer.minimize(loss, true, variables) as tf.Tensor;
    },
  };
}

/** Results of each step, then all weights. */
function run(make: () => Program, isCompiled: boolean): number[] {
  const { step, batch, models, before, recordings = 1 } = make();
  const compiled = isCompiled ? compile(step) : null;
  const numbers: number[] = [];
  for (let at = 0; at < STEPS; at++) {
    before?.(at);
    const inputs = batch(at);
    const results = [(compiled ?? step)(...inputs)].flat();
    numbers.push(...results.flatMap(values));
    tf.dispose([inputs, results]);
  }
  if (compiled !== null) expect(compiled.traces).toBe(recordings);
  compiled?.dispose();
  numbers.push(...models.flatMap((model) => model.getWeights().flatMap(values)));
  for (const model of models) model.dispose();
  return numbers;
}

function expectEqual(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const differences = actual.map((value, i) => Math.abs(value - (expected[i] as number)));
  expect(Math.max(...differences)).toBeLessThan(1e-5);
}

onTensorFlow(() => {
  it.each([
    ['two optimizers in turn', adversaries],
    ['a gradient penalty', gradientPenalty],
    ['weighted losses of two heads', weightedLosses],
    [
      'a layer that updates a variable in call',
      () => regression(small(new Centre({})), tf.train.sgd(0.1)),
    ],
    ['weights that are set in the middle', weightsSet],
    ['a layer that is frozen and thawed', frozenAndThawed],
    ['inputs of int32 and bool, of two lengths in turn', tokensAndMask],
  ])('%s', (_, make) => {
    const eager = run(make, false);
    expectEqual(run(make, true), eager);
    // A run in which nothing moves would be equal too.
    expect(eager[0]).not.toBe(eager[eager.length - 1]);
  });

  it('a masked embedding into an LSTM, with sequences of several lengths', async () => {
    const train = async (isCompiled: boolean): Promise<number[]> => {
      const model = network(
        1,
        layers.embedding({ inputDim: 6, outputDim: 3, maskZero: true, inputLength: null as never }),
        layers.bidirectional({ layer: layers.lstm({ ...start, units: 3 }) as never }),
        dense({ units: 1, activation: 'sigmoid' }),
      );
      model.compile({
        optimizer: adam({ learningRate: 0.02 }),
        loss: 'binaryCrossentropy',
        metrics: ['accuracy'],
      });
      const compiled = isCompiled ? compileModel(model) : null;
      const numbers: number[] = [];
      for (let at = 0; at < STEPS; at++) {
        const next = random(at);
        const length = 3 + (at % 3);
        // Zeros at the end are padding.
        const tokens = Array.from({ length: 4 }, (_, row) =>
          Array.from({ length }, (_each, i) => (i > row ? 0 : 1 + Math.floor(5 * next()))),
        );
        const [x, y] = [
          tf.tensor2d(tokens),
          tf.tensor2d(tokens.map(([first]) => [Number(first) % 2])),
        ];
        numbers.push(...((await model.trainOnBatch(x, y)) as number[]));
        tf.dispose([x, y]);
      }
      if (compiled !== null) expect(compiled.traces).toBe(3);
      compiled?.dispose();
      numbers.push(...model.getWeights().flatMap(values));
      model.dispose();
      return numbers;
    };
    expectEqual(await train(true), await train(false));
  });

  it('a bidirectional LSTM with dropout draws new masks in each step, as often as without compile', () => {
    const rate = 0.4;
    const model = network(
      1,
      layers.bidirectional({
        layer: layers.lstm({ ...start, units: 4, dropout: rate, recurrentDropout: rate }) as never,
        inputShape: [3, 2],
      }),
    );
    const x = drawn(3, [4, 3, 2], 2);
    const step = (input: tf.Tensor): tf.Tensor => tf.mean(tf.square(output(model, input)));
    const compiled = compile(step);
    const sample = (draw: (input: tf.Tensor) => tf.Tensor): number[] =>
      Array.from({ length: 300 }, () => tf.tidy(() => values(draw(x))[0] as number));
    const mean = (numbers: readonly number[]): number =>
      numbers.reduce((a, b) => a + b) / numbers.length;
    const deviation = (numbers: readonly number[]): number =>
      Math.sqrt(mean(numbers.map((each) => (each - mean(numbers)) ** 2)));
    const [eager, recorded] = [sample(step), sample(compiled).slice(2)];
    expect(new Set(recorded).size).toBeGreaterThan(250);
    const error = deviation(eager) * Math.sqrt(2 / 300);
    expect(Math.abs(mean(recorded) - mean(eager))).toBeLessThan(4 * error);
    expect(deviation(recorded) / deviation(eager)).toBeGreaterThan(0.75);
    expect(deviation(recorded) / deviation(eager)).toBeLessThan(1.33);
    compiled.dispose();
    x.dispose();
    model.dispose();
  });
});
