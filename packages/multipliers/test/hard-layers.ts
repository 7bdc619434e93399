/** Layers and models as public programs write them: tfjs saves and loads them, and a copy by name fails. */
import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  LayersModel,
  type LayerVariable,
  layers,
  Sequential,
  type Shape,
} from '@tensorflow/tfjs-layers';

type Inputs = tf.Tensor | tf.Tensor[];
const one = (inputs: Inputs): tf.Tensor => [inputs].flat()[0] as tf.Tensor;

/** x·sigmoid(x), from a constructor that hands nothing to tfjs: each has another name. */
export class Forgetful extends layers.Layer {
  static className = 'HardForgetful';
  constructor() {
    super({});
  }
  override computeOutputShape(shape: Shape): Shape {
    return shape;
  }
  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => tf.mul(one(inputs), tf.sigmoid(one(inputs))));
  }
}

/** x·W with weights, from such a constructor. */
export class ForgetfulDense extends Forgetful {
  static override className = 'HardForgetfulDense';
  kernel!: LayerVariable;
  override build(shape: Shape | Shape[]): void {
    const width = (shape as Shape).at(-1) as number;
    this.kernel = this.addWeight('kernel', [width, width], 'float32', initializers.ones());
    this.built = true;
  }
  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => {
      const x = one(inputs);
      const width = x.shape.at(-1) as number;
      const y = tf.matMul(tf.reshape(x, [-1, width]), this.kernel.read() as tf.Tensor2D);
      return tf.reshape(y, x.shape);
    });
  }
}

/** One whose class alone decides its name. */
export class SelfNamed extends ForgetfulDense {
  static override className = 'HardSelfNamed';
  static #count = 0;
  constructor() {
    super();
    const value = `self_named_${SelfNamed.#count++}`;
    Object.defineProperty(this, 'name', { value });
  }
}

/** A layer that holds a dense layer under a name of its own, different in each instance. */
export class Holder extends layers.Layer {
  static className = 'HardHolder';
  static #count = 0;
  readonly inner: layers.Layer = layers.dense({ units: 4, name: `held_${Holder.#count++}` });
  override build(shape: Shape | Shape[]): void {
    this.inner.build(shape);
    this.inner.built = true;
    this.built = true;
  }
  override computeOutputShape(shape: Shape): Shape {
    return shape;
  }
  override get trainableWeights(): LayerVariable[] {
    return this.trainable ? this.inner.trainableWeights : [];
  }
  override get nonTrainableWeights(): LayerVariable[] {
    return this.trainable ? this.inner.nonTrainableWeights : this.inner.weights;
  }
  override call(inputs: Inputs): tf.Tensor {
    return this.inner.call(inputs, {}) as tf.Tensor;
  }
}

/** Two outputs: x + 1 and tanh(x). */
export class Fork extends layers.Layer {
  static className = 'HardFork';
  override computeOutputShape(shape: Shape): Shape[] {
    return [shape, shape];
  }
  override call(inputs: Inputs): tf.Tensor[] {
    return tf.tidy(() => [tf.add(one(inputs), 1), tf.tanh(one(inputs))]);
  }
}

for (const cls of [Forgetful, ForgetfulDense, SelfNamed, Holder, Fork]) {
  tf.serialization.registerClass(cls);
}

/** A model with a constructor and a method of its own. */
export class OwnModel extends LayersModel {
  static override className = 'HardOwnModel';
  constructor(network: LayersModel) {
    super({ inputs: network.inputs, outputs: network.outputs, name: network.name });
  }
  answer(): number {
    return 42;
  }
}

/** A Sequential with layers from the start. */
export class OwnSequential extends Sequential {
  static override className = 'HardOwnSequential';
  constructor(parts: readonly layers.Layer[], name: string) {
    super({ name });
    for (const layer of parts) this.add(layer);
  }
}
