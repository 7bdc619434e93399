/**
 * The one table of where the layers of tfjs keep their kernels, and which axes of a kernel are output and input
 * features.
 */
import type { layers } from '@tensorflow/tfjs-layers';
import { isLayer } from './layers-inside.ts';

/** Which axes of a kernel are output and which are input features, counted from the end: -1 is the last. */
export interface KernelAxes {
  /** The axes of the output features, next to each other: [-1], or [-2, -1] for a depthwise kernel. */
  readonly row: readonly number[];
  /** The axis of the input features, or null where each output has a single input. */
  readonly column: number | null;
}

/** A property of a layer that holds a kernel, and the axes of that kernel. */
export interface KernelPlace {
  /** The path of the property from the layer: `kernel`, `cell.kernel`. */
  readonly property: string;
  readonly axes: KernelAxes;
}

/** [..., inputs, outputs] */
export const OUTPUTS_LAST: KernelAxes = { row: [-1], column: -2 };
/** [..., outputs, inputs] */
export const INPUTS_LAST: KernelAxes = { row: [-2], column: -1 };
/** [height, width, inputs, multiplier]: each input has outputs of its own, and no output has a second input. */
export const DEPTHWISE: KernelAxes = { row: [-2, -1], column: null };

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

function placesIn(table: Table, layer: layers.Layer): readonly KernelPlace[] | null {
  const className = layer.getClassName();
  return Object.hasOwn(table, className) ? (table[className] as Layout)(layer) : null;
}

/** The classes of layers whose kernels are known. */
export const KNOWN_LAYERS: readonly string[] = Object.keys(LAYERS);

/**
 * Where a layer of tfjs keeps its kernels, and the axes of each; built or not.
 *
 * @returns null for a class without kernels, for one that is not in the table, and for a wrapper of either, such as an
 *   RNN with a cell of your own
 * @example
 * kernelPlaces(tf.layers.lstm({ units: 4 }));
 * // [{ property: 'cell.kernel', axes: { row: [-1], column: -2 } }, { property: 'cell.recurrentKernel', … }]
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
