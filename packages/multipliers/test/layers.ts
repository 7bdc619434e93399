import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  type LayersModel,
  type LayerVariable,
  layers,
  sequential,
} from '@tensorflow/tfjs-layers';
import { numbers } from './numbers.ts';

/** A custom layer with two kernels and a bias: (x·kernel + bias) ⊙ sigmoid(x·gate). */
export class Gated extends layers.Layer {
  static readonly className: string = 'TestGated';
  readonly units: number;
  declare kernel: LayerVariable;
  declare gate: LayerVariable;
  declare bias: LayerVariable;

  constructor({ units, ...rest }: { units: number; name?: string; inputShape?: number[] }) {
    super(rest);
    this.units = units;
  }

  override build(inputShape: number[]): void {
    const [inputs, start] = [inputShape.at(-1) as number, initializers.glorotNormal({})];
    this.kernel = this.addWeight('kernel', [inputs, this.units], 'float32', start);
    this.gate = this.addWeight('gate', [inputs, this.units], 'float32', start);
    this.bias = this.addWeight('bias', [this.units], 'float32', initializers.zeros());
    this.built = true;
  }

  override computeOutputShape(inputShape: number[]): number[] {
    return [...inputShape.slice(0, -1), this.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor2D;
      const value = tf.add(tf.matMul(x, this.kernel.read() as tf.Tensor2D), this.bias.read());
      return tf.mul(value, tf.sigmoid(tf.matMul(x, this.gate.read() as tf.Tensor2D)));
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), units: this.units };
  }
}
tf.serialization.registerClass(Gated);

export interface Case {
  readonly title: string;
  readonly layer: () => layers.Layer;
  readonly input: () => tf.Tensor;
  /** Names of the kernels, and the options that name their properties where the class is not known. */
  readonly kernels: readonly string[];
  readonly options?: { readonly kernels: readonly string[] };
}

const dense = (args: object): layers.Layer => layers.dense({ units: 5, name: 'wrapped', ...args });
const floats =
  (...shape: number[]) =>
  (): tf.Tensor =>
    tf.tensor(
      numbers(
        7,
        shape.reduce((a, b) => a * b),
        -1,
        1,
      ),
      shape,
    );

export const CASES: readonly Case[] = [
  {
    title: 'dense',
    layer: () => dense({ inputShape: [3] }),
    input: floats(4, 3),
    kernels: ['kernel'],
  },
  {
    title: 'dense on sequences',
    layer: () => dense({ inputShape: [2, 3] }),
    input: floats(4, 2, 3),
    kernels: ['kernel'],
  },
  {
    title: 'dense without bias',
    layer: () => dense({ inputShape: [3], useBias: false }),
    input: floats(4, 3),
    kernels: ['kernel'],
  },
  {
    title: 'dense with an activation',
    layer: () => dense({ inputShape: [3], activation: 'tanh' }),
    input: floats(4, 3),
    kernels: ['kernel'],
  },
  {
    title: 'dense with tanh',
    layer: () => dense({ inputShape: [3], activation: 'tanh' }),
    input: floats(4, 3),
    kernels: ['kernel'],
  },
  {
    title: 'embedding',
    layer: () => layers.embedding({ inputDim: 7, outputDim: 5, inputShape: [3], name: 'wrapped' }),
    input: () =>
      tf.tensor2d([
        [0, 6, 2],
        [2, 3, 1],
      ]),
    kernels: ['embeddings'],
  },
  {
    title: 'a custom layer',
    layer: () => new Gated({ units: 5, inputShape: [3], name: 'wrapped' }),
    input: floats(4, 3),
    kernels: ['kernel', 'gate'],
    options: { kernels: ['kernel', 'gate'] },
  },
];

/** A model of one layer. */
export function modelOf(layer: layers.Layer): LayersModel {
  return sequential({ layers: [layer] });
}

export function weightOf(model: { weights: LayerVariable[] }, name: string): tf.Variable {
  const weight = model.weights.find(({ originalName }) => originalName === name);
  if (weight === undefined)
    throw new Error(`no weight ${name} among ${model.weights.map((w) => w.originalName)}`);
  return weight.read() as tf.Variable;
}

/** Assigns the values of the weights that both models have. */
export function copyCommon(from: LayersModel, to: LayersModel): void {
  const known = new Map(from.weights.map((weight) => [weight.originalName, weight.read()]));
  for (const weight of to.weights) {
    const value = known.get(weight.originalName);
    if (value !== undefined) (weight.read() as tf.Variable).assign(value);
  }
}

/** Gives all weights values in [from, 2) that are the same in every run. */
export function scrambleWeights(model: LayersModel, from = 0.5): void {
  model.weights.forEach((weight, at) => {
    const variable = weight.read() as tf.Variable;
    tf.tidy(() => variable.assign(tf.tensor(numbers(at, variable.size, from), variable.shape)));
  });
}
