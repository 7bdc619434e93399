import type { LayersModel, LayerVariable, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { show } from '@tfjs-lrm/core/kit';
import { Builder } from './builder.ts';
import type { Operation, Wire } from './circuit.ts';
import { lower } from './layer-algebra.ts';

interface GraphNode {
  readonly inputTensors: readonly SymbolicTensor[];
  readonly outputTensors: readonly SymbolicTensor[];
}

/** What a model computes, in the order in which its outputs need it. */
export interface Circuit {
  readonly operations: readonly Operation[];
  /** The plain layer that holds each weight, and the one that stands for it in its model. */
  readonly owners: ReadonlyMap<LayerVariable, { layer: layers.Layer; placed: layers.Layer }>;
}

const isModel = (layer: layers.Layer): layer is LayersModel =>
  'layers' in layer && 'predict' in layer;

const widthOf = ({ shape }: SymbolicTensor): number => shape.at(-1) ?? 0;

/** The layer inside a wrapper of one layer, or null: with multipliers, or over time. */
function insideOf(layer: layers.Layer): layers.Layer | null {
  const { layer: inside } = layer as { layer?: layers.Layer };
  return inside !== undefined &&
    ('effective' in layer || layer.getClassName() === 'TimeDistributed')
    ? inside
    : null;
}

/** Emits the factors of a layer with multipliers, found by their names: `<kernel>/row_multiplier`. */
function factors(layer: layers.Layer, inside: layers.Layer, to: Builder): void {
  const own = layer.weights.filter((weight) => !inside.weights.includes(weight));
  for (const factor of own) {
    const [, path, which] =
      /([^/]+(?:\/[^/]+)*)\/(row|column|scalar)_multiplier$/.exec(factor.originalName) ?? [];
    if (path === undefined) continue;
    const kernel = inside.weights
      .filter(
        ({ originalName }) =>
          path === originalName || path.endsWith(`/${originalName.split('/').at(-1)}`),
      )
      .sort((a, b) => common(b.originalName, path) - common(a.originalName, path))[0];
    if (kernel === undefined) continue;
    const rank = kernel.shape.length;
    const isTransposed = /^Conv\dDTranspose$/.test(inside.getClassName());
    const axes = {
      row: factor.shape.length === 2 ? [rank - 2, rank - 1] : [isTransposed ? rank - 2 : rank - 1],
      column: [isTransposed ? rank - 1 : rank - 2],
      scalar: [],
    }[which as 'row' | 'column' | 'scalar'];
    to.operations.push({ type: 'factor', factor, kernel, axes });
  }
}

/** The number of characters that two names end with in common. */
function common(a: string, b: string): number {
  let count = 0;
  while (count < a.length && a.at(-1 - count) === b.at(-1 - count)) count += 1;
  return count;
}

/**
 * The operations between the wires of a model, walked from its outputs back to its inputs, through nested
 * models and wrapped layers. Inputs and outputs are fixed.
 *
 * @throws TypeError for something that is no model, or one without layers
 */
export function walk(where: string, model: LayersModel): Circuit {
  if (typeof model !== 'object' || model === null || !('layers' in model)) {
    throw new TypeError(
      `${where}: the target must be a tf.LayersModel. Received ${show(model)}. Try ${where}(tf.sequential({ layers })).`,
    );
  }
  if ((model.outputs as unknown) === undefined || model.outputs.length === 0) {
    throw new TypeError(
      `${where}: model "${model.name}" has no layers yet. Add its layers, or build it, first.`,
    );
  }
  const to = new Builder();
  const owners = new Map<LayerVariable, { layer: layers.Layer; placed: layers.Layer }>();
  const wrapped = new Set<layers.Layer>();

  const apply = (
    layer: layers.Layer,
    inputs: readonly Wire[],
    size: number,
    placed: layers.Layer,
  ): Wire => {
    const inside = insideOf(layer);
    if (inside !== null) {
      if ('effective' in layer && !wrapped.has(layer)) factors(layer, inside, to);
      wrapped.add(layer);
      return apply(inside, inputs, size, placed);
    }
    for (const weight of layer.weights) owners.set(weight, { layer, placed });
    return lower(layer, inputs, to, size);
  };

  const run = (inner: LayersModel, inputs: readonly Wire[] | null): Wire[] => {
    const wires = new Map<SymbolicTensor, Wire>();
    inner.inputs.forEach((tensor, at) => {
      wires.set(tensor, inputs?.[at] ?? { size: widthOf(tensor) });
    });
    const wireOf = (tensor: SymbolicTensor): Wire => {
      const known = wires.get(tensor);
      if (known !== undefined) return known;
      const layer = tensor.sourceLayer;
      const node = layer.inboundNodes[tensor.nodeIndex] as unknown as GraphNode;
      const given = node.inputTensors.map(wireOf);
      if (isModel(layer)) {
        const outputs = run(layer, given);
        node.outputTensors.forEach((output, at) => {
          wires.set(output, outputs[at] as Wire);
        });
      } else if (node.outputTensors.length === 1) {
        wires.set(tensor, apply(layer, given, widthOf(tensor), layer));
      } else {
        for (const wire of given) to.fix(wire);
        for (const output of node.outputTensors) wires.set(output, { size: widthOf(output) });
      }
      return wires.get(tensor) as Wire;
    };
    return inner.outputs.map(wireOf);
  };

  for (const output of run(model, null)) to.fix(output);
  return { operations: to.operations, owners };
}
