/**
 * A folded language model as a graph of TensorFlow operations, which tfjs runs alone: `tf.loadGraphModel` needs none of
 * our layers. Sequences have one length; what comes after a position does not change its logits.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

type Type = 'DT_FLOAT' | 'DT_INT32';
type Attribute =
  | { readonly type: Type }
  | { readonly b: boolean }
  | { readonly shape: { readonly dim: readonly { readonly size: string }[] } };

interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, Attribute>>;
}

/** Adds nodes to a graph; what its functions return is the name of the node that was added. */
class Graph {
  readonly nodes: GraphNode[] = [];
  readonly weights: { name: string; tensor: tf.Tensor }[] = [];

  add(op: string, input: readonly string[], attr: GraphNode['attr'] = {}, name?: string): string {
    const named = name ?? `${op}_${this.nodes.length}`;
    this.nodes.push({ name: named, op, input, attr: { T: { type: 'DT_FLOAT' }, ...attr } });
    return named;
  }

  constant(tensor: tf.Tensor, name = `Const_${this.nodes.length}`): string {
    this.weights.push({ name, tensor });
    const type = tensor.dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT';
    this.nodes.push({ name, op: 'Const', attr: { dtype: { type } } });
    return name;
  }

  integers = (values: readonly number[]): string =>
    this.constant(tf.tensor1d([...values], 'int32'));

  reshape = (x: string, shape: readonly number[]): string =>
    this.add('Reshape', [x, this.integers(shape)]);

  transpose = (x: string, order: readonly number[]): string =>
    this.add('Transpose', [x, this.integers(order)]);

  product = (a: string, b: string, isTransposed = false): string =>
    this.add('BatchMatMulV2', [a, b], { adj_x: { b: false }, adj_y: { b: isTransposed } });
}

/** What is known of the layer that is written. */
interface Context {
  readonly graph: Graph;
  readonly layer: layers.Layer;
  readonly config: Readonly<Record<string, unknown>>;
  /** Names of the nodes that it reads. */
  readonly inputs: readonly string[];
  /** Length of the sequences. */
  readonly time: number;
}

const kernelOf = ({ graph, layer }: Context): string =>
  graph.constant(
    tf.clone((layer.weights[0] as layers.Layer['weights'][number]).read()),
    layer.name,
  );

/** The width of what a layer reads or writes. */
const widthOf = (shape: unknown): number => (shape as number[]).at(-1) as number;

/** x·cos + (its partner)·sin in each rotary pair; x is [batch, heads, time, width]. */
function rotated(
  { graph, config, time }: Context,
  x: string,
  heads: number,
  width: number,
): string {
  const half = width / 2;
  const base = (config['rotaryBase'] as number | undefined) ?? 10_000;
  const angles = Array.from({ length: time * width }, (_, i) => {
    const [position, channel] = [Math.floor(i / width), i % width];
    return position * base ** (-(channel % half) / half);
  });
  const table = (value: (angle: number, channel: number) => number): string =>
    graph.constant(
      tf.tensor2d(
        angles.map((angle, i) => value(angle, i % width)),
        [time, width],
      ),
    );
  const halves = graph.reshape(x, [-1, 2, half]);
  const swapped = graph.reshape(graph.add('ReverseV2', [halves, graph.integers([1])]), [
    -1,
    heads,
    time,
    width,
  ]);
  return graph.add('AddV2', [
    graph.add('Mul', [x, table((angle) => Math.cos(angle))]),
    graph.add('Mul', [swapped, table((angle, i) => (i < half ? -1 : 1) * Math.sin(angle))]),
  ]);
}

function attention(context: Context): string | null {
  const { graph, layer, config, inputs, time } = context;
  const { heads, keyHeads = heads, rotary = 'halves', queryKeyNorm, window = time } = config;
  const isPlain =
    keyHeads === heads && rotary === 'halves' && !queryKeyNorm && (window as number) >= time;
  if (!isPlain) return null;
  const all = heads as number;
  const [query, key, value] = inputs as [string, string, string];
  const widths = (layer.input as unknown as { shape: unknown }[]).map(
    ({ shape }) => widthOf(shape) / all,
  );
  const [width, , valueWidth] = widths as [number, number, number];
  const split = (x: string, each: number): string =>
    graph.transpose(graph.reshape(x, [-1, time, all, each]), [0, 2, 1, 3]);
  const q = rotated(context, split(query, width), all, width);
  const k = rotated(context, split(key, width), all, width);
  const scale = (config['scale'] as number | undefined) ?? 1 / Math.sqrt(width);
  const scores = graph.add('Mul', [graph.product(q, k, true), graph.constant(tf.scalar(scale))]);
  const later = Array.from({ length: time * time }, (_, i) =>
    i % time > Math.floor(i / time) ? -1e9 : 0,
  );
  const mask = graph.constant(tf.tensor2d(later, [time, time]));
  const probabilities = graph.add('Softmax', [graph.add('AddV2', [scores, mask])]);
  const mixed = graph.transpose(
    graph.product(probabilities, split(value, valueWidth)),
    [0, 2, 1, 3],
  );
  return graph.reshape(mixed, [-1, time, all * valueWidth]);
}

/** How each class of layer is written; null where it cannot be. */
const WRITERS: Readonly<Record<string, (context: Context) => string | null>> = {
  Embedding: (context) => {
    const { graph, inputs } = context;
    const axis = graph.constant(tf.scalar(0, 'int32'));
    return graph.add('GatherV2', [kernelOf(context), ...inputs, axis], {
      Tparams: { type: 'DT_FLOAT' },
    });
  },
  Dense: (context) => {
    const { graph, layer, config, inputs, time } = context;
    if (config['useBias'] !== false || config['activation'] !== 'linear') return null;
    const flat = graph.reshape(inputs[0] as string, [
      -1,
      widthOf((layer.input as { shape: unknown }).shape),
    ]);
    const product = graph.add('MatMul', [flat, kernelOf(context)], {
      transpose_a: { b: false },
      transpose_b: { b: false },
    });
    return graph.reshape(product, [-1, time, widthOf((layer.output as { shape: unknown }).shape)]);
  },
  LrmRmsNorm: (context) => {
    const { graph, config, inputs } = context;
    const { groups = 1, gain = true, epsilon = 1e-6 } = config;
    if (groups !== 1 || gain !== true) return null;
    const [x] = inputs as [string];
    const mean = graph.add('Mean', [graph.add('Square', [x]), graph.integers([-1])], {
      keep_dims: { b: true },
    });
    const shifted = graph.add('AddV2', [mean, graph.constant(tf.scalar(epsilon as number))]);
    const unit = graph.add('Mul', [x, graph.add('Rsqrt', [shifted])]);
    return graph.add('Mul', [unit, kernelOf(context)]);
  },
  LrmCausalSelfAttention: attention,
  LrmGatedProduct: ({ graph, config, inputs }) => {
    const { activation = 'silu' } = config;
    if (activation !== 'silu') return null;
    const [gate, up] = inputs as [string, string];
    return graph.add('Mul', [graph.add('Mul', [gate, graph.add('Sigmoid', [gate])]), up]);
  },
  Add: ({ graph, inputs }) => inputs.reduce((a, b) => graph.add('AddV2', [a, b])),
};

/** The names of the layers that a layer reads. */
function readBy(layer: layers.Layer): string[] {
  const { inboundNodes } = layer as unknown as {
    inboundNodes: readonly { inboundLayers: readonly layers.Layer[] }[];
  };
  return inboundNodes[0]?.inboundLayers.map(({ name }) => name) ?? [];
}

/** @returns false where a layer cannot be written */
function write(graph: Graph, model: LayersModel, time: number): boolean {
  const written = new Map<string, string>();
  for (const layer of model.layers) {
    if (layer.getClassName() === 'InputLayer') {
      const shape = { dim: [{ size: '-1' }, { size: String(time) }] };
      const attr = { dtype: { type: 'DT_INT32' }, shape: { shape } } as const;
      graph.nodes.push({ name: layer.name, op: 'Placeholder', attr });
      written.set(layer.name, layer.name);
      continue;
    }
    const inputs = readBy(layer).map((name) => written.get(name) as string);
    const config = layer.getConfig() as Context['config'];
    const name = WRITERS[layer.getClassName()]?.({ graph, layer, config, inputs, time }) ?? null;
    if (name === null) return false;
    written.set(layer.name, name);
  }
  graph.add(
    'Identity',
    [written.get((model.layers.at(-1) as layers.Layer).name) as string],
    {},
    'logits',
  );
  return true;
}

/**
 * The graph of a folded language model, to be saved or loaded as any graph model.
 *
 * @param time the length of the sequences that it reads
 * @returns null for a model with layers that are not known here, such as Mamba2
 * @example
 * const artifacts = await graphModel(foldMultipliers(model), 64, { vocabulary });
 */
export async function graphModel(
  model: LayersModel,
  time: number,
  userDefinedMetadata: Readonly<Record<string, object | string | number>>,
): Promise<tf.io.ModelArtifacts | null> {
  const graph = new Graph();
  try {
    if (!write(graph, model, time)) return null;
    const { data, specs } = await tf.io.encodeWeights(graph.weights);
    return {
      format: 'graph-model',
      generatedBy: 'tfjs-lrm',
      convertedBy: null as never,
      modelTopology: { node: graph.nodes, versions: { producer: 440 } },
      userDefinedMetadata: { ...userDefinedMetadata },
      weightSpecs: specs,
      weightData: data,
    };
  } finally {
    for (const { tensor } of graph.weights) tensor.dispose();
  }
}
