/** The options of the layers that stand for those of Keras. */
import type * as tf from '@tensorflow/tfjs-core';

export type Config = Readonly<Record<string, unknown>>;
export type Options = tf.serialization.ConfigDict;

/** The options of a layer: those in its configuration, and else the defaults of Keras. */
export const optionsOf = (config: Config, defaults: Options): Options =>
  Object.fromEntries(
    Object.entries(defaults).map(([key, value]) => [
      key,
      (config[key] ?? value) as Options[string],
    ]),
  );
