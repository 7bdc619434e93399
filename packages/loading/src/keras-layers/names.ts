/** The names of the layers and activations that `register.ts` registers, which is loaded when one of them is needed. */

/** Activations of Keras 3 by their name there, and by that which tfjs saves. */
export const KERAS_ACTIVATIONS: Readonly<Record<string, string>> = {
  hard_sigmoid: 'keras_hard_sigmoid',
  hard_silu: 'keras_hard_silu',
  hard_swish: 'keras_hard_silu',
  leaky_relu: 'keras_leaky_relu',
  exponential: 'keras_exponential',
};

export const KERAS_LAYERS: readonly string[] = [
  'Cropping1D',
  'GRUOnPadding',
  'GroupNormalization',
  'KerasCausalConv1D',
  'KerasGRU',
  'KerasGRUCell',
  'KerasGRUOnPadding',
  'KerasGlobalAveragePooling',
  'KerasGlobalMaxPooling',
  'KerasMaskedAveragePooling1D',
  'LSTMOnPadding',
  'MultiHeadAttention',
  'Normalization',
  'RMSNormalization',
  'RNNOnPadding',
  'SimpleRNNOnPadding',
  'Subtract',
  'UnitNormalization',
  'ZeroPadding1D',
];

const NAMES = new RegExp(`"(${[...KERAS_LAYERS, ...Object.values(KERAS_ACTIVATIONS)].join('|')})"`);

/** Whether a topology names one of them. */
export const namesKerasLayers = (topology: unknown): boolean =>
  NAMES.test(JSON.stringify(topology));
