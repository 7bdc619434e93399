/** Trains and predicts with a model, operation by operation and compiled, and compares. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfLayers from '@tensorflow/tfjs-layers';
import { values } from '../../../../test/numbers.ts';
import { compileModel } from '../../src/compile/compile-model.ts';
import { seedWeights } from '../training.ts';
import { type Argument, argument, draw } from './case.ts';
import { type LayerCase, modelWith } from './layers.ts';
import type { Verdict } from './sweep.ts';

const BATCH = 8;
const STEPS = 4;

interface Training {
  readonly numbers: number[];
  readonly recordings: number;
}

/** Trains on other data in each step, evaluates and predicts: all losses, metrics, weights and outputs. */
async function train(
  model: tfLayers.LayersModel,
  inputs: readonly Argument[],
  targets: Argument,
  isCompiled: boolean,
): Promise<Training> {
  seedWeights(model, 1);
  const compiled = isCompiled ? compileModel(model) : null;
  const numbers: number[] = [];
  try {
    for (let step = 0; step < STEPS; step++) {
      const x = inputs.map((input, i) => draw(input, 10 * step + i + 1));
      const y = draw(targets, 1000 + step);
      const losses = await model.trainOnBatch(x, y);
      const evaluated = [model.evaluate(x, y, { batchSize: BATCH })].flat();
      const outputs = [model.predict(x) as tf.Tensor].flat();
      numbers.push(...[losses].flat(), ...[...evaluated, ...outputs].flatMap(values));
      tf.dispose([x, y, evaluated, outputs]);
    }
    numbers.push(...model.getWeights().flatMap(values));
    return { numbers, recordings: compiled?.traces ?? 0 };
  } finally {
    compiled?.dispose();
    model.dispose();
  }
}

async function compare(
  make: () => tfLayers.LayersModel,
  inputs: readonly Argument[],
  targets: Argument,
  isRandom = false,
): Promise<Verdict> {
  let eager: Training;
  try {
    eager = await train(make(), inputs, targets, false);
  } catch (error) {
    return { kind: 'no', why: (error as Error).message };
  }
  let compiled: Training;
  try {
    compiled = await train(make(), inputs, targets, true);
  } catch (error) {
    const why = (error as Error).message;
    return { kind: why.startsWith('compile: ') ? 'refused' : 'wrong', why };
  }
  if (compiled.recordings !== 3) return { kind: 'wrong', why: `${compiled.recordings} recordings` };
  if (compiled.numbers.length !== eager.numbers.length)
    return { kind: 'wrong', why: 'other shapes' };
  const at = compiled.numbers.findIndex((value, i) => {
    const wanted = eager.numbers[i] as number;
    if (isRandom) return !Number.isFinite(value);
    return (
      !Object.is(value, wanted) && !(Math.abs(value - wanted) <= 1e-5 * (1 + Math.abs(wanted)))
    );
  });
  if (at < 0) return { kind: 'equal' };
  return { kind: 'wrong', why: `${compiled.numbers[at]}, not ${eager.numbers[at]}, at ${at}` };
}

export function sweepLayer(each: LayerCase): Promise<Verdict> {
  const { inputs, below, isRandom } = each;
  const ofInput = (shape: readonly number[]): Argument =>
    below === undefined
      ? argument([BATCH, ...shape])
      : argument([BATCH, ...shape], 'int32', [0, below]);
  return compare(() => modelWith(each), inputs.map(ofInput), argument([BATCH, 2]), isRandom);
}

const CLASSES = 3;

/** A model of one dense layer, with this loss and these metrics. */
function compareClassifier(loss: string, metrics: string[], units: number): Promise<Verdict> {
  const activation = units === 1 ? 'sigmoid' : 'softmax';
  const make = (): tfLayers.LayersModel => {
    const model = tfLayers.sequential({
      layers: [tfLayers.layers.dense({ units, activation, inputShape: [4] })],
    });
    model.compile({ optimizer: tf.train.sgd(0.05), loss, metrics });
    return model;
  };
  const targets = loss.startsWith('sparse')
    ? argument([BATCH, 1], 'int32', [0, units])
    : argument([BATCH, units], 'float32', [0, 1]);
  return compare(make, [argument([BATCH, 4])], targets);
}

/** A loss, with a metric that goes with all. */
export function sweepLoss(name: string): Promise<Verdict> {
  return compareClassifier(name, name.startsWith('sparse') ? [] : ['mse'], CLASSES);
}

/** A metric of one output and of several classes; of labels that are numbers where it takes those. */
export async function sweepMetric(name: string): Promise<Verdict> {
  if (name.startsWith('sparse')) {
    return compareClassifier('sparseCategoricalCrossentropy', [name], CLASSES);
  }
  const verdicts = [
    await compareClassifier('binaryCrossentropy', [name], 1),
    await compareClassifier('categoricalCrossentropy', [name], CLASSES),
  ];
  return verdicts.find(({ kind }) => kind !== 'equal') ?? { kind: 'equal' };
}
