/** Translates Keras 3 models to the form of Keras 2, which tfjs reads. */

import { KERAS_ACTIVATIONS } from './keras-layers/names.ts';
import {
  checkAttention,
  type Models,
  maskNames,
  translatedCall,
  translatedEnds,
  withoutNumbers,
} from './keras3-calls.ts';
import { checkKeras3Layer, type Major, refuse } from './keras3-layers.ts';
import { withPadding } from './keras3-padding.ts';
import { preview } from './load-error.ts';
import { type Config, isObject } from './saved.ts';

/** A layer, initializer, function or the like, as Keras saves it. */
const isSaved = (value: unknown): value is Config & { class_name: string } =>
  isObject(value) && typeof value['class_name'] === 'string' && 'config' in value;

const KEYS = ['registered_name', 'batch_shape', 'keras_history'];

/** Whether anything in a topology is in the form of Keras 3. */
export function isKeras3(topology: unknown): boolean {
  if (Array.isArray(topology)) return topology.some(isKeras3);
  if (!isObject(topology)) return false;
  return KEYS.some((key) => key in topology) || Object.values(topology).some(isKeras3);
}

/** Classes that have another name in tfjs, or that are another class there with more in its configuration. */
const RENAMED: Readonly<Record<string, readonly [className: string, config?: Config]>> = {
  OrthogonalInitializer: ['Orthogonal'],
  IdentityInitializer: ['Identity'],
  LecunNormal: ['LeCunNormal'],
  LecunUniform: ['LeCunUniform'],
  L1: ['L1L2', { l2: 0 }],
  L2: ['L1L2', { l1: 0 }],
};

const FUNCTIONS: Readonly<Record<string, string>> = { silu: 'swish' };

function activationOf(name: string, major: Major): string {
  if (major === 2 && name === 'hard_sigmoid') return name;
  const other = KERAS_ACTIVATIONS[name] ?? FUNCTIONS[name];
  return Object.hasOwn(KERAS_ACTIVATIONS, name) || Object.hasOwn(FUNCTIONS, name)
    ? (other as string)
    : name;
}

/** Layers of Keras as those of tfjs that compute the same, where options decide which. */
function inTfjsClass(className: string, saved: Config): { class_name: string; config: Config } {
  const { on_padding: rule, ...config } = saved;
  if (rule !== undefined && !/OnPadding$|^MultiHeadAttention$/.test(className)) {
    const { class_name: base } = inTfjsClass(className, config);
    return { class_name: `${base}OnPadding`, config: saved };
  }
  if (/^GRU(Cell)?$/.test(className) && config['reset_after'] === true) {
    return { class_name: `Keras${className}`, config };
  }
  if (className === 'Conv1D' && config['padding'] === 'causal') {
    return { class_name: 'KerasCausalConv1D', config };
  }
  if (className === 'GlobalAveragePooling1D' && config['masked'] === true) {
    return { class_name: 'KerasMaskedAveragePooling1D', config };
  }
  const [, kind] = /^Global(Average|Max)Pooling\dD$/.exec(className) ?? [];
  if (kind !== undefined && config['keepdims'] === true) {
    return { class_name: `KerasGlobal${kind}Pooling`, config };
  }
  return { class_name: className, config: saved };
}

/** The dtype of a policy's variables: tfjs computes everything in float32. */
const dtypeOf = (policy: string): string =>
  policy.startsWith('mixed_') ? 'float32' : policy.replace(/^u?int(8|16|32|64)$/, 'int32');

/** A value from a configuration in the form of Keras 2. */
function translated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(translated);
  if (!isSaved(value)) return value;
  const { class_name: name, config } = value;
  if (name === 'function') return config;
  if (name === 'DTypePolicy') return (config as Config | null)?.['name'];
  if (name === 'SeedGenerator') return null;
  if (name === '__tuple__' || name === '__list__') return translated(config);
  if (!isObject(config)) return value;
  const [className, more] = Object.hasOwn(RENAMED, name)
    ? (RENAMED[name] as (typeof RENAMED)[string])
    : [name];
  return { class_name: className, config: { ...translatedValues(config), ...more } };
}

const translatedValues = (config: Config): Config =>
  Object.fromEntries(Object.entries(config).map(([key, value]) => [key, translated(value)]));

/** What may differ between the two directions: names, and initial weights. */
const isOfOneDirection = (key: string): boolean =>
  /^(name|go_backwards|build_config)$|initializer$|seed/.test(key);

/** Rejects a Bidirectional whose backward layer is not the mirrored forward layer. */
function checkDirections(
  what: string,
  { layer, backward_layer: backward }: Config,
  major: Major,
): void {
  if (backward == null) return;
  const relevant = (saved: unknown): string => {
    const { class_name: className, config } = saved as Config;
    const entries = Object.entries(translatedValues(config as Config)).sort();
    return JSON.stringify([className, Object.fromEntries(entries)], (key, value: unknown) =>
      isOfOneDirection(key) ? undefined : value,
    );
  };
  const forward = relevant(translatedLayer(layer, major));
  const other = translatedLayer(backward, major);
  if (relevant(other) === forward) return;
  const advice =
    'tfjs makes it from the other one. Try a layer of each direction, and Concatenate.';
  refuse(what, 'have the same layer for both directions', other, advice);
}

/** The configuration of a layer; layers inside it are translated as layers. */
function translatedConfig(className: string, saved: Config, major: Major): Config {
  const config = Object.fromEntries(
    Object.entries(saved).map(([key, value]) => {
      if (key === 'layer' || key === 'cell') return [key, translatedLayer(value, major)];
      if (key === 'cells' && Array.isArray(value))
        return [key, value.map((cell) => translatedLayer(cell, major))];
      return [key, translated(value)];
    }),
  );
  if (typeof config['dtype'] === 'string') config['dtype'] = dtypeOf(config['dtype']);
  for (const key of ['activation', 'recurrent_activation']) {
    const name = config[key];
    if (typeof name === 'string') config[key] = activationOf(name, major);
  }
  if ('batch_shape' in config) {
    config['batch_input_shape'] = config['batch_shape'];
    delete config['batch_shape'];
  }
  if (className.startsWith('SeparableConv')) {
    // Keras 2 writes them, without a meaning, and tfjs rejects them.
    for (const key of ['initializer', 'regularizer', 'constraint']) delete config[`kernel_${key}`];
  }
  if (className === 'LeakyReLU' && 'negative_slope' in config) {
    config['alpha'] = config['negative_slope'];
  }
  if (className === 'Bidirectional') {
    // tfjs' own RNN cannot be made twice from one configuration, as Bidirectional makes its layers.
    for (const key of ['layer', 'backward_layer']) {
      const inner = config[key];
      if (isSaved(inner) && inner.class_name === 'RNN') {
        config[key] = {
          class_name: 'RNNOnPadding',
          config: { ...(inner['config'] as Config), on_padding: 'repeat' },
        };
      }
    }
    // tfjs creates the other direction itself, and writes the direction before the name.
    checkDirections(`layer ${preview(config['name'])} (Bidirectional)`, config, major);
    delete config['backward_layer'];
    const inner = (config['layer'] as { config?: Config } | null)?.config;
    if (typeof inner?.['name'] === 'string') inner['name'] = inner['name'].replace(/^forward_/, '');
  }
  return config;
}

/** A layer or model, without its calls. */
function translatedLayer(saved: unknown, major: Major): unknown {
  if (!isSaved(saved)) return saved;
  const { class_name: className, config } = saved;
  if (!isObject(config)) return saved;
  if (Array.isArray(config['layers'])) {
    return {
      class_name: className,
      config: translatedModel(className, config, config['layers'], major),
    };
  }
  const layer = inTfjsClass(className, translatedConfig(className, config, major));
  checkKeras3Layer(layer);
  if (className !== 'Identity') return layer;
  return { class_name: 'Activation', config: { ...layer.config, activation: 'linear' } };
}

const isModel = ({ config }: Config): boolean =>
  isObject(config) && Array.isArray(config['layers']);

/** A layer with an option for what Keras gives it with each call. */
function withCallOptions(entry: Config): Config {
  const { class_name: className, config, inbound_nodes: nodes } = entry;
  if (!isObject(config) || !Array.isArray(nodes)) return entry;
  const given = (key: string): unknown[] =>
    nodes.map((node) => isObject(node) && isObject(node['kwargs']) && node['kwargs'][key]);
  if (className === 'MultiHeadAttention') {
    return {
      ...entry,
      config: { ...config, use_causal_mask: given('use_causal_mask').includes(true) },
    };
  }
  return entry;
}

/** A layer of a graph with its calls. */
function withCalls(
  entry: Config,
  models: Models,
  masks: ReadonlySet<unknown>,
  major: Major,
): Config {
  const { name, inbound_nodes: nodes } = entry;
  const calls = Array.isArray(nodes)
    ? (nodes as unknown[]).map((node) =>
        isObject(node) ? translatedCall(entry, node, models, masks) : node,
      )
    : nodes;
  return {
    ...(translatedLayer(withCallOptions(entry), major) as Config),
    name,
    inbound_nodes: calls,
  };
}

function translatedModel(
  className: string,
  config: Config,
  saved: readonly unknown[],
  major: Major,
): Config {
  const entries = withPadding(className, saved, major);
  const { name, build_input_shape: shape } = config;
  const trainable = 'trainable' in config ? { trainable: config['trainable'] } : {};
  if (className === 'Sequential') {
    const layers = entries.map((entry) => translatedLayer(entry, major));
    const first = (layers[0] as { config?: Config } | undefined)?.config;
    if (isObject(first) && !('layers' in first) && Array.isArray(shape)) {
      first['batch_input_shape'] ??= shape;
    }
    return { name, ...trainable, layers };
  }
  const layers = entries.filter(isObject);
  const models = new Set(layers.filter(isModel).map((entry) => entry['name']));
  const masks = maskNames(layers);
  for (const entry of layers) checkAttention(entry, layers);
  return {
    name,
    ...trainable,
    layers: layers
      .filter((entry) => !masks.has(entry['name']))
      .map((entry) => withCalls(withoutNumbers(entry), models, masks, major)),
    input_layers: translatedEnds(config['input_layers'], models),
    output_layers: translatedEnds(config['output_layers'], models),
  };
}

/**
 * A topology of Keras in the form of Keras 2; one of tfjs as it is. Calls lose their `training` argument, and anything
 * that tfjs would interpret differently from Keras is rejected.
 *
 * @param keras the version of Keras, for a file that Keras wrote
 * @throws RangeError for a layer or a call that tfjs lacks
 */
export function fromKeras3(topology: Config, keras: string | null): Config {
  if (keras === null && !isKeras3(topology)) return topology;
  return translatedLayer(topology, keras?.startsWith('2.') ? 2 : 3) as Config;
}
