/** Checks the calls in a saved graph before tfjs makes them. */
import { preview } from './load-error.ts';
import type { Config } from './saved.ts';

/** One output of one call of a layer: [layer, call, output]. */
type Source = readonly [layer: string, call: number, output: number, ...unknown[]];
type Call = readonly Source[];

interface Node {
  readonly name: string;
  readonly inboundNodes: readonly Call[];
  /** True for inputs and models, which have a call of their own before any in the graph. */
  readonly isCalled: boolean;
}

const isIndex = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;

function checkSources(what: string, sources: unknown): asserts sources is Call {
  const isSource = (source: unknown): boolean =>
    Array.isArray(source) &&
    typeof source[0] === 'string' &&
    isIndex(source[1]) &&
    isIndex(source[2]);
  if (Array.isArray(sources) && sources.every(isSource)) return;
  throw new TypeError(
    `loadModel: ${what} must be a list of [layer, call, output]. Received ${preview(sources)}. For a model of Keras 3, save it with tf-keras and convert it with tensorflowjs_converter.`,
  );
}

/** Why a call can never be made: the first of its inputs that never exists. */
function missingInput(call: Call, calls: ReadonlyMap<string, readonly Call[]>): string {
  const [from, at] = call.find(
    ([layer, index]) => (calls.get(layer)?.length ?? 0) <= index,
  ) as Source;
  if (!calls.has(from))
    return `takes an output of layer ${preview(from)}, which is not in the file`;
  return `takes the output of call ${at} of layer "${from}", which is never made: it does not exist, or the two wait for each other`;
}

/**
 * The calls of a graph by layer, in the order in which tfjs makes them: each round makes those whose inputs exist.
 * Where an input never exists, tfjs itself loops forever.
 *
 * @throws RangeError for a call whose input never exists
 */
function callsByLayer(nodes: readonly Node[]): ReadonlyMap<string, readonly Call[]> {
  const calls = new Map<string, Call[]>();
  for (const { name, isCalled } of nodes) calls.set(name, isCalled ? [[]] : []);
  let waiting = nodes.flatMap(({ name, inboundNodes }) =>
    inboundNodes.map((call) => ({ name, call })),
  );
  while (waiting.length > 0) {
    const remaining = waiting.filter(({ name, call }) => {
      if (call.some(([from, at]) => (calls.get(from)?.length ?? 0) <= at)) return true;
      // tfjs makes no call without inputs.
      if (call.length > 0) calls.get(name)?.push(call);
      return false;
    });
    const [stuck] = remaining;
    if (stuck !== undefined && remaining.length === waiting.length) {
      throw new RangeError(
        `loadModel: layer "${stuck.name}" ${missingInput(stuck.call, calls)}. Compare its inbound_nodes, and the names of the layers, with the file as it was saved.`,
      );
    }
    waiting = remaining;
  }
  return calls;
}

/** The names of the layers that lead to the given calls. */
function layersBefore(
  calls: ReadonlyMap<string, readonly Call[]>,
  ends: Call,
): ReadonlySet<string> {
  const seen = new Set<Call>();
  const names = new Set<string>();
  const open = [...ends];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [name, at] = next;
    const call = calls.get(name)?.[at] as Call;
    names.add(name);
    if (!seen.has(call)) open.push(...call);
    seen.add(call);
  }
  return names;
}

/**
 * Checks that each call of a saved graph gets its inputs, that inputs and outputs exist, and that each layer leads to
 * an output: the weights of a layer that does not would belong to no model.
 *
 * @param what the model, in words
 * @param isCalled whether a layer has a call of its own before any in the graph
 * @throws TypeError, RangeError
 */
export function checkCalls(
  what: string,
  config: Config,
  isCalled: (entry: Config) => boolean,
): void {
  const nodes = (config['layers'] as Config[]).map((entry): Node => {
    const { name, inboundNodes } = entry as { name: string; inboundNodes: unknown };
    if (!Array.isArray(inboundNodes)) {
      throw new TypeError(
        `loadModel: layer "${name}" must have a list of inbound_nodes. Received ${preview(inboundNodes)}. Try [] for an input.`,
      );
    }
    for (const call of inboundNodes) checkSources(`an inbound node of layer "${name}"`, call);
    return { name, inboundNodes, isCalled: isCalled(entry) };
  });
  const { inputLayers, outputLayers } = config;
  checkSources(`input_layers of ${what}`, inputLayers);
  checkSources(`output_layers of ${what}`, outputLayers);
  if (outputLayers.length === 0) {
    throw new RangeError(`loadModel: ${what} must have an output. Received no output_layers.`);
  }
  const calls = callsByLayer(nodes);
  for (const [name, at] of [...inputLayers, ...outputLayers]) {
    if ((calls.get(name)?.length ?? 0) > at) continue;
    throw new RangeError(
      `loadModel: the inputs and outputs of ${what} must be calls of its layers. Received call ${at} of layer ${preview(name)}, which is not in the file. Compare input_layers and output_layers with the file as it was saved.`,
    );
  }
  // An input may be unused.
  const names = layersBefore(calls, [...inputLayers, ...outputLayers]);
  const unused = nodes.find(({ name }) => !names.has(name));
  if (unused !== undefined) {
    throw new RangeError(
      `loadModel: layer "${unused.name}" of ${what} must lead to an output. Nothing takes what it gives. Compare inbound_nodes and output_layers with the file as it was saved.`,
    );
  }
}
