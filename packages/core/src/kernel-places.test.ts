import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  input,
  type LayersModel,
  type LayerVariable,
  layers,
  model as makeModel,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { assignRoles } from './index.ts';
import {
  constraintKey,
  copyStanding,
  type KernelAxes,
  KNOWN_LAYERS,
  kernelAxes,
  kernelPlaces,
  weightAt,
} from './kit.ts';

type Layer = layers.Layer;
const glorot = { kernelInitializer: 'glorotNormal', recurrentInitializer: 'glorotNormal' } as const;
const lstm = () => layers.lstm({ units: 5, ...glorot });

/** A layer of each known class with 3 input and 5 output features, and what its kernels' axes are called. */
const CASES: Readonly<Record<string, [make: () => Layer, input: number[], kernels: number]>> = {
  Dense: [() => layers.dense({ units: 5 }), [3], 1],
  Embedding: [() => layers.embedding({ inputDim: 3, outputDim: 5 }), [7], 1],
  Conv1D: [() => layers.conv1d({ filters: 5, kernelSize: 2 }), [7, 3], 1],
  Conv2D: [() => layers.conv2d({ filters: 5, kernelSize: 2 }), [7, 7, 3], 1],
  Conv3D: [() => layers.conv3d({ filters: 5, kernelSize: 2 }), [7, 7, 7, 3], 1],
  Conv2DTranspose: [() => layers.conv2dTranspose({ filters: 5, kernelSize: 2 }), [7, 7, 3], 1],
  Conv3DTranspose: [() => layers.conv3dTranspose({ filters: 5, kernelSize: 2 }), [7, 7, 7, 3], 1],
  DepthwiseConv2D: [
    () => layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 4 }),
    [7, 7, 3],
    1,
  ],
  SeparableConv2D: [
    () => layers.separableConv2d({ filters: 5, kernelSize: 2, depthMultiplier: 4 }),
    [7, 7, 3],
    2,
  ],
  SimpleRNN: [() => layers.simpleRNN({ units: 5, ...glorot }), [7, 3], 2],
  GRU: [() => layers.gru({ units: 5, ...glorot }), [7, 3], 2],
  LSTM: [lstm, [7, 3], 2],
  ConvLSTM2D: [() => layers.convLstm2d({ filters: 5, kernelSize: 2, ...glorot }), [6, 7, 7, 3], 2],
  RNN: [
    () =>
      layers.rnn({
        cell: [
          layers.gruCell({ units: 5, ...glorot }),
          layers.simpleRNNCell({ units: 5, ...glorot }),
        ],
      }),
    [7, 3],
    4,
  ],
  TimeDistributed: [() => layers.timeDistributed({ layer: layers.dense({ units: 5 }) }), [7, 3], 1],
  Bidirectional: [() => layers.bidirectional({ layer: lstm() as never }), [7, 3], 4],
};

function built(layer: Layer, shape: number[]): LayersModel {
  const model = sequential({ layers: [layers.inputLayer({ inputShape: shape })] });
  model.add(layer);
  return model;
}

const sizes = ({ shape }: LayerVariable, axes: readonly number[]): number[] =>
  axes.map((axis) => shape.at(axis) as number);

class Block extends layers.Layer {
  static readonly className: string = 'PlacesBlock';
  readonly up = layers.conv2dTranspose({ filters: 2, kernelSize: 2, name: 'inner' });
  override build(shape: number[]): void {
    this.up.build(shape);
    this.trainableWeights = this.up.trainableWeights;
    super.build(shape);
  }
  override computeOutputShape(shape: number[]): ReturnType<Layer['computeOutputShape']> {
    return this.up.computeOutputShape(shape);
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return this.up.call(inputs, {}) as tf.Tensor;
  }
}

/** A layer that says itself which axes its kernel has: [..., outputs, inputs]. */
class Reversed extends layers.Layer {
  static readonly className: string = 'PlacesReversed';
  #kernel: LayerVariable | null = null;
  get kernels(): readonly { kernel: LayerVariable; axes: KernelAxes }[] {
    const kernel = this.#kernel;
    return kernel === null ? [] : [{ kernel, axes: { row: [-2], column: [-1] } }];
  }
  override build(shape: number[]): void {
    this.#kernel = this.addWeight(
      'kernel',
      [5, shape.at(-1) as number],
      'float32',
      initializers.ones(),
    );
    super.build(shape);
  }
  override computeOutputShape(shape: number[]): number[] {
    return [...shape.slice(0, -1), 5];
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = [inputs].flat()[0] as tf.Tensor2D;
    return tf.matMul(x, (this.#kernel as LayerVariable).read() as tf.Tensor2D, false, true);
  }
}

onCpu(() => {
  test('the cases below are the classes of the table', () => {
    expect(Object.keys(CASES)).toEqual(KNOWN_LAYERS);
  });

  describe.each(Object.entries(CASES))('%s', (_, [make, shape, count]) => {
    test('the table has every weight of two axes or more but no other, built or not', () => {
      const layer = make();
      const before = kernelPlaces(layer);
      const model = built(layer, shape);
      const places = kernelPlaces(layer) ?? [];
      expect(places).toEqual(before);
      const kernels = places.map(({ property }) => weightAt(layer, property));
      expect(kernels).toHaveLength(count);
      expect(new Set(kernels)).toEqual(
        new Set(layer.weights.filter((weight) => weight.shape.length > 1)),
      );
      model.dispose();
    });

    test('rows are as many as there are outputs, columns as many as inputs', () => {
      const layer = make();
      const model = built(layer, shape);
      for (const { property, axes } of kernelPlaces(layer) ?? []) {
        const kernel = weightAt(layer, property) as LayerVariable;
        const [row] = sizes(kernel, axes.row) as [number];
        const isDepthwise = property === 'depthwiseKernel';
        if (isDepthwise) expect([axes.column, sizes(kernel, axes.row)]).toEqual([[], [3, 4]]);
        // Gates lie side by side.
        else expect([5, 15, 20]).toContain(row);
        if (isDepthwise) continue;
        const column = kernel.shape.at(axes.column[0] as number);
        const inputs =
          property === 'pointwiseKernel' ? 12 : /cells\.1|recurrent/.test(property) ? 5 : 3;
        expect(column, property).toBe(inputs);
      }
      model.dispose();
    });
  });

  test.each([
    ['a class that is not in the table', new Block({})],
    ['a layer without weights', layers.flatten()],
    [
      'a wrapper of a class that is not in the table',
      layers.timeDistributed({ layer: new Block({}) }),
    ],
    ['a cell by itself', layers.gruCell({ units: 2 }) as Layer],
  ])('%s has no known places', (_, layer) => {
    expect(kernelPlaces(layer)).toBeNull();
  });

  describe('a layer of another class', () => {
    const places = [{ property: 'split', axes: { row: [-2, -1], column: [-3] } }];
    const declaring = (kernelPlaces: unknown): Layer =>
      Object.assign(new Block({ name: 'mine' }), { kernelPlaces });

    test('can list its kernels itself, inside another layer too', () => {
      const layer = declaring(places);
      expect(kernelPlaces(layer)).toEqual(places);
      expect(kernelPlaces(layers.timeDistributed({ layer: declaring([]) }))).toBeNull();
      const wrapper = layers.timeDistributed({ layer });
      expect(kernelPlaces(wrapper)).toEqual([{ ...places[0], property: 'layer.split' }]);
    });

    test('has those of the class that it extends', () => {
      const Dense = layers.dense({ units: 1 }).constructor as new (config: object) => Layer;
      class Scaled extends Dense {
        static readonly className: string = 'PlacesScaled';
      }
      class Twice extends Scaled {
        static override readonly className: string = 'PlacesTwice';
      }
      expect(kernelPlaces(new Twice({ units: 2 }))).toEqual(
        kernelPlaces(layers.dense({ units: 2 })),
      );
    });

    test.each([
      ['kernel'],
      [['kernel']],
      [[{ property: 'kernel' }]],
      [[{ property: 'kernel', axes: { row: [], column: [-1] } }]],
      [[{ property: 'kernel', axes: { row: [1], column: [0] } }]],
      [[{ property: 'kernel', axes: { row: [-1], column: [-2, -3] } }]],
      [[{ property: 'kernel', axes: { row: [-1], column: -2 } }]],
    ])('is told what a list of its kernels must be: %j', (list) => {
      expect(() => kernelPlaces(declaring(list))).toThrow(
        /kernelPlaces: layer "mine" \(PlacesBlock\) must list .* Received .* Try \[\{ property/,
      );
    });
  });

  describe('the axes of a variable', () => {
    const named = (name: string, shape: number[]) => tf.variable(tf.zeros(shape), true, name);

    test.each<[string, number[], KernelAxes]>([
      ['axes_a/kernel', [3, 5], { row: [-1], column: [-2] }],
      ['axes_transpose/kernel', [3, 5], { row: [-1], column: [-2] }],
      ['axes_conv2d_Transpose1/kernel', [2, 2, 5, 3], { row: [-2], column: [-1] }],
      ['axes_b/depthwise_kernel_1', [2, 2, 3, 4], { row: [-2, -1], column: [] }],
    ])('without its layer follow from its name: %s %j', (name, shape, axes) => {
      const variable = named(name, shape);
      expect(kernelAxes(variable)).toEqual(axes);
      variable.dispose();
    });

    test('are those of its layer, whatever its name, once assignRoles has seen it; a stand-in takes them', () => {
      const inputs = input({ shape: [4, 4, 3] });
      const up = layers.conv2dTranspose({ filters: 5, kernelSize: 2, name: 'up' });
      const outputs = [up, new Block({}), layers.flatten(), new Reversed({})].reduce(
        (tensor, layer) => layer.apply(tensor) as SymbolicTensor,
        inputs,
      );
      const inner = makeModel({ inputs, outputs });
      const model = sequential({ layers: [inner, layers.dense({ units: 2, name: 'out' })] });
      const kernels = model.weights
        .filter(({ shape }) => shape.length > 1)
        .map((weight) => weight.read() as tf.Variable);
      const transposed = { row: [-2], column: [-1] };
      const plain = { row: [-1], column: [-2] };
      expect(kernels.map(kernelAxes)).toEqual([plain, plain, plain, plain]);
      assignRoles(model);
      expect(kernels.map(kernelAxes)).toEqual([transposed, transposed, transposed, plain]);
      const average = tf.variable(kernels[0] as tf.Variable, false, 'average');
      expect(kernelAxes(average)).toEqual(plain);
      copyStanding(kernels[0] as tf.Variable, average);
      expect(kernelAxes(average)).toEqual(transposed);
      copyStanding(kernels[3] as tf.Variable, average);
      expect(kernelAxes(average)).toEqual(plain);
      average.dispose();
      model.dispose();
    });
  });

  test('the key of a constraint is one under which the layer saves its own', () => {
    for (const layer of [
      layers.dense({ units: 2 }),
      layers.embedding({ inputDim: 2, outputDim: 2 }),
      layers.gru({ units: 2 }),
      layers.depthwiseConv2d({ kernelSize: 2 }),
      layers.separableConv2d({ filters: 2, kernelSize: 2 }),
    ]) {
      const keys = (kernelPlaces(layer) ?? []).map(({ property }) => constraintKey(property));
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) expect(layer.getConfig()).toHaveProperty(key);
    }
  });
});
