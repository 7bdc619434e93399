/** Layers of classes that the package has never seen. */
import * as tf from '@tensorflow/tfjs-core';
import * as layersApi from '@tensorflow/tfjs-layers';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { afterEach, expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import {
  type Algebra,
  describeLayer,
  findSymmetries,
  minimalPlacement,
  rebalance,
} from './index.ts';

const { input, layers, model: makeModel, sequential } = layersApi;
type Shape = (number | null)[];

/** relu(x · weights)² is not homogeneous; |x · weights| is. */
class Modulus extends layers.Layer {
  static readonly className = 'TestModulus';
  mixing!: layersApi.LayerVariable;
  override build(shape: Shape | Shape[]): void {
    this.mixing = this.addWeight(
      'mixing',
      [(shape as Shape).at(-1) as number, 5],
      'float32',
      layersApi.initializers.glorotNormal({ seed: 3 }),
    );
    super.build(shape);
  }
  override computeOutputShape(shape: Shape | Shape[]): Shape {
    return [...(shape as Shape).slice(0, -1), 5];
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = [inputs].flat() as [tf.Tensor];
    return tf.tidy(() => tf.abs(tf.matMul(x, this.mixing.read())));
  }
}

/** tanh(a) · b · c of [a, b, c]. */
class Triple extends layers.Layer {
  static readonly className = 'TestTriple';
  override computeOutputShape(shape: Shape | Shape[]): Shape {
    return (shape as Shape[])[0] as Shape;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [a, b, c] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    return tf.tidy(() => tf.mul(tf.mul(tf.tanh(a), b), tf.relu(c)));
  }
}

tf.serialization.registerClass(Modulus);

const modulus = (): layersApi.LayersModel =>
  sequential({
    layers: [
      layers.dense({ name: 'first', units: 4, useBias: false, inputShape: [3] }),
      new Modulus({ name: 'modulus' }),
      layers.dense({ name: 'last', units: 2 }),
    ],
  });

const outputs = (model: layersApi.LayersModel): number[] =>
  tf.tidy(() => values(model.apply(tf.tensor2d(noise(random(1), 12), [4, 3])) as tf.Tensor));

eachBackend(() => {
  afterEach(() => describeLayer('TestModulus', () => 'opaque'));

  it('is opaque until it is described', () => {
    const model = modulus();
    expect(findSymmetries(model)).toEqual([]);
    expect(minimalPlacement(model)(model.getLayer('modulus'))).toBeNull();
    describeLayer('TestModulus', () => 'homogeneous');
    const before = outputs(model);
    expect(
      findSymmetries(model).map(({ group, dimension, sides }) => [
        group,
        dimension,
        sides.map(({ variable, axes, exponent }) => [variable, axes, exponent]),
      ]),
    ).toEqual([
      [
        'general-linear',
        16,
        [
          ['first/kernel', [1], 1],
          ['modulus/mixing', [0], -1],
        ],
      ],
      [
        'scaling',
        5,
        [
          ['modulus/mixing', [1], 1],
          ['last/kernel', [0], -1],
        ],
      ],
    ]);
    const weights = model.getWeights().map(values);
    rebalance(model);
    expect(model.getWeights().map(values)).not.toEqual(weights);
    const largest = Math.max(...before.map(Math.abs));
    outputs(model).forEach((value, at) => {
      expect(Math.abs(value - (before[at] as number))).toBeLessThan(1e-6 * largest);
    });
    const placement = minimalPlacement(model);
    expect(placement(model.getLayer('modulus'))).toEqual({
      row: false,
      column: true,
      kernels: ['mixing'],
    });
    const multiplied = addMultipliers(model, { placement });
    expect(multiplied.weights.map(({ originalName }) => originalName)).toContain(
      'modulus/mixing/column_multiplier',
    );
    expect(outputs(multiplied)).toEqual(outputs(model));
    model.dispose();
    multiplied.dispose();
  });

  it('multiplies inputs as its terms say', () => {
    describeLayer('TestTriple', () => ({ product: ['opaque', 'linear', 'homogeneous'] }));
    const x = input({ shape: [3] });
    const parts = ['a', 'b', 'c'].map((name) =>
      layers.dense({ name, units: 4 }).apply(x),
    ) as layersApi.SymbolicTensor[];
    const y = new Triple({}).apply(parts) as layersApi.SymbolicTensor;
    const model = makeModel({
      inputs: x,
      outputs: layers.dense({ name: 'd', units: 2 }).apply(y) as layersApi.SymbolicTensor,
    });
    const found = findSymmetries(model).map(({ dimension, sides }) => [
      dimension,
      sides.map(({ variable, exponent }) => `${variable}^${exponent}`),
    ]);
    expect(found).toEqual([
      [4, ['b/kernel^1', 'b/bias^1', 'd/kernel^-1']],
      [4, ['c/kernel^1', 'c/bias^1', 'd/kernel^-1']],
    ]);
    model.dispose();
  });

  it('names a wrong description', () => {
    const model = modulus();
    const wrong: readonly [unknown, RegExp][] = [
      ['lineer', /algebra of layer "modulus" \(TestModulus\) must be 'linear'.*Received "lineer"/],
      [{ product: 3 }, /must be 'linear'/],
      [{ attention: { heads: 3, keyHeads: 2 } }, /multiple of its keyHeads. Received 3 and 2/],
      [{ attention: { heads: 2, rotary: true } }, /rotary that is 'halves' or 'neighbours'/],
      [{ normalising: { groups: 1.5 } }, /a whole number of groups. Received 1.5/],
      [{ normalising: null }, /a whole number of groups. Received undefined/],
      [{ channelwise: { kernel: 'kernel' } }, /how many of its inputs are convolved/],
      [
        { channelwise: { inputs: 1, kernel: 'nothing' } },
        /name a weight of the layer. Received "noth/,
      ],
    ];
    for (const [algebra, message] of wrong) {
      describeLayer('TestModulus', () => algebra as Algebra);
      expect(() => findSymmetries(model)).toThrow(message);
    }
    expect(() => describeLayer('', () => 'linear')).toThrow(/class name must be a string/);
    expect(() => describeLayer('X', 'linear' as never)).toThrow(/must be a function of the layer/);
    model.dispose();
  });
});
