import { type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { nearest, show } from '@tfjs-lrm/core';
import { isLayer, isModel } from './internals.ts';
import type { KernelAxes } from './multiply.ts';

/** A property of a layer that holds a kernel, and which of its axes are output and input features. */
export interface KernelPlace extends KernelAxes {
  readonly property: string;
  /** The key of its constraint in the layer's configuration. */
  readonly constraint: string;
}

/** Rows are the last axis, columns the one before: [..., inputs, outputs]. */
const place = (property: string): KernelPlace => ({
  property,
  row: -1,
  column: -2,
  constraint: `${property}Constraint`,
});

/** The kernels of the layer classes that can be wrapped as they are. */
const LAYOUTS: Readonly<Record<string, readonly KernelPlace[]>> = {
  Dense: [place('kernel')],
  // [tokens, features]: a column factor is one per token.
  Embedding: [place('embeddings')],
};

/** The class name of the wrapper. */
export const CLASS_NAME = 'LrmMultipliers';

function describe(layer: layers.Layer): string {
  return `layer "${layer.name}" (${layer.getClassName()})`;
}

/**
 * The value as a layer that can be wrapped.
 *
 * @throws TypeError for something that is no layer, a model, or a wrapped layer
 */
export function checkLayer(layer: unknown): layers.Layer {
  if (!isLayer(layer)) {
    throw new TypeError(
      `withMultipliers: the target must be a tf.layers.Layer. Received ${show(layer)}. Try withMultipliers(tf.layers.dense({ units: 8 })).`,
    );
  }
  if (isModel(layer)) {
    throw new TypeError(
      `withMultipliers: "${layer.name}" is a model. Wrap its layers, one by one, where the model is defined.`,
    );
  }
  if (layer.getClassName() === CLASS_NAME) {
    throw new TypeError(
      `withMultipliers: layer "${layer.name}" has multipliers already. Wrap the plain layer, once.`,
    );
  }
  return layer;
}

/** Where the kernels of a class are, or undefined for one that is not in the table. */
export function knownPlaces(
  className: string,
  kernels?: readonly string[] | undefined,
): readonly KernelPlace[] | undefined {
  if (kernels !== undefined) return kernels.map(place);
  return Object.hasOwn(LAYOUTS, className) ? LAYOUTS[className] : undefined;
}

/**
 * Where the kernels of a layer are.
 *
 * @param kernels the properties that hold them, for a class that is not in the table
 * @throws RangeError for a class without kernels, or one that is not in the table
 */
export function placesOf(
  layer: layers.Layer,
  kernels?: readonly string[] | undefined,
): readonly KernelPlace[] {
  const places = knownPlaces(layer.getClassName(), kernels);
  if (places !== undefined) return places;
  const known = Object.keys(LAYOUTS).join(', ');
  // Before it is built, a class that inherits `build` is known to add no weight.
  const addsWeights = layer.built
    ? layer.weights.some(({ shape }) => shape.length > 1)
    : layer.build !== layers.Layer.prototype.build;
  throw new RangeError(
    addsWeights
      ? `withMultipliers: ${describe(layer)} is not among the layers whose kernels are known: ${known}. For another one name the properties that hold its kernels, [..., inputs, outputs] each: withMultipliers(layer, { kernels: ['kernel'] }).`
      : `withMultipliers: ${describe(layer)} has no kernel. Wrap a layer with weights: ${known}, or another one with { kernels: ['<property>'] }.`,
  );
}

function isWeight(value: unknown): value is LayerVariable {
  return typeof value === 'object' && value !== null && 'originalName' in value && 'read' in value;
}

/** The properties of a layer, which tfjs-layers declares private. */
export function propertiesOf(layer: layers.Layer): Record<string, unknown> {
  return layer as unknown as Record<string, unknown>;
}

/**
 * The kernel of a built layer at a place.
 *
 * @throws RangeError when the property holds no weight, or one without the axes of the wanted factors
 */
export function kernelAt(
  layer: layers.Layer,
  { property, row, column }: KernelPlace,
  factors: { readonly row: boolean; readonly column: boolean },
): LayerVariable {
  const properties = propertiesOf(layer);
  const kernel = Object.hasOwn(properties, property) ? properties[property] : undefined;
  if (!isWeight(kernel)) {
    const weights = Object.keys(properties).filter((key) => isWeight(properties[key]));
    const hint = nearest(property, weights);
    const inside = Object.keys(properties).find((key) => isLayer(properties[key]));
    const advice =
      hint !== null
        ? `Did you mean "${hint}"?`
        : inside !== undefined
          ? `Its weights may lie in its property "${inside}", a layer of its own.`
          : 'It has no weights.';
    throw new RangeError(
      `withMultipliers: ${describe(layer)} has no weight in its property "${property}". ${advice}`,
    );
  }
  const least = Math.max(factors.row ? -row : 0, factors.column ? -column : 0);
  if (kernel.shape.length < least) {
    throw new RangeError(
      `withMultipliers: weight "${property}" of ${describe(layer)} must have at least ${least} axes for these factors. Received shape [${kernel.shape}]. Try { column: false }, or { row: false, column: false, scalar: true }.`,
    );
  }
  return kernel;
}
