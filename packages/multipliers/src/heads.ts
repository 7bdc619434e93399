import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { roleOf } from '@tfjs-lrm/core';
import { outputLayers, variableOf } from '@tfjs-lrm/core/kit';

const rolesOf = (layer: layers.Layer): string[] =>
  layer.weights.map((weight) => roleOf(variableOf(weight)));

/**
 * Whether a layer of a model has a head: a matrix that writes an output, or one whose role was set to `'head'`. Unlike
 * `assignRoles` it sets no roles.
 */
export function headsOf(model: LayersModel): (layer: layers.Layer) => boolean {
  const last = outputLayers(model.outputs);
  return (layer) => {
    const roles = rolesOf(layer);
    return roles.includes('head') || (last.has(layer) && roles.includes('matrix'));
  };
}
