import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, layers, SymbolicTensor } from '@tensorflow/tfjs-layers';
import { roleOf } from '@tfjs-lrm/core';
import { isModel } from './internals.ts';

const rolesOf = (layer: layers.Layer): string[] =>
  layer.weights.map((weight) => roleOf(weight.read() as tf.Variable));

const hasKernel = (layer: layers.Layer): boolean =>
  rolesOf(layer).some((role) => role === 'matrix' || role === 'embedding' || role === 'head');

/** The first layers with kernels on the way back from each of the outputs, as `assignRoles` finds them. */
function outputLayers(outputs: readonly SymbolicTensor[]): Set<layers.Layer> {
  const found = new Set<layers.Layer>();
  const seen = new Set<SymbolicTensor>();
  const visit = (tensor: SymbolicTensor): void => {
    if (seen.has(tensor)) return;
    seen.add(tensor);
    const layer = tensor.sourceLayer;
    if (isModel(layer)) {
      const inside = outputLayers([layer.outputs[tensor.tensorIndex] as SymbolicTensor]);
      for (const inner of inside) found.add(inner);
      if (inside.size > 0) return;
    } else if (hasKernel(layer)) {
      found.add(layer);
      return;
    }
    for (const before of layer.inboundNodes[tensor.nodeIndex]?.inputTensors ?? []) visit(before);
  };
  for (const output of outputs) visit(output);
  return found;
}

/**
 * Whether a layer of a model has a head: a matrix that writes an output, or one whose role was set to
 * `'head'`. Unlike `assignRoles` this gives no variable a role.
 */
export function headsOf(model: LayersModel): (layer: layers.Layer) => boolean {
  const last = outputLayers(model.outputs);
  return (layer) => {
    const roles = rolesOf(layer);
    return roles.includes('head') || (last.has(layer) && roles.includes('matrix'));
  };
}
