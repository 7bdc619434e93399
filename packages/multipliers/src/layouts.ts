import type * as tf from '@tensorflow/tfjs-core';
import { type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { nearest, show } from '@tfjs-lrm/core/kit';
import { innerLayers, isLayer, isModel } from './internals.ts';

/** A property of a layer that holds a kernel, and which of its axes are output and input features. */
export interface KernelPlace {
  /** Its path from the layer: `kernel`, `cell.kernel`. */
  readonly property: string;
  /** The axes that stand for output features, from the end and next to each other. */
  readonly row: readonly number[];
  /** The axis that stands for input features, from the end, or null where there is none. */
  readonly column: number | null;
}

type Layout = (layer: layers.Layer) => readonly KernelPlace[] | undefined;

/** Rows are the last axis, columns the one before: [..., inputs, outputs]. */
const place = (property: string): KernelPlace => ({ property, row: [-1], column: -2 });
/** [..., outputs, inputs] */
const transposedKernel: KernelPlace = { property: 'kernel', row: [-2], column: -1 };
const transposed: Layout = () => [transposedKernel];
/** [height, width, inputs, multiplier]: each input has outputs of its own, and no output has a second input. */
const depthwise: KernelPlace = { property: 'depthwiseKernel', row: [-2, -1], column: null };

const kernel: Layout = () => [place('kernel')];
// The gates lie side by side along the last axis, and each has outputs of its own.
const recurrent: Layout = () => [place('kernel'), place('recurrentKernel')];

/** The kernels of the layers in these properties, all of them known. */
const inside =
  (...properties: readonly string[]): Layout =>
  (layer) => {
    const found = properties.map((property) => {
      const inner = propertiesOf(layer)[property];
      const places = isLayer(inner) ? knownPlaces(inner) : undefined;
      return places?.map((at) => ({ ...at, property: `${property}.${at.property}` }));
    });
    return found.every((places) => places !== undefined) ? found.flat() : undefined;
  };

const stacked: Layout = (layer) => {
  const { cells } = propertiesOf(layer) as { cells: readonly layers.Layer[] };
  const found = cells.map((cell, at) =>
    knownPlaces(cell)?.map((each) => ({ ...each, property: `cells.${at}.${each.property}` })),
  );
  return found.every((places) => places !== undefined) ? found.flat() : undefined;
};

/** The kernels of the layer classes that can be wrapped as they are. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  Dense: kernel,
  // [tokens, features]: a column factor is one per token.
  Embedding: () => [place('embeddings')],
  Conv1D: kernel,
  Conv2D: kernel,
  Conv3D: kernel,
  Conv2DTranspose: transposed,
  Conv3DTranspose: transposed,
  DepthwiseConv2D: () => [depthwise],
  SeparableConv2D: () => [depthwise, place('pointwiseKernel')],
  SimpleRNN: inside('cell'),
  GRU: inside('cell'),
  LSTM: inside('cell'),
  ConvLSTM2D: inside('cell'),
  RNN: inside('cell'),
  TimeDistributed: inside('layer'),
  Bidirectional: inside('forwardLayer', 'backwardLayer'),
};

/** The cells of recurrent layers, which are no layers to wrap by themselves. */
const CELLS: Readonly<Record<string, Layout>> = {
  SimpleRNNCell: recurrent,
  GRUCell: recurrent,
  LSTMCell: recurrent,
  ConvLSTM2DCell: recurrent,
  StackedRNNCells: stacked,
};

/** The keys under which the known layers save the constraints of their kernels. */
export const CONSTRAINTS: readonly string[] = [
  'kernelConstraint',
  'recurrentConstraint',
  'depthwiseConstraint',
  'pointwiseConstraint',
  'embeddingsConstraint',
];

/** The class name of the wrapper. */
export const CLASS_NAME = 'LrmMultipliers';

export function describe(layer: layers.Layer): string {
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
      `withMultipliers: "${layer.name}" is a model. Try addMultipliers(model), which wraps its layers.`,
    );
  }
  if (layer.getClassName() === CLASS_NAME) {
    throw new TypeError(
      `withMultipliers: layer "${layer.name}" has multipliers already. Wrap the plain layer, once.`,
    );
  }
  return layer;
}

/** Where the kernels of a layer or cell are, or undefined for one of a class that is not in the table. */
function knownPlaces(layer: layers.Layer): readonly KernelPlace[] | undefined {
  const className = layer.getClassName();
  const table = Object.hasOwn(CELLS, className) ? CELLS : LAYOUTS;
  return Object.hasOwn(table, className) ? table[className]?.(layer) : undefined;
}

/** True for a layer whose kernels are known without being named. */
export function hasKnownKernels(layer: layers.Layer): boolean {
  return Object.hasOwn(LAYOUTS, layer.getClassName()) && knownPlaces(layer) !== undefined;
}

/**
 * The kernels of the known layers that lie inside a layer of a class that is not known, by their paths:
 * `query.kernel`.
 */
export function kernelsInside(layer: layers.Layer, seen: Set<layers.Layer> = new Set()): string[] {
  return innerLayers(layer).flatMap(([path, inner]) => {
    if (seen.has(inner) || inner.getClassName() === CLASS_NAME) return [];
    seen.add(inner);
    const found = hasKnownKernels(inner)
      ? placesOf(inner).map(({ property }) => property)
      : kernelsInside(inner, seen);
    return found.map((property) => `${path}.${property}`);
  });
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
  if (kernels !== undefined) return kernels.map(place);
  if (hasKnownKernels(layer)) return knownPlaces(layer) as readonly KernelPlace[];
  const known = Object.keys(LAYOUTS).join(', ');
  // Before it is built, a class that inherits `build` is known to add no weight.
  const addsWeights = layer.built
    ? layer.weights.some(({ shape }) => shape.length > 1)
    : layer.build !== layers.Layer.prototype.build;
  throw new RangeError(
    addsWeights
      ? `withMultipliers: ${describe(layer)} is not among the layers whose kernels are known: ${known}. For another one name the properties that hold its kernels, [..., inputs, outputs] each: withMultipliers(layer, { kernels: ['kernel'] }).`
      : `withMultipliers: ${describe(layer)} has no kernel. Wrap a layer with weights: ${known}, another one with { kernels: ['<property>'] }, or use addMultipliers(model), which skips it.`,
  );
}

/**
 * Where the factors of a variable run that is known by its name and shape alone: transposed convolutions are
 * recognised by the layer's name, which tfjs gives them, depthwise kernels by their own.
 */
export function placeOf({ name, rank }: tf.Variable): KernelPlace {
  const scopes = name.replace(/_\d+$/, '').split('/');
  const property = scopes.at(-1) as string;
  if (property === 'depthwise_kernel') return depthwise;
  return rank > 2 && /transpose/i.test(scopes.at(-2) ?? '') ? transposedKernel : place(property);
}

/** The shapes of the factors of a kernel; null where no such factor can be. */
export function factorShapes(
  shape: readonly (number | null)[],
  { row, column }: KernelPlace,
): { readonly row: number[]; readonly column: number[] | null; readonly scalar: number[] } {
  return {
    row: row.map((axis) => shape.at(axis) as number),
    column: column === null ? null : [shape.at(column) as number],
    scalar: [],
  };
}

function isWeight(value: unknown): value is LayerVariable {
  return typeof value === 'object' && value !== null && 'originalName' in value && 'read' in value;
}

/** The properties of a layer, which tfjs-layers declares private. */
function propertiesOf(layer: object): Record<string, unknown> {
  return layer as Record<string, unknown>;
}

/** The object that holds a property, and its name there, from its path: `cell.kernel`. */
export function ownerOf(
  layer: layers.Layer,
  property: string,
): { readonly owner: Record<string, unknown>; readonly key: string } {
  const path = property.split('.');
  const key = path.pop() as string;
  const owner = path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? propertiesOf(at)[name]
        : undefined,
    layer,
  );
  return { owner: typeof owner === 'object' && owner !== null ? propertiesOf(owner) : {}, key };
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
  const { owner, key } = ownerOf(layer, property);
  const kernel = Object.hasOwn(owner, key) ? owner[key] : undefined;
  if (!isWeight(kernel)) {
    const properties = propertiesOf(layer);
    const weights = Object.keys(properties).filter((name) => isWeight(properties[name]));
    const hint = nearest(property, weights);
    const inside = Object.keys(properties).find((name) => isLayer(properties[name]));
    const advice =
      hint !== null
        ? `Did you mean "${hint}"?`
        : inside !== undefined
          ? `Its weights may lie in its property "${inside}", a layer of its own: then name it "${inside}.${key}".`
          : 'It has no weights.';
    throw new RangeError(
      `withMultipliers: ${describe(layer)} has no weight in its property "${property}". ${advice}`,
    );
  }
  const least = Math.max(
    factors.row ? Math.max(...row.map((axis) => -axis)) : 0,
    factors.column && column !== null ? -column : 0,
  );
  if (kernel.shape.length < least) {
    throw new RangeError(
      `withMultipliers: weight "${property}" of ${describe(layer)} must have at least ${least} axes for these factors. Received shape [${kernel.shape}]. Try { column: false }, or { row: false, column: false, scalar: true }.`,
    );
  }
  return kernel;
}
