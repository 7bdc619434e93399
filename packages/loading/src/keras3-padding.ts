/** What layers of Keras do where their input is padding, and tfjs does otherwise. */
import { paddingOf, tensorsIn } from './keras3-calls.ts';
import { type Major, refuse } from './keras3-layers.ts';
import { preview } from './load-error.ts';
import { type Config, isObject } from './saved.ts';

const RECURRENT = /^(LSTM|GRU|SimpleRNN|RNN)$/;
const MERGES = /^(Add|Subtract|Multiply|Average|Maximum|Minimum|Concatenate|Dot)$/;
const MASKS = ['mask', 'query_mask', 'value_mask', 'key_mask'];

/** Layers whose output has no mask, whatever their input has. */
const ENDS = /^(Flatten|Reshape|RepeatVector|Permute|Conv\dD.*|.*Pooling\dD)$/;

const classOf = (entry: Config): string => String(entry['class_name']);
const configOf = ({ config }: Config): Config => (isObject(config) ? config : {});

/** A recurrent layer, or that inside a Bidirectional. */
function recurrentIn(entry: Config): Config | null {
  if (RECURRENT.test(classOf(entry))) return entry;
  const { layer } = configOf(entry);
  const isBidirectional = classOf(entry) === 'Bidirectional' && isObject(layer);
  return isBidirectional && RECURRENT.test(classOf(layer)) ? layer : null;
}

/** The names of the layers whose outputs a call reads, first of all, in the form of Keras 3 or 2. */
function sourcesOf(call: unknown): readonly unknown[] {
  if (isObject(call)) return tensorsIn(call['args']).map(([layer]) => layer);
  return Array.isArray(call) ? (call as unknown[]).map((source) => [source].flat()[0]) : [];
}

/** Whether the output of a layer has a mask, if its input has one. */
function passesMask(entry: Config): boolean {
  const recurrent = recurrentIn(entry);
  if (recurrent !== null) return configOf(recurrent)['return_sequences'] === true;
  return !ENDS.test(classOf(entry));
}

/**
 * For each layer of a graph, whether it gets a mask. Keras 3 saves that with most calls; otherwise it passes from layer to
 * layer. Layers that merge several inputs pass it on where all have one; in Keras 2, where any has one.
 */
function maskedInGraph(entries: readonly Config[], major: Major): readonly boolean[] {
  const masked = new Set<unknown>();
  const gets = (entry: Config, call: unknown): boolean => {
    const kwargs = isObject(call) && isObject(call['kwargs']) ? call['kwargs'] : {};
    if (MASKS.some((key) => key in kwargs)) return MASKS.some((key) => kwargs[key] != null);
    const sources = sourcesOf(call).map((name) => masked.has(name));
    return MERGES.test(classOf(entry)) && major === 3
      ? sources.length > 0 && sources.every(Boolean)
      : sources.some(Boolean);
  };
  const callsOf = ({ inbound_nodes: calls }: Config): readonly unknown[] =>
    Array.isArray(calls) ? calls : [];
  // Layers need not be in the order of their calls.
  for (let size = -1; size < masked.size; ) {
    size = masked.size;
    for (const entry of entries) {
      const isMasked = callsOf(entry).some((call) => gets(entry, call));
      if (paddingOf(entry) !== undefined || (isMasked && passesMask(entry))) {
        masked.add(entry['name']);
      }
    }
  }
  return entries.map((entry) => {
    const calls = callsOf(entry).map((call) => gets(entry, call));
    const isMasked = calls.includes(true);
    if (isMasked && calls.includes(false) && recurrentIn(entry) !== null) {
      const what = `layer ${preview(configOf(entry)['name'])} (${classOf(entry)})`;
      const advice = 'tfjs cannot tell its calls apart. Try a layer for each in Keras.';
      refuse(what, 'see padding in all of its calls, or in none', calls, advice);
    }
    return isMasked;
  });
}

/** For each layer of a sequence, whether it gets a mask. */
function maskedInSequence(entries: readonly Config[]): readonly boolean[] {
  let isMasked = false;
  return entries.map((entry) => {
    const own = isMasked;
    isMasked = paddingOf(entry) !== undefined || (isMasked && passesMask(entry));
    return own;
  });
}

const withOption = (entry: Config, key: string, value: unknown): Config => ({
  ...entry,
  config: { ...configOf(entry), [key]: value },
});

/** A recurrent layer with the option of `keras-layers/on-padding.ts` that it needs, if any. */
function recurrentOnPadding(
  entry: Config,
  recurrent: Config,
  masked: boolean,
  merges: boolean,
): Config {
  const { zero_output_for_mask: zeros, cell } = configOf(recurrent);
  if (masked && isObject(cell) && classOf(cell) === 'StackedRNNCells') {
    const what = `layer ${preview(configOf(entry)['name'])} (${classOf(entry)})`;
    const advice = 'tfjs repeats the state of the first one there. Try a layer for each cell.';
    refuse(what, 'have one cell in a model with padding', classOf(cell), advice);
  }
  const rule = !masked ? 'none' : zeros === true ? 'zeros' : merges ? 'repeat' : null;
  if (rule === null) return entry;
  if (recurrent === entry) return withOption(entry, 'on_padding', rule);
  const { layer, backward_layer: backward } = configOf(entry);
  const both = isObject(backward)
    ? { backward_layer: withOption(backward, 'on_padding', rule) }
    : {};
  return {
    ...entry,
    config: { ...configOf(entry), layer: withOption(layer as Config, 'on_padding', rule), ...both },
  };
}

function onPadding(entry: Config, masked: boolean, merges: boolean): Config {
  const recurrent = recurrentIn(entry);
  if (recurrent !== null) return recurrentOnPadding(entry, recurrent, masked, merges);
  const className = classOf(entry);
  if (className === 'GlobalAveragePooling1D' && masked) {
    return withOption(entry, 'masked', true);
  }
  if (className === 'MultiHeadAttention' && !masked) {
    return withOption(entry, 'on_padding', 'none');
  }
  return entry;
}

/**
 * The layers of a model with what they do on padding, where a layer of the model marks it.
 *
 * @throws RangeError for a layer that tfjs computes otherwise there
 */
export function withPadding(
  className: string,
  entries: readonly unknown[],
  major: Major,
): readonly unknown[] {
  const layers = entries.filter(isObject);
  if (layers.every((layer) => paddingOf(layer) === undefined)) return entries;
  const masked =
    className === 'Sequential' ? maskedInSequence(layers) : maskedInGraph(layers, major);
  const merges = layers.some((layer) => MERGES.test(classOf(layer)));
  return entries.map((entry) => {
    const at = layers.indexOf(entry as Config);
    return at < 0 ? entry : onPadding(entry as Config, masked[at] as boolean, merges);
  });
}
