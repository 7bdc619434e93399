/**
 * The one table of where the layers of tfjs keep their kernels, and which axes of a kernel are output and input
 * features. Other layers say so themselves.
 */
import type { layers } from '@tensorflow/tfjs-layers';
import { show } from './check.ts';
import { isLayer, labelOf } from './layers-inside.ts';

/**
 * Which axes of a kernel are output and which are input features, counted from the end: -1 is the last. Several axes of
 * one kind are next to each other, in their order.
 */
export interface KernelAxes {
  /** The axes of the output features: [-1], or [-2, -1] for a depthwise kernel. */
  readonly row: readonly number[];
  /** The axes of the input features: [-2], or none where each output has a single input. */
  readonly column: readonly number[];
}

/** A property of a layer that holds a kernel, and the axes of that kernel. */
export interface KernelPlace {
  /** The path of the property from the layer: `kernel`, `cell.kernel`. */
  readonly property: string;
  readonly axes: KernelAxes;
}

/** [..., inputs, outputs] */
export const OUTPUTS_LAST: KernelAxes = { row: [-1], column: [-2] };
/** [..., outputs, inputs] */
export const INPUTS_LAST: KernelAxes = { row: [-2], column: [-1] };
/** [height, width, inputs, multiplier]: each input has outputs of its own, and no output has a second input. */
export const DEPTHWISE: KernelAxes = { row: [-2, -1], column: [] };

const PROPERTIES = [
  'kernel',
  'recurrentKernel',
  'depthwiseKernel',
  'pointwiseKernel',
  'embeddings',
] as const;
type Property = (typeof PROPERTIES)[number];

type Layout = (layer: layers.Layer) => readonly KernelPlace[] | null;

const placesOn =
  (axes: KernelAxes, ...properties: readonly Property[]) =>
  (): readonly KernelPlace[] =>
    properties.map((property) => ({ property, axes }));

const kernel = placesOn(OUTPUTS_LAST, 'kernel');
const transposed = placesOn(INPUTS_LAST, 'kernel');
const depthwise = placesOn(DEPTHWISE, 'depthwiseKernel');
const pointwise = placesOn(OUTPUTS_LAST, 'pointwiseKernel');
// The gates lie side by side along the last axis, and each has outputs of its own.
const recurrent = placesOn(OUTPUTS_LAST, 'kernel', 'recurrentKernel');

/** The kernels of inner layers, by their paths, or null if one of these layers is not in the table. */
function joined(inner: readonly (readonly [path: string, layer: unknown])[]): KernelPlace[] | null {
  const places = inner.map(([path, layer]) =>
    isLayer(layer)
      ? placesIn({ ...LAYERS, ...CELLS }, layer)?.map((place) => ({
          ...place,
          property: `${path}.${place.property}`,
        }))
      : null,
  );
  return places.every((each) => each != null) ? places.flat() : null;
}

const inside =
  (...properties: readonly string[]): Layout =>
  (layer) =>
    joined(properties.map((name) => [name, (layer as unknown as Record<string, unknown>)[name]]));

const stacked: Layout = (layer) => {
  const { cells } = layer as unknown as { cells: readonly unknown[] };
  return joined(cells.map((cell, index) => [`cells.${index}`, cell]));
};

type Table = Readonly<Record<string, Layout>>;

const LAYERS: Table = {
  Dense: kernel,
  // [tokens, features]: a column is a token.
  Embedding: placesOn(OUTPUTS_LAST, 'embeddings'),
  Conv1D: kernel,
  Conv2D: kernel,
  Conv3D: kernel,
  Conv2DTranspose: transposed,
  Conv3DTranspose: transposed,
  DepthwiseConv2D: depthwise,
  SeparableConv2D: () => [...depthwise(), ...pointwise()],
  SimpleRNN: inside('cell'),
  GRU: inside('cell'),
  LSTM: inside('cell'),
  ConvLSTM2D: inside('cell'),
  RNN: inside('cell'),
  TimeDistributed: inside('layer'),
  Bidirectional: inside('forwardLayer', 'backwardLayer'),
};

/** The cells of recurrent layers; a model never contains one by itself. */
const CELLS: Table = {
  SimpleRNNCell: recurrent,
  GRUCell: recurrent,
  LSTMCell: recurrent,
  ConvLSTM2DCell: recurrent,
  StackedRNNCells: stacked,
};

const areAxes = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((axis, i) => Number.isInteger(axis) && axis < 0 && axis - i === value[0]);

const isPlace = (value: unknown): value is KernelPlace => {
  const { property, axes } = (value ?? {}) as { property?: unknown; axes?: Partial<KernelAxes> };
  const { row, column } = axes ?? {};
  return typeof property === 'string' && areAxes(row) && areAxes(column) && row?.length !== 0;
};

/** What a layer of another package says about its kernels, in its property `kernelPlaces`. */
function declaredPlaces(layer: layers.Layer): readonly KernelPlace[] | null {
  const { kernelPlaces: places } = layer as { kernelPlaces?: unknown };
  if (places == null) return null;
  if (Array.isArray(places) && places.every(isPlace)) return places.length === 0 ? null : places;
  throw new TypeError(
    `kernelPlaces: ${labelOf(layer)} must list the properties of its kernels with their axes, counted from the end and next to each other. Received ${show(places)}. Try [{ property: 'kernel', axes: { row: [-1], column: [-2] } }].`,
  );
}

/** The class names of a layer and of the classes that it extends, its own first. */
function classNamesOf(layer: layers.Layer): string[] {
  const names = [layer.getClassName()];
  let prototype: unknown = Object.getPrototypeOf(layer.constructor);
  while (typeof prototype === 'function') {
    const { className } = prototype as { className?: unknown };
    if (typeof className === 'string') names.push(className);
    prototype = Object.getPrototypeOf(prototype);
  }
  return names;
}

function placesIn(table: Table, layer: layers.Layer): readonly KernelPlace[] | null {
  const declared = declaredPlaces(layer);
  if (declared !== null) return declared;
  const className = classNamesOf(layer).find((name) => Object.hasOwn(table, name));
  return className === undefined ? null : (table[className] as Layout)(layer);
}

/** The classes of layers whose kernels are known. */
export const KNOWN_LAYERS: readonly string[] = Object.keys(LAYERS);

/**
 * Where a layer keeps its kernels, and the axes of each; built or not. It knows the layers of tfjs and classes that
 * extend them; a layer of another class can have a property `kernelPlaces` that lists them.
 *
 * @returns null for a class without kernels, for one that neither is known nor lists them, and for a wrapper of either,
 *   such as an RNN with a cell of your own
 * @throws TypeError for a property `kernelPlaces` that is not such a list
 * @example
 * kernelPlaces(tf.layers.lstm({ units: 4 }));
 * // [{ property: 'cell.kernel', axes: { row: [-1], column: [-2] } }, { property: 'cell.recurrentKernel', … }]
 */
export function kernelPlaces(layer: layers.Layer): readonly KernelPlace[] | null {
  return placesIn(LAYERS, layer);
}

/**
 * The key under which a layer saves the constraint of the kernel in a property: `kernelConstraint`,
 * `recurrentConstraint`.
 */
export function constraintKey(property: string): string {
  const name = property.slice(property.lastIndexOf('.') + 1);
  return `${name.replace(/Kernel$/, '')}Constraint`;
}

/** The keys of the constraints of all kernels in the table. */
export const KERNEL_CONSTRAINTS: readonly string[] = PROPERTIES.map(constraintKey);
