/** Layers, and the layers in their properties; without an import of tfjs-layers. */
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';

/** True for a layer or a model, from any copy of tfjs-layers. */
export function isLayer(value: unknown): value is layers.Layer {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as layers.Layer).apply === 'function' &&
    typeof (value as layers.Layer).computeOutputShape === 'function' &&
    'trainableWeights' in value
  );
}

/** True for a weight of a layer. */
export function isWeight(value: unknown): value is LayerVariable {
  return typeof value === 'object' && value !== null && 'originalName' in value && 'read' in value;
}

/** The layers in the properties of a layer, with their paths from it: `query`, `blocks.0`. */
export function innerLayers(
  layer: layers.Layer,
): (readonly [path: string, inside: layers.Layer])[] {
  return Object.entries(layer).flatMap(([name, value]: [string, unknown]) =>
    Array.isArray(value)
      ? value.flatMap((each, at) => (isLayer(each) ? [[`${name}.${at}`, each] as const] : []))
      : isLayer(value)
        ? [[name, value] as const]
        : [],
  );
}

/** A layer and all layers and cells in its properties, at any depth. */
export function layersIn(
  layer: layers.Layer,
  visited: Set<layers.Layer> = new Set(),
): ReadonlySet<layers.Layer> {
  if (visited.has(layer)) return visited;
  visited.add(layer);
  for (const [, inside] of innerLayers(layer)) layersIn(inside, visited);
  return visited;
}

/** The object that holds the property at a path such as `cell.kernel`, and the property's name in it. */
export function holderOf(
  layer: layers.Layer,
  path: string,
): { readonly holder: Record<string, unknown>; readonly key: string } {
  const names = path.split('.');
  const key = names.pop() as string;
  const holder = names.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    layer,
  );
  const isObject = typeof holder === 'object' && holder !== null;
  return { holder: isObject ? (holder as Record<string, unknown>) : {}, key };
}

/** The weight of a layer at a path, or null where there is none. */
export function weightAt(layer: layers.Layer, path: string): LayerVariable | null {
  const { holder, key } = holderOf(layer, path);
  const weight = Object.hasOwn(holder, key) ? holder[key] : undefined;
  return isWeight(weight) ? weight : null;
}

/** A layer as error messages name it: `layer "out" (Dense)`. */
export function labelOf(layer: layers.Layer): string {
  return `layer "${layer.name}" (${layer.getClassName()})`;
}
