/** Activations of Keras 3 that tfjs lacks, or has with another formula. */
import * as tf from '@tensorflow/tfjs-core';

/** min(max(x + 3, 0), 6) / 6; Keras 2 and tfjs have 0.2 x + 0.5 under the same name. */
const hardSigmoid = (x: tf.Tensor): tf.Tensor => tf.div(tf.clipByValue(tf.add(x, 3), 0, 6), 6);

const FUNCTIONS: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  kerasHardSigmoid: hardSigmoid,
  kerasHardSilu: (x) => tf.mul(x, hardSigmoid(x)),
  kerasLeakyRelu: (x) => tf.leakyRelu(x, 0.2),
  kerasExponential: (x) => tf.exp(x),
};

/** A class for each function, as tfjs registers its own. */
export const activations: readonly tf.serialization.SerializableConstructor<tf.serialization.Serializable>[] =
  Object.entries(FUNCTIONS).map(([name, apply]) => {
    class KerasActivation extends tf.serialization.Serializable {
      static readonly className: string = name;

      apply(x: tf.Tensor): tf.Tensor {
        return tf.tidy(() => apply(x));
      }

      override getConfig(): tf.serialization.ConfigDict {
        return {};
      }
    }
    return KerasActivation;
  });
