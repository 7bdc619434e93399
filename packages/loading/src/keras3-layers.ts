/** Keras 3 layers that tfjs lacks, or would silently interpret differently. */
import { registeredClass } from './internals.ts';
import { preview } from './load-error.ts';
import { type Config, isObject } from './saved.ts';

/** Which Keras wrote a topology: `hard_sigmoid` has another formula in Keras 2, which is that of tfjs. */
export type Major = 2 | 3;

/** Rejects a layer or one of its calls. */
export function refuse(what: string, must: string, value: unknown, advice: string): never {
  throw new RangeError(`loadModel: ${what} must ${must}. Received ${preview(value)}. ${advice}`);
}

const OWN =
  'Register a layer of that class with tf.serialization.registerClass before loading, or replace it in Keras.';
const BEFORE = 'Cut it off in Keras, and do its work on the data before the model.';

/** What to do about layers that tfjs lacks. */
const MISSING: Readonly<Record<string, string>> = {
  DepthwiseConv1D: 'Try Reshape and DepthwiseConv2D in Keras.',
  StringLookup: BEFORE,
  IntegerLookup: BEFORE,
  TextVectorization: BEFORE,
  Hashing: BEFORE,
  Discretization: BEFORE,
  Resizing: BEFORE,
  CenterCrop: BEFORE,
  CategoryEncoding: BEFORE,
};

/** Options of layers that tfjs has, but with a different meaning than in Keras 3. */
const DIFFERENT = ['Resizing', 'CenterCrop', 'CategoryEncoding'];

interface Limit {
  /** The classes that have the option. */
  readonly of: RegExp;
  readonly key: string;
  /** Whether tfjs computes the same with this value. */
  readonly isSame: (value: unknown) => boolean;
  readonly must: string;
  readonly advice: string;
}

const isOff = (value: unknown): boolean => value == null || value === false || value === 0;

const LIMITS: readonly Limit[] = [
  {
    of: /Conv/,
    key: 'groups',
    isSame: (value) => value == null || value === 1,
    must: 'have one group',
    advice: 'Try DepthwiseConv2D, or a convolution for each part of the channels.',
  },
  {
    of: /^Conv\dDTranspose$/,
    key: 'output_padding',
    isSame: isOff,
    must: 'have no output_padding',
    advice: 'Try ZeroPadding2D after it.',
  },
  {
    of: /^UpSampling/,
    key: 'interpolation',
    isSame: (value) => value == null || value === 'nearest',
    must: 'interpolate with "nearest"',
    advice: 'tfjs takes other points for the rest. Try Conv2DTranspose.',
  },
  {
    of: /^ReLU$/,
    key: 'negative_slope',
    isSame: isOff,
    must: 'have no negative_slope',
    advice: 'Try LeakyReLU.',
  },
  {
    of: /^ReLU$/,
    key: 'threshold',
    isSame: isOff,
    must: 'have no threshold',
    advice: 'Try a bias in the layer before it.',
  },
  ...['dropout', 'recurrent_dropout'].map((key) => ({
    of: /^KerasGRU/,
    key,
    isSame: isOff,
    must: `have no ${key} with reset_after`,
    advice: 'Set it to 0 in Keras before saving; predictions stay as they are.',
  })),
  ...['kernel', 'recurrent', 'bias', 'gamma', 'beta', 'activity'].flatMap((weight) =>
    ['regularizer', 'constraint'].map((kind) => ({
      of: /^(MultiHeadAttention|KerasGRU.*|(Group|RMS)Normalization)$/,
      key: `${weight}_${kind}`,
      isSame: isOff,
      must: `have no ${weight}_${kind} here`,
      advice: 'Set it to None in Keras before saving; predictions stay as they are.',
    })),
  ),
  {
    of: /^MultiHeadAttention$/,
    key: 'attention_axes',
    isSame: (value) => value == null || String(value) === '1',
    must: 'attend along the second axis',
    advice: 'Try Reshape or Permute around it.',
  },
  {
    of: /^BatchNormalization$/,
    key: 'renorm',
    isSame: isOff,
    must: 'have renorm=False',
    advice: 'Set it to False in Keras before saving; predictions stay as they are.',
  },
  {
    of: /^LayerNormalization$/,
    key: 'rms_scaling',
    isSame: isOff,
    must: 'have rms_scaling=False',
    advice: 'Try rmsNorm of @tfjs-lrm/layers.',
  },
  {
    of: /./,
    key: 'quantization_config',
    isSame: isOff,
    must: 'be without quantization',
    advice: 'Save the model before it is quantized.',
  },
  {
    of: /^InputLayer$/,
    key: 'ragged',
    isSame: isOff,
    must: 'not be ragged',
    advice: 'Try padding and Masking.',
  },
  {
    of: /./,
    key: 'dtype',
    isSame: (value) => value == null || ['float32', 'int32', 'bool'].includes(value as string),
    must: 'be of float32, int32 or bool',
    advice: 'Set the policy "float32" in Keras, and save again.',
  },
];

/** Cells inside a layer are checked like layers. */
function checkCells({ cell }: Config): void {
  if (isObject(cell) && typeof cell['class_name'] === 'string' && isObject(cell['config'])) {
    checkKeras3Layer({ class_name: cell['class_name'], config: cell['config'] });
  }
}

/**
 * Rejects a layer that tfjs lacks, or for which it would compute something else.
 *
 * @param layer in the form of Keras 2
 * @throws RangeError naming the layer and saying what to do
 */
export function checkKeras3Layer(layer: {
  readonly class_name: string;
  readonly config: Config;
}): void {
  const { class_name: className, config } = layer;
  const what = `layer ${preview(config['name'])} (${className})`;
  if (className === 'Identity') return;
  if (/^RNN(OnPadding)?$/.test(className)) checkCells(config);
  if (registeredClass(className) === undefined || DIFFERENT.includes(className)) {
    const advice = Object.hasOwn(MISSING, className) ? (MISSING[className] as string) : OWN;
    refuse(what, 'be of a class that tfjs has', className, advice);
  }
  for (const { of, key, isSame, must, advice } of LIMITS) {
    if (of.test(className) && !isSame(config[key])) refuse(what, must, config[key], advice);
  }
  for (const key of ['activation', 'recurrent_activation']) {
    const value = config[key];
    if (typeof value === 'object' && value !== null) {
      refuse(
        what,
        `have for ${key} the name of a function`,
        value,
        'Try that layer after it, with "linear".',
      );
    }
  }
}
