/** Copies the graph of a model call by call, in the order in which its calls were made. */
import {
  model as functional,
  LayersModel,
  type layers,
  Sequential,
  type SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers';
import { isModel, labelOf } from '@tfjs-lrm/core/kit';
import { copyError } from './copy-layer.ts';

type Node = layers.Layer['inboundNodes'][number];

/** The copies of layers and models, each after the ones inside it. */
export type Copies = Map<layers.Layer, layers.Layer>;

const isSymbolic = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'sourceLayer' in value;

/** The calls that lead from the inputs of a model to its outputs, in the order in which they were made. */
function callsOf(model: LayersModel): readonly Node[] {
  const calls = new Set<Node>();
  const visit = ({ sourceLayer, nodeIndex }: SymbolicTensor): void => {
    const call = sourceLayer.inboundNodes[nodeIndex] as Node;
    // An input layer has a call of its own, without inputs.
    if (calls.has(call) || call.inboundLayers.length === 0) return;
    calls.add(call);
    for (const tensor of call.inputTensors) visit(tensor);
  };
  for (const output of model.outputs) visit(output);
  const order = (call: Node): number => (call.outputTensors[0] as SymbolicTensor).id;
  return [...calls].sort((one, other) => order(one) - order(other));
}

/** The arguments of a call besides its inputs. Symbolic ones, such as initial states, are also among the inputs. */
function argumentsOf({ callArgs = {} }: Node): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(callArgs).filter(([, value]) => ![value].flat().some(isSymbolic)),
  );
}

const METHODS = ['call', 'apply', 'computeOutputShape', 'computeMask'] as const;

/**
 * Rejects a model that is more than its graph.
 *
 * @throws Error for a subclass with its own `call`; TypeError for a model from another copy of tfjs-layers
 */
function checkIsGraph(where: string, model: LayersModel): void {
  if (!(model instanceof LayersModel)) {
    const { name } = model as LayersModel;
    throw new TypeError(
      `${where}: model "${name}" was made by another copy of @tensorflow/tfjs-layers than the one that this package imports. Install one; npm ls @tensorflow/tfjs-layers shows them.`,
    );
  }
  const base = model instanceof Sequential ? Sequential.prototype : LayersModel.prototype;
  const method = METHODS.find((name) => model[name] !== base[name]);
  if (method === undefined) return;
  throw new Error(
    `${where}: ${labelOf(model)} has a method ${method}() of its own, and a copy has only the graph. If the graph is all of it, try ${where}(tf.model({ inputs: model.inputs, outputs: model.outputs })).`,
  );
}

/** The result of a call in the copy, whose shapes must equal those of the source. */
function applied(
  where: string,
  { outboundLayer: layer, outputTensors }: Node,
  make: () => unknown,
): SymbolicTensor[] {
  let outputs: SymbolicTensor[];
  try {
    outputs = [make()].flat() as SymbolicTensor[];
  } catch (error) {
    throw copyError(where, layer, 'its copy fails where it does not', error);
  }
  const [shapes, expected] = [outputs, outputTensors].map((tensors) =>
    tensors.map(({ shape }) => `[${shape}]`).join(', '),
  );
  if (shapes === expected) return outputs;
  throw copyError(
    where,
    layer,
    `its copy gives outputs of shape ${shapes} where it gives ${expected}`,
  );
}

/**
 * A plain model over the same calls of copied layers: a Sequential for a Sequential, else a LayersModel.
 *
 * @param copyLayer makes the copy of a layer that is not a model; called once per layer
 * @param copies receives all of them
 */
export function copyGraph(
  where: string,
  model: LayersModel,
  copyLayer: (layer: layers.Layer) => layers.Layer,
  copies: Copies = new Map(),
): LayersModel {
  checkIsGraph(where, model);
  const copyOf = (layer: layers.Layer): layers.Layer => {
    const existing = copies.get(layer);
    if (existing !== undefined) return existing;
    const copy = isModel(layer) ? copyGraph(where, layer, copyLayer, copies) : copyLayer(layer);
    // Zeros instead of initial values, because every weight is assigned afterwards.
    copy.setFastWeightInitDuringBuild(true);
    copies.set(layer, copy);
    return copy;
  };
  // Nested models come first, as when they were created: one of their layers may also be called outside them.
  for (const layer of model.layers) if (isModel(layer)) copyOf(layer);
  const inputOf = ({ sourceLayer }: SymbolicTensor): SymbolicTensor =>
    copyOf(sourceLayer).inboundNodes[0]?.outputTensors[0] as SymbolicTensor;
  const sequence = model instanceof Sequential ? copySequence(where, model, copyOf, inputOf) : null;
  if (sequence !== null) return sequence;

  const tensors = new Map(model.inputs.map((input) => [input, inputOf(input)]));
  const tensorOf = (tensor: SymbolicTensor): SymbolicTensor =>
    tensors.get(tensor) as SymbolicTensor;
  for (const call of callsOf(model)) {
    const inputs = call.inputTensors.map(tensorOf);
    const outputs = applied(where, call, () =>
      copyOf(call.outboundLayer).apply(
        inputs.length === 1 ? (inputs[0] as SymbolicTensor) : inputs,
        argumentsOf(call),
      ),
    );
    call.outputTensors.forEach((tensor, i) => {
      tensors.set(tensor, outputs[i] as SymbolicTensor);
    });
  }
  return functional({
    name: model.name,
    inputs: model.inputs.map(tensorOf),
    outputs: model.outputs.map(tensorOf),
  });
}

/** The copy of a Sequential, or null where its first layer has been called elsewhere, which tfjs does not allow. */
function copySequence(
  where: string,
  model: Sequential,
  copyOf: (layer: layers.Layer) => layers.Layer,
  inputOf: (input: SymbolicTensor) => SymbolicTensor,
): Sequential | null {
  const [first] = model.layers as [layers.Layer];
  const isInput = first === model.inputs[0]?.sourceLayer;
  if (!isModel(first) && !isInput) {
    if (copyOf(first).inboundNodes.length > 0) return null;
    const call = first.inboundNodes[0] as Node;
    applied(where, call, () => copyOf(first).apply(inputOf(model.inputs[0] as SymbolicTensor)));
  }
  const copy = sequential({ name: model.name });
  for (const layer of model.layers) copy.add(copyOf(layer));
  return copy;
}
