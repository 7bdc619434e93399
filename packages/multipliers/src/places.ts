/** The places of the kernels that get factors: those in the table, or those that the user names. */
import { type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import {
  innerLayers,
  isLayer,
  isWeight,
  type KernelPlace,
  KNOWN_LAYERS,
  kernelPlaces,
  labelOf,
  nearest,
  OUTPUTS_LAST,
  weightAt,
} from '@tfjs-lrm/core/kit';
import { CLASS_NAME } from './check-layer.ts';

/**
 * The kernels of known layers inside a layer of an unknown class, by their paths: `query.kernel`.
 */
export function kernelsInside(
  layer: layers.Layer,
  visited: Set<layers.Layer> = new Set(),
): string[] {
  return innerLayers(layer).flatMap(([path, inner]) => {
    if (visited.has(inner) || inner.getClassName() === CLASS_NAME) return [];
    visited.add(inner);
    const kernels =
      kernelPlaces(inner)?.map(({ property }) => property) ?? kernelsInside(inner, visited);
    return kernels.map((property) => `${path}.${property}`);
  });
}

/**
 * The places of a layer's kernels.
 *
 * @param kernels the properties that hold them, for a class that is not in the table
 * @throws RangeError for a class without kernels, or one that is not in the table
 */
export function placesOf(
  layer: layers.Layer,
  kernels?: readonly string[] | undefined,
): readonly KernelPlace[] {
  if (kernels !== undefined) return kernels.map((property) => ({ property, axes: OUTPUTS_LAST }));
  const places = kernelPlaces(layer);
  if (places !== null) return places;
  const classes = KNOWN_LAYERS.join(', ');
  // Before it is built, a class that inherits `build` is known to add no weights.
  const addsWeights = layer.built
    ? layer.weights.some(({ shape }) => shape.length > 1)
    : layer.build !== layers.Layer.prototype.build;
  throw new RangeError(
    addsWeights
      ? `withMultipliers: ${labelOf(layer)} is not among the layers whose kernels are known: ${classes}. For another one name the properties that hold its kernels, [..., inputs, outputs] each: withMultipliers(layer, { kernels: ['kernel'] }).`
      : `withMultipliers: ${labelOf(layer)} has no kernel. Wrap a layer with weights: ${classes}, another one with { kernels: ['<property>'] }, or use addMultipliers(model), which skips it.`,
  );
}

/** What to write instead of the path of a property that does not hold a weight. */
function adviceFor(layer: layers.Layer, property: string): string {
  const properties = Object.entries(layer) as [string, unknown][];
  const weights = properties.filter(([, value]) => isWeight(value)).map(([name]) => name);
  const hint = nearest(property, weights);
  if (hint !== null) return `Did you mean "${hint}"?`;
  const inside = properties.find(([, value]) => isLayer(value))?.[0];
  const name = property.split('.').at(-1);
  return inside === undefined
    ? 'It has no weights.'
    : `Its weights may lie in its property "${inside}", a layer of its own: then name it "${inside}.${name}".`;
}

/**
 * The kernel of a built layer at a place.
 *
 * @throws RangeError when the property does not hold a weight, or holds one without the axes of the selected factors
 */
export function kernelAt(
  layer: layers.Layer,
  { property, axes: { row, column } }: KernelPlace,
  factors: { readonly row: boolean; readonly column: boolean },
): LayerVariable {
  const kernel = weightAt(layer, property);
  if (kernel === null) {
    throw new RangeError(
      `withMultipliers: ${labelOf(layer)} has no weight in its property "${property}". ${adviceFor(layer, property)}`,
    );
  }
  const least = Math.max(
    factors.row ? Math.max(...row.map((axis) => -axis)) : 0,
    factors.column ? Math.max(0, ...column.map((axis) => -axis)) : 0,
  );
  if (kernel.shape.length < least) {
    throw new RangeError(
      `withMultipliers: weight "${property}" of ${labelOf(layer)} must have at least ${least} axes for these factors. Received shape [${kernel.shape}]. Try { column: false }, or { row: false, column: false, scalar: true }.`,
    );
  }
  return kernel;
}
