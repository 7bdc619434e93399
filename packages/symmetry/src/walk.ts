import type { LayersModel, LayerVariable, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { checkLayers, isModel } from '@tfjs-lrm/core/kit';
import type { MultiplierLayer } from '@tfjs-lrm/multipliers';
import { Builder } from './builder.ts';
import type { Circuit, Operation, Wire } from './circuit.ts';
import type { Call } from './known-layers.ts';
import { lower } from './lower.ts';

type Factor = Extract<Operation, { type: 'factor' }>;

interface GraphNode {
  readonly inputTensors: readonly SymbolicTensor[];
  readonly outputTensors: readonly SymbolicTensor[];
}

const widthOf = ({ shape }: SymbolicTensor): number => shape.at(-1) ?? 0;

// tfjs-layers declares the constraint private.
const isConstrained = (weight: LayerVariable): boolean =>
  (weight as unknown as { constraint: unknown }).constraint != null;

/** True for a layer with multipliers, from any copy of `@tfjs-lrm/multipliers`. */
const isMultiplied = (layer: layers.Layer): layer is MultiplierLayer =>
  'effective' in layer && 'kernels' in layer;

const isOverTime = (layer: layers.Layer): layer is layers.Layer & { layer: layers.Layer } =>
  layer.getClassName() === 'TimeDistributed';

/** The factors of a layer with multipliers, each with the kernel that it belongs to. */
function factors({ kernels }: MultiplierLayer): Operation[] {
  return kernels.flatMap(({ kernel, factors: factorsOfKernel, axes: { row, column } }) =>
    (Object.entries(factorsOfKernel) as [Factor['which'], LayerVariable][]).map(
      ([which, factor]): Factor => {
        const axes = { row, column, scalar: [] }[which];
        const rank = kernel.shape.length;
        return { type: 'factor', which, factor, kernel, axes: axes.map((axis) => rank + axis) };
      },
    ),
  );
}

/**
 * The circuit of a model, found by walking from its outputs back to its inputs, through nested models and wrapped
 * layers. Inputs and outputs are fixed.
 *
 * @throws TypeError for something that is not a model, and for a model without layers
 */
export function walk(where: string, model: LayersModel): Circuit {
  checkLayers(where, model, `${where}(tf.sequential({ layers }))`);
  const to = new Builder();
  const owners = new Map<LayerVariable, { layer: layers.Layer; placed: layers.Layer }>();
  const multiplied = new Set<layers.Layer>();

  const apply = (
    layer: layers.Layer,
    inputs: readonly Wire[],
    call: Call,
    placed: layers.Layer,
  ): Wire => {
    if (isOverTime(layer))
      return apply(layer.layer, inputs, { ...call, rank: call.rank - 1 }, placed);
    if (isMultiplied(layer)) {
      if (!multiplied.has(layer)) to.operations.push(...factors(layer));
      multiplied.add(layer);
      return apply(layer.layer, inputs, call, placed);
    }
    for (const weight of layer.weights) owners.set(weight, { layer, placed });
    return lower(layer, inputs, to, call);
  };

  const run = (inner: LayersModel, inputs: readonly Wire[] | null): Wire[] => {
    const wires = new Map<SymbolicTensor, Wire>();
    inner.inputs.forEach((tensor, i) => {
      wires.set(tensor, inputs?.[i] ?? { size: widthOf(tensor) });
    });
    const wireOf = (tensor: SymbolicTensor): Wire => {
      const wire = wires.get(tensor);
      if (wire !== undefined) return wire;
      const layer = tensor.sourceLayer;
      const node = layer.inboundNodes[tensor.nodeIndex] as unknown as GraphNode;
      const inputs = node.inputTensors.map(wireOf);
      if (isModel(layer)) {
        const outputs = run(layer, inputs);
        node.outputTensors.forEach((output, i) => {
          wires.set(output, outputs[i] as Wire);
        });
      } else if (node.outputTensors.length === 1) {
        const rank = node.inputTensors[0]?.shape.length ?? 0;
        wires.set(tensor, apply(layer, inputs, { size: widthOf(tensor), rank }, layer));
      } else {
        for (const wire of inputs) to.fix(wire);
        for (const output of node.outputTensors) wires.set(output, { size: widthOf(output) });
      }
      return wires.get(tensor) as Wire;
    };
    return inner.outputs.map(wireOf);
  };

  for (const output of run(model, null)) to.fix(output);
  const trained = new Set(
    model.trainableWeights.filter((weight) => weight.trainable && !isConstrained(weight)),
  );
  return { operations: to.operations, trained, owners };
}
