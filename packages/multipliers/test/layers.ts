import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  type LayersModel,
  type LayerVariable,
  layers,
  sequential,
} from '@tensorflow/tfjs-layers';
import type { Backend } from '../../../test/backends.ts';
import type { KernelPlace } from '../src/index.ts';
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

/** A custom layer that says where its kernels are: tanh(x·split), [.., heads, size], times join, [heads, size, out]. */
export class Heads extends layers.Layer {
  static readonly className: string = 'TestHeads';
  readonly kernelPlaces: readonly KernelPlace[] = [
    { property: 'split', axes: { row: [-2, -1], column: [-3] } },
    { property: 'join', axes: { row: [-1], column: [-3, -2] } },
  ];
  declare split: LayerVariable;
  declare join: LayerVariable;

  override build(inputShape: number[]): void {
    const [inputs, initial] = [inputShape.at(-1) as number, initializers.glorotNormal({})];
    this.split = this.addWeight('split', [inputs, 2, 3], 'float32', initial);
    this.join = this.addWeight('join', [2, 3, 5], 'float32', initial);
    this.built = true;
  }

  override computeOutputShape(inputShape: number[]): number[] {
    return [...inputShape.slice(0, -1), 5];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor2D;
      const matrix = (weight: LayerVariable, rows: number): tf.Tensor2D =>
        tf.reshape(weight.read(), [rows, -1]);
      const heads = tf.tanh(tf.matMul(x, matrix(this.split, x.shape[1])));
      return tf.matMul(heads, matrix(this.join, 6));
    });
  }
}
tf.serialization.registerClass(Heads);

/** A class that extends one of tfjs has its kernels in the same places. */
export class Doubled extends (layers.conv2dTranspose({ filters: 1, kernelSize: 1 })
  .constructor as new (
  config: object,
) => layers.Layer) {
  static readonly className: string = 'TestDoubled';

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor {
    return tf.tidy(() => tf.mul(super.call(inputs, kwargs) as tf.Tensor, 2));
  }
}
tf.serialization.registerClass(
  Doubled as unknown as tf.serialization.SerializableConstructor<layers.Layer>,
);

/** Which axes of a kernel the factors run along, written out once more, apart from the package's table. */
export interface Axes {
  readonly row: readonly number[];
  readonly column: readonly number[];
}
/** [..., inputs, outputs] */
const usual = (rank: number): Axes => ({ row: [rank - 1], column: [rank - 2] });

export interface Case {
  readonly title: string;
  readonly layer: () => layers.Layer;
  readonly input: () => tf.Tensor;
  /** Names of the kernels, and the options that name their properties where the class is not known. */
  readonly kernels: readonly string[];
  /** The axes of the kernels, in the same order, where they are not those of [inputs, outputs]. */
  readonly axes?: readonly Axes[];
  /** False where tfjs has no gradient of the operation. */
  readonly trains?: boolean;
  /** Where stock tfjs computes it right. Default: on every backend. */
  readonly runsOn?: readonly Backend[];
  /** The largest weight to test with, which keeps recurrent layers out of saturation. */
  readonly largest?: number;
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

// tfjs' orthogonal initializer needs the union package, and its hard sigmoid has kinks.
const start = { recurrentInitializer: 'glorotNormal' } as const;
const cell = { units: 3, ...start } as const;
const gated = { ...cell, recurrentActivation: 'sigmoid' } as const;

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
  {
    title: 'conv1d',
    layer: () =>
      layers.conv1d({
        filters: 5,
        kernelSize: 2,
        strides: 2,
        inputShape: [5, 3],
        biasInitializer: 'randomNormal',
        name: 'wrapped',
      }),
    input: floats(2, 5, 3),
    kernels: ['kernel'],
    axes: [usual(3)],
  },
  {
    title: 'conv2d',
    layer: () =>
      layers.conv2d({
        filters: 5,
        kernelSize: [2, 1],
        strides: [1, 2],
        activation: 'tanh',
        inputShape: [3, 4, 2],
        name: 'wrapped',
      }),
    input: floats(2, 3, 4, 2),
    kernels: ['kernel'],
    axes: [usual(4)],
  },
  {
    title: 'conv2d with channels first',
    layer: () =>
      layers.conv2d({
        filters: 5,
        kernelSize: 2,
        dataFormat: 'channelsFirst',
        inputShape: [2, 3, 4],
        name: 'wrapped',
      }),
    input: floats(2, 2, 3, 4),
    kernels: ['kernel'],
    axes: [usual(4)],
  },
  {
    title: 'conv2d, dilated, with the same padding',
    layer: () =>
      layers.conv2d({
        filters: 5,
        kernelSize: [2, 3],
        dilationRate: [1, 2],
        padding: 'same',
        inputShape: [3, 4, 2],
        name: 'wrapped',
      }),
    input: floats(1, 3, 4, 2),
    kernels: ['kernel'],
    axes: [usual(4)],
    // tfjs has no gradient of a dilated one.
    trains: false,
  },
  {
    title: 'conv3d with strides and channels first',
    layer: () =>
      layers.conv3d({
        filters: 3,
        kernelSize: [1, 2, 1],
        strides: [2, 1, 1],
        dataFormat: 'channelsFirst',
        inputShape: [2, 3, 2, 2],
        name: 'wrapped',
      }),
    input: floats(1, 2, 3, 2, 2),
    kernels: ['kernel'],
    axes: [usual(5)],
  },
  {
    title: 'conv2dTranspose with channels first',
    layer: () =>
      layers.conv2dTranspose({
        filters: 5,
        kernelSize: [1, 2],
        padding: 'same',
        strides: [1, 2],
        dataFormat: 'channelsFirst',
        inputShape: [2, 2, 3],
        name: 'wrapped',
      }),
    input: floats(1, 2, 2, 3),
    kernels: ['kernel'],
    axes: [{ row: [2], column: [3] }],
  },
  {
    // Three rows instead of four give zeros on wasm.
    title: 'depthwiseConv2d with strides and channels first',
    layer: () =>
      layers.depthwiseConv2d({
        kernelSize: [2, 1],
        strides: 2,
        padding: 'same',
        depthMultiplier: 2,
        dataFormat: 'channelsFirst',
        inputShape: [3, 4, 3],
        name: 'wrapped',
      }),
    input: floats(1, 3, 4, 3),
    kernels: ['depthwise_kernel'],
    axes: [{ row: [2, 3], column: [] }],
  },
  {
    // With channels first tfjs adds the bias along the wrong axis.
    title: 'separableConv2d with strides',
    layer: () =>
      layers.separableConv2d({
        filters: 5,
        kernelSize: [2, 1],
        strides: 2,
        padding: 'same',
        inputShape: [4, 3, 2],
        name: 'wrapped',
      }),
    input: floats(1, 4, 3, 2),
    kernels: ['depthwise_kernel', 'pointwise_kernel'],
    axes: [{ row: [2, 3], column: [] }, usual(4)],
  },
  {
    title: 'conv3d',
    layer: () =>
      layers.conv3d({
        filters: 5,
        kernelSize: [2, 1, 2],
        inputShape: [3, 2, 3, 2],
        name: 'wrapped',
      }),
    input: floats(1, 3, 2, 3, 2),
    kernels: ['kernel'],
    axes: [usual(5)],
  },
  {
    title: 'conv2dTranspose',
    layer: () =>
      layers.conv2dTranspose({
        filters: 5,
        kernelSize: [2, 1],
        strides: 2,
        inputShape: [2, 3, 2],
        name: 'wrapped',
      }),
    input: floats(2, 2, 3, 2),
    kernels: ['kernel'],
    axes: [{ row: [2], column: [3] }],
  },
  {
    title: 'conv3dTranspose',
    layer: () =>
      layers.conv3dTranspose({
        filters: 5,
        kernelSize: [2, 1, 1],
        inputShape: [2, 2, 1, 2],
        name: 'wrapped',
      }),
    input: floats(1, 2, 2, 1, 2),
    kernels: ['kernel'],
    axes: [{ row: [3], column: [4] }],
    // Stock wasm reads past the ends of the filter: its results differ from call to call.
    runsOn: ['cpu'],
  },
  {
    title: 'depthwiseConv2d',
    layer: () =>
      layers.depthwiseConv2d({
        kernelSize: [2, 3],
        depthMultiplier: 2,
        inputShape: [3, 4, 3],
        name: 'wrapped',
      }),
    input: floats(2, 3, 4, 3),
    kernels: ['depthwise_kernel'],
    axes: [{ row: [2, 3], column: [] }],
  },
  {
    // With a depth multiplier of 1 a file of the plain layer can be loaded: tfjs does not save another one.
    title: 'separableConv2d',
    layer: () =>
      layers.separableConv2d({
        filters: 5,
        kernelSize: 2,
        inputShape: [3, 4, 2],
        name: 'wrapped',
      }),
    input: floats(2, 3, 4, 2),
    kernels: ['depthwise_kernel', 'pointwise_kernel'],
    axes: [{ row: [2, 3], column: [] }, usual(4)],
  },
  {
    title: 'a layer that says where its kernels are',
    layer: () => new Heads({ inputShape: [4], name: 'wrapped' }),
    input: floats(3, 4),
    kernels: ['split', 'join'],
    axes: [
      { row: [1, 2], column: [0] },
      { row: [2], column: [0, 1] },
    ],
  },
  {
    title: 'a class that extends one of tfjs',
    layer: () => new Doubled({ filters: 5, kernelSize: 2, inputShape: [2, 3, 2], name: 'wrapped' }),
    input: floats(2, 2, 3, 2),
    kernels: ['kernel'],
    axes: [{ row: [2], column: [3] }],
  },
  {
    title: 'simpleRNN',
    layer: () => layers.simpleRNN({ ...cell, inputShape: [3, 2], name: 'wrapped' }),
    input: floats(2, 3, 2),
    kernels: ['kernel', 'recurrent_kernel'],
    largest: 0.6,
  },
  {
    title: 'gru backwards',
    layer: () =>
      layers.gru({
        ...gated,
        goBackwards: true,
        returnSequences: true,
        inputShape: [3, 2],
        name: 'wrapped',
      }),
    input: floats(2, 3, 2),
    kernels: ['kernel', 'recurrent_kernel'],
    largest: 0.6,
  },
  {
    title: 'lstm',
    layer: () => layers.lstm({ ...gated, inputShape: [3, 2], name: 'wrapped' }),
    input: floats(2, 3, 2),
    kernels: ['kernel', 'recurrent_kernel'],
    largest: 0.6,
  },
  {
    title: 'convLstm2d',
    layer: () =>
      layers.convLstm2d({
        filters: 2,
        kernelSize: 1,
        ...start,
        recurrentActivation: 'sigmoid',
        inputShape: [2, 1, 2, 1],
        name: 'wrapped',
      }) as layers.Layer,
    input: floats(1, 2, 1, 2, 1),
    kernels: ['kernel', 'recurrent_kernel'],
    largest: 0.6,
    axes: [usual(4), usual(4)],
  },
  {
    title: 'convLstm2d with a rectangular kernel',
    layer: () =>
      layers.convLstm2d({
        filters: 2,
        kernelSize: [2, 1],
        padding: 'same',
        ...start,
        recurrentActivation: 'sigmoid',
        inputShape: [2, 2, 1, 3],
        name: 'wrapped',
      }) as layers.Layer,
    input: floats(1, 2, 2, 1, 3),
    kernels: ['kernel', 'recurrent_kernel'],
    largest: 0.6,
    axes: [usual(4), usual(4)],
  },
  {
    title: 'stacked cells',
    layer: () =>
      layers.rnn({
        cell: [layers.lstmCell({ ...gated, units: 2 }), layers.simpleRNNCell(cell)],
        inputShape: [2, 2],
        name: 'wrapped',
      }) as layers.Layer,
    input: floats(2, 2, 2),
    kernels: [0, 1].flatMap((at) => [`RNNCell_${at}/kernel`, `RNNCell_${at}/recurrent_kernel`]),
    largest: 0.6,
  },
  {
    title: 'a dense layer at each time step',
    layer: () =>
      layers.timeDistributed({
        layer: layers.dense({ units: 5, name: 'each' }),
        inputShape: [3, 2],
        name: 'wrapped',
      }),
    input: floats(2, 3, 2),
    kernels: ['kernel'],
  },
  {
    title: 'an lstm in both directions',
    layer: () =>
      layers.bidirectional({
        layer: layers.lstm({ ...gated, units: 2, returnSequences: true, name: 'l' }) as never,
        mergeMode: 'concat',
        inputShape: [3, 1],
        name: 'wrapped',
      }),
    input: floats(2, 3, 1),
    kernels: ['forward_l', 'backward_l'].flatMap((at) => [
      `${at}/kernel`,
      `${at}/recurrent_kernel`,
    ]),
  },
];

/** The axes of each kernel of a case. */
export const axesOf = ({ kernels, axes }: Case): readonly Axes[] =>
  kernels.map((_, at) => axes?.[at] ?? usual(2));

export const hasColumn = (given: Case): boolean =>
  axesOf(given).some(({ column }) => column.length > 0);

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

/** Gives all weights values in [from, to) that are the same in every run. */
export function scrambleWeights(model: LayersModel, from = 0.5, to = 2): void {
  model.weights.forEach((weight, at) => {
    const variable = weight.read() as tf.Variable;
    tf.tidy(() => variable.assign(tf.tensor(numbers(at, variable.size, from, to), variable.shape)));
  });
}
