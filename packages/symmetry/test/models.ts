/** The models of fixtures/symmetry/make.py, and layers of classes that the package does not know. */
import * as tf from '@tensorflow/tfjs-core';
import * as layersApi from '@tensorflow/tfjs-layers';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { noise, random } from '../../../test/tensors.ts';
import { describeLayer } from '../src/index.ts';

const { input, layers, model: makeModel } = layersApi;
type Shape = (number | null)[];
type Symbolic = layersApi.SymbolicTensor;
type Config = ConstructorParameters<typeof layers.Layer>[0];

/** x / √mean(x²), without any epsilon, times a gain. */
class TestRms extends layers.Layer {
  static readonly className = 'TestRms';
  gain!: layersApi.LayerVariable;
  override build(shape: Shape | Shape[]): void {
    this.gain = this.addWeight(
      'gain',
      [(shape as Shape).at(-1) as number],
      'float32',
      layersApi.initializers.ones(),
    );
    super.build(shape);
  }
  override call(x: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [value] = [x].flat() as [tf.Tensor];
    return tf.tidy(() =>
      tf.mul(tf.div(value, tf.sqrt(tf.mean(tf.square(value), -1, true))), this.gain.read()),
    );
  }
}

/** silu(gate) · up of [gate, up]. */
class TestGate extends layers.Layer {
  static readonly className = 'TestGate';
  override computeOutputShape(shape: Shape | Shape[]): Shape {
    return (shape as Shape[])[0] as Shape;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [gate, up] = inputs as [tf.Tensor, tf.Tensor];
    return tf.tidy(() => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up));
  }
}

interface Heads {
  readonly heads: number;
  readonly keyHeads: number;
  readonly rotary: boolean;
}

/** Causal attention of [query, key, value] with shared heads and rotary positions, without weights. */
class TestAttention extends layers.Layer {
  static readonly className = 'TestAttention';
  readonly settings: Heads;
  constructor(config: Config & Heads) {
    super(config);
    const { heads, keyHeads, rotary } = config;
    this.settings = { heads, keyHeads, rotary };
  }
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.settings };
  }
  override computeOutputShape(shapes: Shape | Shape[]): Shape {
    return (shapes as Shape[])[0] as Shape;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const { heads, keyHeads, rotary } = this.settings;
    return tf.tidy(() => {
      const split = (x: tf.Tensor, n: number) => {
        const [batch, time, width] = x.shape as [number, number, number];
        return tf.transpose(tf.reshape(x, [batch, time, n, width / n]), [0, 2, 1, 3]);
      };
      const shared = (x: tf.Tensor) => {
        const indices = Array.from({ length: heads }, (_, i) => Math.floor((i * keyHeads) / heads));
        return tf.gather(x, tf.tensor1d(indices, 'int32'), 1);
      };
      const [q, k, v] = (inputs as tf.Tensor[]).map((x, at) =>
        split(x, at === 0 ? heads : keyHeads),
      );
      const turn = (x: tf.Tensor) => (rotary ? rotate(x) : x);
      const scores = tf.matMul(turn(q as tf.Tensor), shared(turn(k as tf.Tensor)), false, true);
      const time = scores.shape[2] as number;
      const mask = tf.sub(tf.linalg.bandPart(tf.ones([time, time]), -1, 0), 1);
      const out = tf.matMul(tf.softmax(tf.add(scores, tf.mul(mask, 1e9))), shared(v as tf.Tensor));
      const [batch, , , width] = out.shape as [number, number, number, number];
      return tf.reshape(tf.transpose(out, [0, 2, 1, 3]), [batch, time, heads * width]);
    });
  }
}

/** Pairs i and i + width/2 turn by position. */
function rotate(x: tf.Tensor): tf.Tensor {
  const [, , time, width] = x.shape as [number, number, number, number];
  const angles = Array.from({ length: time }, (_, t) =>
    Array.from({ length: width / 2 }, (_, i) => t * 10_000 ** ((-2 * i) / width)),
  );
  const [a, b] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  const [cos, sin] = [tf.cos(tf.tensor2d(angles)), tf.sin(tf.tensor2d(angles))];
  return tf.concat(
    [tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(a, sin), tf.mul(b, cos))],
    -1,
  );
}

for (const cls of [TestRms, TestGate, TestAttention]) tf.serialization.registerClass(cls);
describeLayer('TestRms', () => 'normalising');
describeLayer('TestGate', () => ({ product: ['opaque', 'linear'] }));
describeLayer('TestAttention', (layer) => {
  const { heads, keyHeads, rotary } = (layer as TestAttention).settings;
  return { attention: { heads, keyHeads, rotary: rotary ? 'halves' : undefined } };
});

const apply = (layer: layersApi.layers.Layer, x: Symbolic | Symbolic[]): Symbolic =>
  layer.apply(x) as Symbolic;
const dense = (x: Symbolic, units: number, useBias = false, activation = 'linear'): Symbolic =>
  apply(layers.dense({ units, useBias, activation: activation as 'relu' }), x);
const rms = (x: Symbolic): Symbolic => apply(new TestRms({}), x);
const layerNorm = (x: Symbolic): Symbolic =>
  apply(layers.layerNormalization({ center: false, epsilon: 1e-12 }), x);
const gate = (a: Symbolic, b: Symbolic): Symbolic => apply(new TestGate({}), [a, b]);
const add = (a: Symbolic, b: Symbolic): Symbolic => apply(layers.add(), [a, b]);

function attention(x: Symbolic, settings: Heads, width: number, useBias = false): Symbolic {
  const [q, k, v] = [settings.heads, settings.keyHeads, settings.keyHeads].map((n) =>
    dense(x, n * width, useBias),
  ) as [Symbolic, Symbolic, Symbolic];
  return dense(
    apply(new TestAttention({ ...settings }), [q, k, v]),
    x.shape.at(-1) as number,
    useBias,
  );
}

function residual(x0: Symbolic, norm: (x: Symbolic) => Symbolic): Symbolic {
  const x = dense(x0, 4);
  return dense(norm(add(x, dense(dense(norm(x), 5, false, 'relu'), 4))), 3);
}

function convolutional(x: Symbolic): Symbolic {
  let y = apply(layers.conv2d({ filters: 4, kernelSize: 3 }), x);
  y = apply(layers.leakyReLU({ alpha: 0.2 }), y);
  y = apply(layers.conv2d({ filters: 3, kernelSize: 3, activation: 'relu' }), y);
  return dense(apply(layers.flatten(), y), 3, true);
}

function separable(x: Symbolic): Symbolic {
  const y = apply(
    layers.separableConv2d({ filters: 3, kernelSize: 3, depthMultiplier: 2, activation: 'relu' }),
    x,
  );
  return dense(apply(layers.globalAveragePooling2d({}), y), 4);
}

function languageModel(x0: Symbolic): Symbolic {
  let x = dense(x0, 8);
  const h = rms(x);
  const qkv = [1, 2, 3].map(() => dense(h, 8));
  const attended = apply(new TestAttention({ heads: 2, keyHeads: 2, rotary: true }), qkv);
  x = add(x, dense(attended, 8));
  const h2 = rms(x);
  x = add(x, dense(gate(dense(h2, 6), dense(h2, 6)), 8));
  return dense(rms(x), 5);
}

const [VECTOR, IMAGE, SEQUENCE] = [[6], [6, 6, 2], [5, 8]];
const plain = { heads: 2, keyHeads: 2, rotary: false };
const rotary = { heads: 2, keyHeads: 2, rotary: true };

/** By the names that the fixture gives them. */
const MODELS: Record<string, readonly [shape: number[], (x: Symbolic) => Symbolic]> = {
  'two linear layers': [VECTOR, (x) => dense(dense(x, 3), 4)],
  'two linear layers with biases': [VECTOR, (x) => dense(dense(x, 3, true), 4, true)],
  'three linear layers': [VECTOR, (x) => dense(dense(dense(x, 3), 3), 4)],
  relu: [VECTOR, (x) => dense(dense(dense(x, 5, false, 'relu'), 4, false, 'relu'), 3)],
  'relu with biases': [VECTOR, (x) => dense(dense(x, 5, true, 'relu'), 3, true)],
  'tanh with biases': [VECTOR, (x) => dense(dense(x, 5, true, 'tanh'), 3, true)],
  'softmax after relu': [VECTOR, (x) => dense(dense(x, 5, true, 'relu'), 3, true, 'softmax')],
  convolutions: [IMAGE, convolutional],
  'separable convolution': [IMAGE, separable],
  gated: [VECTOR, (x) => dense(gate(dense(x, 5), dense(x, 5)), 3)],
  'product of two linear layers': [
    VECTOR,
    (x) => dense(apply(layers.multiply(), [dense(x, 3), dense(x, 3)]), 3),
  ],
  attention: [SEQUENCE, (x) => attention(x, plain, 3)],
  'attention with biases': [SEQUENCE, (x) => attention(x, plain, 3, true)],
  'rotary attention': [SEQUENCE, (x) => attention(x, rotary, 4)],
  'rotary attention with biases': [SEQUENCE, (x) => attention(x, rotary, 4, true)],
  'grouped heads': [SEQUENCE, (x) => attention(x, { ...plain, heads: 4 }, 3)],
  'rotary grouped heads with biases': [
    SEQUENCE,
    (x) => attention(x, { ...rotary, heads: 4 }, 4, true),
  ],
  'residual stream': [
    VECTOR,
    (x0) => {
      const x = dense(x0, 3, true);
      return dense(add(x, dense(dense(x, 5, true, 'relu'), 3, true)), 4, true);
    },
  ],
  'pre-norm residual': [VECTOR, (x) => residual(x, rms)],
  'pre-norm residual, layer normalisation': [VECTOR, (x) => residual(x, layerNorm)],
  'layer normalisation with biases': [
    VECTOR,
    (x) => dense(apply(layers.layerNormalization({ epsilon: 1e-12 }), dense(x, 5, true)), 3, true),
  ],
  'batch normalisation with biases': [
    VECTOR,
    (x) => {
      const y = apply(layers.batchNormalization({ epsilon: 1e-12 }), dense(x, 5, true));
      return dense(apply(layers.reLU(), y), 3, true);
    },
  ],
  multipliers: [
    VECTOR,
    (x) => {
      const hidden = layers.dense({ units: 5, activation: 'relu', useBias: false });
      const out = layers.dense({ units: 3, useBias: false });
      return apply(
        withMultipliers(out, { row: false }),
        apply(withMultipliers(hidden, { scalar: true }), x),
      );
    },
  ],
  'language model': [SEQUENCE, languageModel],
};

export const MODEL_NAMES: readonly string[] = Object.keys(MODELS);

/** A model of the table, its weights drawn from a seed. */
export function buildModel(name: string, seed = 1): layersApi.LayersModel {
  const [shape, build] = MODELS[name] as (typeof MODELS)[string];
  const inputs = input({ shape });
  const model = makeModel({ inputs, outputs: build(inputs) });
  const next = random(seed);
  tf.tidy(() => {
    for (const weight of model.weights) {
      const size = tf.util.sizeFromShape(weight.shape as number[]);
      // Away from zero, as factors and variances must be; any sign where that may be.
      const positive = /multiplier|moving_variance/.test(weight.originalName);
      const drawn = noise(next, size).map((value) => (positive ? 1 + value / 2 : value));
      (weight.read() as tf.Variable).assign(tf.tensor(drawn, weight.shape as number[]));
    }
  });
  return model;
}

/** Random inputs for it. */
export function inputsOf(model: layersApi.LayersModel, seed = 2, batch = 4): tf.Tensor {
  const shape = [batch, ...((model.inputs[0] as Symbolic).shape.slice(1) as number[])];
  return tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape), 1.5), shape);
}

export { add, apply, dense, rms, TestRms };
