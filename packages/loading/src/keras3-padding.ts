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
 * For each call of each layer of a graph, whether it gets a mask. Keras 3 saves that with most calls; otherwise it passes from
 * layer to layer. Layers that merge several inputs pass it on where all have one; in Keras 2, where any has one.
 */
function maskedInGraph(entries: readonly Config[], major: Major): readonly (readonly boolean[])[] {
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
  return entries.map((entry) => callsOf(entry).map((call) => gets(entry, call)));
}

/** For the one call of each layer of a sequence, whether it gets a mask. */
function maskedInSequence(entries: readonly Config[]): readonly (readonly boolean[])[] {
  let isMasked = false;
  return entries.map((entry) => {
    const own = isMasked;
    isMasked = paddingOf(entry) !== undefined || (isMasked && passesMask(entry));
    return [own];
  });
}

/**
 * What a layer does on padding: a recurrent one as `keras-layers/on-padding.ts` says, attention sees `'none'`, and a
 * pooling that is `'masked'` leaves it out. Undefined where the layer of tfjs does what Keras does.
 */
export type PaddingRule = 'none' | 'zeros' | 'repeat' | 'masked' | undefined;

function ruleFor(entry: Config, isMasked: boolean, merges: boolean): PaddingRule {
  const className = classOf(entry);
  const recurrent = recurrentIn(entry);
  if (recurrent !== null) {
    const { zero_output_for_mask: zeros, return_sequences: sequences } = configOf(recurrent);
    if (!isMasked) return 'none';
    // Keras sets the option of the layers in a Bidirectional itself.
    if (recurrent === entry ? zeros === true : sequences === true) return 'zeros';
    return merges ? 'repeat' : undefined;
  }
  if (className === 'GlobalAveragePooling1D' && isMasked) return 'masked';
  return className === 'MultiHeadAttention' && !isMasked ? 'none' : undefined;
}

interface OnPadding {
  /** For each call, whether it gets a mask. */
  readonly calls: readonly boolean[];
  readonly rule: PaddingRule;
}

/** What Keras makes of padding in each layer of a model; null where no layer marks any. */
export function paddingIn(
  className: string,
  layers: readonly Config[],
  major: Major,
): readonly OnPadding[] | null {
  if (layers.every((layer) => paddingOf(layer) === undefined)) return null;
  const masked =
    className === 'Sequential' ? maskedInSequence(layers) : maskedInGraph(layers, major);
  const merges = layers.some((layer) => MERGES.test(classOf(layer)));
  return layers.map((layer, i) => {
    const calls = masked[i] as readonly boolean[];
    return { calls, rule: ruleFor(layer, calls.includes(true), merges) };
  });
}

/** Rejects a recurrent layer that tfjs computes otherwise on padding. */
function checkRecurrent(entry: Config, recurrent: Config, calls: readonly boolean[]): void {
  if (!calls.includes(true)) return;
  const what = `layer ${preview(configOf(entry)['name'])} (${classOf(entry)})`;
  if (calls.includes(false)) {
    const advice = 'tfjs cannot tell its calls apart. Try a layer for each in Keras.';
    refuse(what, 'see padding in all of its calls, or in none', calls, advice);
  }
  const { cell } = configOf(recurrent);
  if (isObject(cell) && classOf(cell) === 'StackedRNNCells') {
    const advice = 'tfjs repeats the state of the first one there. Try a layer for each cell.';
    refuse(what, 'have one cell in a model with padding', classOf(cell), advice);
  }
}

const withOption = (entry: Config, key: string, value: unknown): Config => ({
  ...entry,
  config: { ...configOf(entry), [key]: value },
});

/** A layer with the option that says what it does on padding. */
function withRule(entry: Config, { calls, rule }: OnPadding): Config {
  const recurrent = recurrentIn(entry);
  if (recurrent !== null) checkRecurrent(entry, recurrent, calls);
  if (rule === undefined) return entry;
  if (rule === 'masked') return withOption(entry, 'masked', true);
  if (recurrent === null || recurrent === entry) return withOption(entry, 'on_padding', rule);
  const { backward_layer: backward } = configOf(entry);
  const inner = withOption(entry, 'layer', withOption(recurrent, 'on_padding', rule));
  return isObject(backward)
    ? withOption(inner, 'backward_layer', withOption(backward, 'on_padding', rule))
    : inner;
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
  const padding = paddingIn(className, layers, major);
  if (padding === null) return entries;
  return entries.map((entry) => {
    const at = layers.indexOf(entry as Config);
    return at < 0 ? entry : withRule(entry as Config, padding[at] as OnPadding);
  });
}
