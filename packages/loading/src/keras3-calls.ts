/** The calls in a Keras 3 graph, in the form that tfjs reads. */
import { refuse } from './keras3-layers.ts';
import { type Config, isObject } from './saved.ts';

/** One output of one call of a layer, in the form of tfjs. */
type Source = [layer: unknown, call: unknown, output: unknown, kwargs: Config];

/** Models by name: tfjs counts the call that created a model, Keras 3 does not. */
export type Models = ReadonlySet<unknown>;

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The tensors in an argument of a call, as [layer, call, output], in their order. */
export function tensorsIn(value: unknown): (readonly unknown[])[] {
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (!isObject(value) || !isObject(value['config'])) return [];
  const history = value['config']['keras_history'];
  return Array.isArray(history) ? [history] : [];
}

const callAt = (layer: unknown, call: unknown, models: Models): unknown =>
  typeof call === 'number' && models.has(layer) ? call + 1 : call;

/** The arguments of the first call of a layer. */
function firstArguments({ inbound_nodes: nodes }: Config): readonly unknown[] {
  const [node] = asList(nodes);
  return isObject(node) ? asList(node['args']) : [];
}

/** The value that a layer treats as padding, if any. */
export function paddingOf({ class_name: className, config }: Config): unknown {
  if (!isObject(config)) return undefined;
  if (className === 'Embedding') return config['mask_zero'] === true ? 0 : undefined;
  return className === 'Masking' ? config['mask_value'] : undefined;
}

/**
 * The names of the layers that only compute the mask of an Embedding or Masking. Keras saves `input != 0` as a layer
 * and passes its output to the following layers as `mask`; in tfjs masks pass from layer to layer by themselves.
 */
export function maskNames(entries: readonly Config[]): ReadonlySet<unknown> {
  const inputOf = (entry: Config): string => JSON.stringify(tensorsIn(firstArguments(entry)));
  const padding = new Map(
    entries
      .map((entry) => [inputOf(entry), paddingOf(entry)] as const)
      .filter(([, value]) => value !== undefined),
  );
  // By name, the inputs whose padding they mark.
  const names = new Map<unknown, string>();
  for (const entry of entries) {
    const args = firstArguments(entry);
    const own = inputOf(entry);
    const roots = tensorsIn(args).map(([layer]) => names.get(layer));
    const [root] = roots;
    const isMask = entry['class_name'] === 'NotEqual' && args[1] === (padding.get(own) ?? NaN);
    // Two masks of the same padding are one: tfjs joins others by another rule.
    const isOfMask =
      /^(Any|LogicalOr|LogicalAnd)$/.test(String(entry['class_name'])) &&
      root !== undefined &&
      roots.every((each) => each === root);
    if (isMask) names.set(entry['name'], own);
    else if (isOfMask) names.set(entry['name'], root);
  }
  return new Set(names.keys());
}

/** Rejects attention from one sequence to another one with padding: tfjs hands a layer the first mask alone. */
export function checkAttention(entry: Config, entries: readonly Config[]): void {
  if (entry['class_name'] !== 'MultiHeadAttention') return;
  const [query, ...others] = tensorsIn(firstArguments(entry)).map((tensor) =>
    JSON.stringify(tensor),
  );
  const isPadded = entries.some((each) => paddingOf(each) !== undefined);
  if (!isPadded || others.every((each) => each === query)) return;
  const what = `layer ${JSON.stringify(entry['name'])} (MultiHeadAttention)`;
  const advice = 'tfjs would see its padding. Set mask_zero=False in Keras.';
  refuse(what, 'attend to its own sequence in a model with padding', firstArguments(entry), advice);
}

/** What an operation of a tensor and a number does, as scale · x + offset; null for others. */
function rescalingOf(className: unknown, [a, b]: readonly unknown[]): Config | null {
  const isFirst = typeof b === 'number';
  const value = (isFirst ? b : a) as number;
  if (className === 'Add') return { scale: 1, offset: value };
  if (className === 'Multiply') return { scale: value, offset: 0 };
  if (className === 'Subtract') {
    return isFirst ? { scale: 1, offset: -value } : { scale: -1, offset: value };
  }
  const isQuotient = className === 'Divide' || className === 'TrueDivide';
  return isQuotient && isFirst ? { scale: 1 / value, offset: 0 } : null;
}

/** An operation of a tensor and a number, such as `x + 3`, as a Rescaling layer; any other entry as it is. */
export function withoutNumbers(entry: Config): Config {
  const nodes = asList(entry['inbound_nodes']);
  const [node] = nodes;
  if (nodes.length !== 1 || !isObject(node)) return entry;
  const args = asList(node['args']);
  const tensors = args.filter((arg) => tensorsIn(arg).length === 1);
  const numbers = args.filter((arg) => typeof arg === 'number');
  if (args.length !== 2 || tensors.length !== 1 || numbers.length !== 1) return entry;
  const options = rescalingOf(entry['class_name'], args);
  if (options === null) return entry;
  return {
    ...entry,
    class_name: 'Rescaling',
    config: { name: entry['name'], ...options },
    inbound_nodes: [{ args: tensors, kwargs: {} }],
  };
}

/** Merging layers, which Keras also saves for `x + y`, with an argument for each side. */
const MERGES = ['Add', 'Subtract', 'Multiply', 'Maximum', 'Minimum'];
const RECURRENT = ['RNN', 'SimpleRNN', 'GRU', 'LSTM', 'Bidirectional'];

/** Rejects a convolutional recurrent layer that outputs zeros for padding: tfjs repeats the previous output instead. */
function checkMasked(className: unknown, what: string, config: unknown): void {
  if (RECURRENT.includes(className as string) || !isObject(config)) return;
  if (config['zero_output_for_mask'] !== true) return;
  const advice = 'tfjs repeats the last output there. Try it without the mask.';
  refuse(what, 'not give zeros where its input is padding', config['zero_output_for_mask'], advice);
}

const areMasks = (value: unknown, masks: ReadonlySet<unknown>): boolean =>
  tensorsIn(value).every(([layer]) => masks.has(layer));

/** The arguments of a call by position, those of a recurrent layer with its initial state. */
function argumentsOf(
  { class_name: className, config }: Config,
  what: string,
  node: Config,
  masks: ReadonlySet<unknown>,
): unknown[] {
  const args = [...asList(node['args'])];
  const kwargs = isObject(node['kwargs']) ? node['kwargs'] : {};
  for (const [key, value] of Object.entries(kwargs)) {
    // Whether a model trains is decided when it is called.
    if (value === null || key === 'training') continue;
    if (className === 'MultiHeadAttention') {
      // Padding passes by itself, and the option has become one of the layer.
      if (key === 'use_causal_mask') continue;
      if (/^(query|value|key)_mask$/.test(key) && areMasks(value, masks)) continue;
      if (key === 'value' || key === 'key') {
        args.push(value);
        continue;
      }
    }
    if (key === 'mask' && areMasks(value, masks)) {
      checkMasked(className, what, config);
      continue;
    }
    if (key === 'initial_state' && RECURRENT.includes(className as string)) args.push(value);
    else if (key === 'inputs' || key === 'sequences') args.unshift(value);
    else refuse(what, `be called without "${key}"`, value, 'Give the layer its inputs alone.');
  }
  return args;
}

/**
 * A call in the form of Keras 2: the list of its inputs.
 *
 * @param masks the layers that only compute masks
 * @throws RangeError for arguments that tfjs cannot represent
 */
export function translatedCall(
  entry: Config,
  node: Config,
  models: Models,
  masks: ReadonlySet<unknown>,
): Source[] {
  const className = String(entry['class_name']);
  const what = `layer ${JSON.stringify(entry['name'])} (${className})`;
  const args = argumentsOf(entry, what, node, masks);
  const isOfTensors = args.flat().every((value) => tensorsIn(value).length === 1);
  const most = MERGES.includes(className)
    ? 2
    : [...RECURRENT, 'MultiHeadAttention'].includes(className)
      ? 3
      : 1;
  if (args.length > most || !isOfTensors) {
    const advice = 'Use layers in place of operations, such as Add, Rescaling or Reshape.';
    refuse(what, 'take a tensor or a list of tensors, and nothing else', node['args'], advice);
  }
  return tensorsIn(args).map(([layer, call, output]) => [
    layer,
    callAt(layer, call, models),
    output,
    {},
  ]);
}

/** Inputs or outputs as a list; Keras 3 saves them as one [layer, call, output], a list, or a dictionary. */
export function translatedEnds(ends: unknown, models: Models): unknown {
  if (isObject(ends)) return translatedEnds(Object.values(ends), models);
  if (!Array.isArray(ends)) return ends;
  if (typeof ends[0] !== 'string') return ends.flatMap((end) => translatedEnds(end, models));
  const [layer, call, output] = ends as unknown[];
  return [[layer, callAt(layer, call, models), output]];
}
