/** The topology of a tfjs model in the form of Keras 3. */
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { isLayer, isModel } from '@tfjs-lrm/core/kit';
import { KERAS_ACTIVATIONS } from '../keras-layers/names.ts';
import { type PaddingRule, paddingIn } from '../keras3-padding.ts';
import { preview } from '../load-error.ts';
import { type Config, isObject } from '../saved.ts';
import { type KerasLayer, layersOf } from './kinds.ts';

/** Rejects a part of a model that Keras lacks. */
function refuse(what: string, must: string, value: unknown, advice: string): never {
  throw new RangeError(`modelToKeras: ${what} must ${must}. Received ${preview(value)}. ${advice}`);
}

/** The layers of Keras 3 that tfjs or this package has with the same meaning. */
const LAYERS: ReadonlySet<string> = new Set(
  `InputLayer Dense Activation Embedding Flatten Reshape Permute RepeatVector Masking Dropout SpatialDropout1D
   GaussianNoise GaussianDropout AlphaDropout ReLU LeakyReLU PReLU ELU Softmax Rescaling
   Add Subtract Multiply Average Maximum Minimum Concatenate Dot
   Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose SeparableConv2D DepthwiseConv2D
   Cropping1D Cropping2D UpSampling2D ZeroPadding1D ZeroPadding2D
   AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D
   GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
   BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization Normalization
   SimpleRNN LSTM GRU RNN SimpleRNNCell LSTMCell GRUCell StackedRNNCells ConvLSTM2D ConvLSTM2DCell
   Bidirectional TimeDistributed MultiHeadAttention`.split(/\s+/),
);

/** What tfjs saves of a layer and Keras does not take; initial values are those of the file. */
const DROPPED =
  /^(batch_input_shape|input_dtype|implementation|input_length|rank|use_causal_mask|on_padding)$|_initializer$/;

/** What Keras takes for an RNN; tfjs adds the options of its cell. */
const OF_RNN =
  /^(name|trainable|dtype|cell|return_sequences|return_state|go_backwards|stateful|unroll|zero_output_for_mask)$/;

const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  LeakyReLU: { alpha: 'negative_slope' },
};

const FUNCTIONS: Readonly<Record<string, string>> = {
  swish: 'silu',
  ...Object.fromEntries(
    Object.entries(KERAS_ACTIVATIONS)
      .filter(([name]) => name !== 'hard_swish')
      .map(([name, own]) => [own, name]),
  ),
};

const RECURRENT = ['RNN', 'SimpleRNN', 'GRU', 'LSTM', 'ConvLSTM2D', 'Bidirectional'];

const MODULES = [
  [/_regularizer$/, 'keras.regularizers'],
  [/_constraint$/, 'keras.constraints'],
] as const;

const isSaved = (value: unknown): value is KerasLayer =>
  isObject(value) && typeof value['class_name'] === 'string' && isObject(value['config']);

const withModule = (module: string, { class_name, config }: KerasLayer): Config => ({
  module,
  class_name,
  config,
  registered_name: null,
});

function valueFor(
  what: string,
  key: string,
  value: unknown,
  layer: layers.Layer | undefined,
): unknown {
  if (/activation$/.test(key) && typeof value === 'string') {
    if (value !== 'hard_sigmoid') return FUNCTIONS[value] ?? value;
    const advice = 'Keras 3 has another formula by that name. Train it with "sigmoid".';
    refuse(what, `have for ${key} a function of Keras 3`, value, advice);
  }
  if (!isSaved(value)) return value;
  const [, module] = MODULES.find(([pattern]) => pattern.test(key)) ?? [];
  return module === undefined ? layerOf(value, layer) : withModule(module, value);
}

const insideOf = (layer: layers.Layer | undefined, key: string): layers.Layer | undefined => {
  const inside = (layer as Record<string, unknown> | undefined)?.[key];
  return isLayer(inside) ? inside : undefined;
};

/** The class of Keras, and its options, for a layer that has another class in tfjs. */
function inKerasClass(saved: KerasLayer, layer: layers.Layer | undefined): KerasLayer {
  const { class_name: className, config } = saved;
  if (className.endsWith('OnPadding')) {
    const zeros = { zero_output_for_mask: config['on_padding'] === 'zeros' };
    const plain = {
      class_name: className.replace('OnPadding', ''),
      config: { ...config, ...zeros },
    };
    return inKerasClass(plain, layer);
  }
  if (/^KerasGRU(Cell)?$/.test(className)) {
    return { class_name: className.replace('Keras', ''), config: { ...config, reset_after: true } };
  }
  if (className === 'KerasCausalConv1D') {
    return { class_name: 'Conv1D', config: { ...config, padding: 'causal' } };
  }
  if (className === 'KerasMaskedAveragePooling1D') {
    return { class_name: 'GlobalAveragePooling1D', config };
  }
  const [, pooling] = /^Keras(Global(?:Average|Max)Pooling)$/.exec(className) ?? [];
  if (pooling !== undefined) {
    const shape = layer?.inboundNodes[0]?.inputShapes[0] as readonly unknown[] | undefined;
    const rank = (shape?.length ?? 4) - 2;
    return { class_name: `${pooling}${rank}D`, config: { ...config, keepdims: true } };
  }
  return saved;
}

/** A layer with its configuration, and with the layers in it. */
function layerOf(inTfjs: KerasLayer, layer: layers.Layer | undefined): Config {
  const saved = inKerasClass(inTfjs, layer);
  const { class_name: className, config } = saved;
  const name = config['name'];
  const what = `layer ${preview(name)} (${className})`;
  if (layersOf(saved) !== null) return modelOf(saved, layer as LayersModel | undefined);
  if (className === 'LrmMultipliers') {
    refuse(what, 'be a layer of Keras', className, 'Try foldMultipliers(model) before.');
  }
  if (!LAYERS.has(className)) {
    refuse(
      what,
      'be a layer that Keras has with the same meaning',
      className,
      'Try modelToSafetensors for its weights, and build the layer in Python.',
    );
  }
  const entries = Object.entries(config)
    .filter(([key, value]) => !DROPPED.test(key) && value !== undefined)
    .filter(([key]) => className !== 'RNN' || OF_RNN.test(key))
    .map(([key, value]) => {
      const inside =
        key === 'cells' && Array.isArray(value)
          ? value.filter(isSaved).map((cell) => layerOf(cell, undefined))
          : valueFor(what, key, value, insideOf(layer, key));
      return [RENAMED[className]?.[key] ?? key, inside];
    });
  const translated = Object.fromEntries(entries) as Config;
  if (className === 'InputLayer') translated['batch_shape'] = config['batch_input_shape'];
  return withModule('keras.layers', { class_name: className, config: translated });
}

const layerIn = (model: LayersModel | undefined, entry: KerasLayer): layers.Layer | undefined =>
  isModel(model) ? model.layers.find(({ name }) => name === entry.config['name']) : undefined;

/** What a layer of tfjs, or of this package, does on padding. */
function ruleOf({ class_name: className, config }: KerasLayer): PaddingRule {
  if (className === 'KerasMaskedAveragePooling1D') return 'masked';
  const { layer } = config;
  const own = className === 'Bidirectional' && isSaved(layer) ? layer.config : config;
  return (own['on_padding'] ?? undefined) as PaddingRule;
}

/** What a layer does by a rule. */
function deedOf({ class_name: className }: KerasLayer, rule: PaddingRule): string {
  if (rule === 'none') return 'see no padding';
  if (rule === 'zeros') return 'output zeros for padding';
  if (rule === 'masked' || className === 'MultiHeadAttention') return 'leave padding out';
  if (/Pooling/.test(className)) return 'take padding in';
  return 'repeat its last output for padding';
}

/**
 * Rejects a layer that does on padding what it does not do in Keras, where a mask passes by the rules of the newest version: a
 * model may have come from a version with others, or have been built here.
 */
function checkPadding(saved: KerasLayer, written: readonly Config[]): void {
  const entries = layersOf(saved) ?? [];
  const className = saved.class_name === 'Sequential' ? 'Sequential' : 'Functional';
  paddingIn(className, written, 3)?.forEach(({ rule }, i) => {
    const entry = entries[i] as KerasLayer;
    const [own, wanted] = [ruleOf(entry), rule].map((each) => deedOf(entry, each));
    if (own === wanted) return;
    const what = `layer ${preview(entry.config['name'])} (${entry.class_name})`;
    refuse(
      what,
      `${wanted}, as it will in Keras`,
      own,
      'Try maskZero: false, or modelToSafetensors for its weights, and build the layer in Python.',
    );
  });
}

/** A tensor: one output of one call of a layer. tfjs counts the call that created a model, Keras 3 does not. */
const historyOf = (source: readonly unknown[], models: ReadonlySet<unknown>): unknown[] => {
  const [layer, call, output] = source;
  return [layer, models.has(layer) ? (call as number) - 1 : call, output];
};

/** The shape of a tensor; Keras replaces it by that of the output of the layer. */
function shapeOf([name, , output]: readonly unknown[], model: LayersModel | undefined): unknown {
  const layer = model?.layers.find((each) => each.name === name);
  const shapes = layer?.inboundNodes[0]?.outputShapes ?? [];
  return shapes[output as number] ?? [];
}

function callOf(
  entry: KerasLayer,
  sources: readonly unknown[][],
  models: ReadonlySet<unknown>,
  model: LayersModel | undefined,
): Config {
  const { class_name: className, config } = inKerasClass(entry, undefined);
  const tensors = sources.map((source) => ({
    class_name: '__keras_tensor__',
    config: {
      shape: shapeOf(source, model),
      dtype: 'float32',
      keras_history: historyOf(source, models),
    },
  }));
  const [first, ...rest] = tensors;
  if (rest.length === 0) return { args: [first], kwargs: {} };
  if (RECURRENT.includes(className)) return { args: [first], kwargs: { initial_state: rest } };
  if (className !== 'MultiHeadAttention') return { args: [tensors], kwargs: {} };
  return { args: tensors, kwargs: { use_causal_mask: config['use_causal_mask'] === true } };
}

function graphOf(saved: KerasLayer, model: LayersModel | undefined): Config {
  const { config } = saved;
  const entries = layersOf(saved) as readonly (KerasLayer & Config)[];
  const nameOf = (entry: Config): unknown => entry['name'];
  const models = new Set(entries.filter((entry) => layersOf(entry) !== null).map(nameOf));
  const ends = (list: unknown): unknown[] =>
    (list as unknown[][]).map((source) => historyOf(source, models));
  const layers = entries.map((entry) => ({
    ...layerOf(entry, layerIn(model, entry)),
    name: entry['name'],
    inbound_nodes: (entry['inbound_nodes'] as unknown[][][]).map((call) =>
      callOf(entry, call, models, model),
    ),
  }));
  checkPadding(saved, layers);
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: {
      name: config['name'],
      trainable: config['trainable'] ?? true,
      layers,
      input_layers: ends(config['input_layers']),
      output_layers: ends(config['output_layers']),
    },
    registered_name: 'Functional',
  };
}

function sequenceOf(saved: KerasLayer, model: LayersModel | undefined): Config {
  const { config } = saved;
  const layers = (layersOf(saved) ?? []).map((entry) => layerOf(entry, layerIn(model, entry)));
  checkPadding(saved, layers);
  const [first] = layersOf(saved) ?? [];
  const shape = first?.config['batch_input_shape'];
  // Without an input, Keras builds the model with the first data.
  if (first?.class_name !== 'InputLayer' && Array.isArray(shape)) {
    const dtype = first?.config['dtype'] ?? 'float32';
    const name = `${String(config['name'])}_input`;
    layers.unshift(
      withModule('keras.layers', {
        class_name: 'InputLayer',
        config: { batch_shape: shape, dtype, name },
      }),
    );
  }
  return {
    module: 'keras',
    class_name: 'Sequential',
    config: { name: config['name'], trainable: config['trainable'] ?? true, layers },
    registered_name: null,
  };
}

const modelOf = (saved: KerasLayer, model: LayersModel | undefined): Config =>
  saved.class_name === 'Sequential' ? sequenceOf(saved, model) : graphOf(saved, model);

/**
 * A topology of tfjs, as `model.toJSON` gives it, in the form of Keras 3.
 *
 * @throws RangeError for a layer or function that Keras lacks, or has with another meaning
 */
export const toKeras = (topology: KerasLayer, model: LayersModel): KerasLayer =>
  modelOf(topology, model) as unknown as KerasLayer;
