import {
  add,
  conv2d,
  depthwiseConv2d,
  pad,
  reshape,
  serialization,
  softmax,
  type Tensor,
  type Tensor4D,
  tidy,
  transpose,
} from '@tensorflow/tfjs-core';
import type {
  BatchNormalizationLayer,
  ConvolutionLayer,
  LayerInternals,
  Method,
  SoftmaxLayer,
} from './internals.ts';

/** A method of one of tfjs' layers that is wrong, or refuses what its options allow, and what replaces it. */
interface Patch {
  readonly className: string;
  readonly method: string;
  readonly create: (stock: Method) => Method;
}

const patch = <L extends LayerInternals>(
  className: string,
  method: string,
  run: (layer: L, stock: () => unknown, args: unknown[]) => unknown,
): Patch => ({
  className,
  method,
  create: (stock) =>
    function patched(this: unknown, ...args: unknown[]): unknown {
      return run(this as L, () => stock.apply(this, args), args);
    },
});

/** Runs `action` with some properties of `target` replaced. */
function withProperties<T extends object, R>(target: T, values: Partial<T>, action: () => R): R {
  const before = Object.entries(values).map(([name]) => [name, target[name as keyof T]] as const);
  Object.assign(target, values);
  try {
    return action();
  } finally {
    for (const [name, value] of before) target[name as keyof T] = value as T[keyof T];
  }
}

const firstOf = (inputs: unknown): Tensor => (Array.isArray(inputs) ? inputs[0] : inputs) as Tensor;

/** What reads as nothing. */
const ABSENT = { read: () => null as unknown as Tensor };

/** In training tfjs reads scale and center whether there are any, and moves the statistics of frozen layers. */
const batchNormalization = patch<BatchNormalizationLayer>(
  'BatchNormalization',
  'call',
  (layer, stock, args) => {
    const kwargs = args[1] as { training?: boolean };
    // As in Keras since version 2: a frozen layer predicts.
    if (!layer.trainable && kwargs.training) args[1] = { ...kwargs, training: false };
    const present = { gamma: layer.gamma ?? ABSENT, beta: layer.beta ?? ABSENT };
    return withProperties(layer, present, stock);
  },
);

/** Softmax along any axis, where tfjs takes only the last. */
function softmaxAlong(x: Tensor, given: number): Tensor {
  const axis = given < 0 ? given + x.rank : given;
  if (axis === x.rank - 1) return softmax(x);
  const order = [...x.shape.keys()].filter((other) => other !== axis);
  const perm = [...order, axis];
  const back = perm.map((_, i) => perm.indexOf(i));
  return transpose(softmax(transpose(x, perm)), back);
}

const softmaxLayer = patch<SoftmaxLayer>('Softmax', 'call', (layer, stock) =>
  withProperties(layer, { softmax: softmaxAlong }, stock),
);

/** Causal padding: zeros before the first step, so that no result depends on later steps. And channels come back first. */
const conv1D = patch<ConvolutionLayer>('Conv1D', 'call', (layer, stock, args) =>
  tidy(() => {
    const isFirst = layer.dataFormat === 'channelsFirst';
    let result: Tensor;
    if (layer.padding === 'causal') {
      const before = layer.dilationRate[0]! * (layer.kernelSize[0]! - 1);
      const x = firstOf(args[0]);
      args[0] = pad(
        x,
        x.shape.map((_, axis): [number, number] => [axis === (isFirst ? 2 : 1) ? before : 0, 0]),
      );
      result = withProperties(layer, { padding: 'valid' }, stock) as Tensor;
    } else result = stock() as Tensor;
    return isFirst ? transpose(result, [0, 2, 1]) : result;
  }),
);

const conv1DShape = patch<ConvolutionLayer>('Conv1D', 'computeOutputShape', (layer, stock) =>
  layer.padding === 'causal' ? withProperties(layer, { padding: 'same' }, stock) : stock(),
);

const isDilated = ({ dilationRate }: ConvolutionLayer): boolean =>
  dilationRate.some((rate) => rate > 1);

/** Convolution, bias and activation one after the other: the gradient of tfjs' fused ones takes no dilations. */
function convolve(
  layer: ConvolutionLayer,
  inputs: unknown,
  convolution: (x: Tensor4D, padding: 'same' | 'valid', rates: [number, number]) => Tensor,
): Tensor {
  return tidy(() => {
    const isFirst = layer.dataFormat === 'channelsFirst';
    const x = firstOf(inputs) as Tensor4D;
    const images = isFirst ? transpose(x, [0, 2, 3, 1]) : x;
    const padding = layer.padding === 'same' ? 'same' : 'valid';
    let y = convolution(images, padding, layer.dilationRate as [number, number]);
    if (layer.bias) y = add(y, reshape(layer.bias.read(), [1, 1, 1, -1]));
    if (isFirst) y = transpose(y, [0, 3, 1, 2]);
    return layer.activation ? layer.activation.apply(y) : y;
  });
}

const conv2D = patch<ConvolutionLayer>('Conv2D', 'call', (layer, stock, [inputs]) =>
  isDilated(layer)
    ? convolve(layer, inputs, (x, padding, rates) =>
        conv2d(
          x,
          layer.kernel.read() as Tensor4D,
          layer.strides as [number, number],
          padding,
          'NHWC',
          rates,
        ),
      )
    : stock(),
);

/** tfjs leaves the dilations of depthwise convolutions out, of their result and of its shape. */
const depthwiseConv2D = patch<ConvolutionLayer>(
  'DepthwiseConv2D',
  'call',
  (layer, stock, [inputs]) =>
    isDilated(layer)
      ? convolve(layer, inputs, (x, padding, rates) =>
          depthwiseConv2d(
            x,
            layer.depthwiseKernel.read() as Tensor4D,
            layer.strides as [number, number],
            padding,
            'NHWC',
            rates,
          ),
        )
      : stock(),
);

const depthwiseConv2DShape = patch<ConvolutionLayer>(
  'DepthwiseConv2D',
  'computeOutputShape',
  (layer, stock) => {
    const kernelSize = layer.kernelSize.map((side, i) => (side - 1) * layer.dilationRate[i]! + 1);
    return withProperties(layer, { kernelSize }, stock);
  },
);

const patches: readonly Patch[] = [
  batchNormalization,
  conv1D,
  conv1DShape,
  conv2D,
  depthwiseConv2D,
  depthwiseConv2DShape,
  softmaxLayer,
];

// On the method itself, so that a second copy of this package recognises it.
const STOCK: unique symbol = Symbol.for('tfjs-lrm/kernels/stock-method');
type Marked = Method & { [STOCK]?: { readonly own: Method | undefined } };

/** The methods of a class of tfjs' layers; nothing where these are not loaded. */
function prototypeOf(className: string): Record<string, Marked> | undefined {
  const entry = serialization.SerializationMap.getMap().classNameMap[className];
  return entry?.[0].prototype as Record<string, Marked> | undefined;
}

/** Replaces the methods of tfjs' layers that are wrong. */
export function patchLayers(): void {
  for (const { className, method, create } of patches) {
    const prototype = prototypeOf(className);
    const stock = prototype?.[method];
    if (prototype === undefined || stock === undefined || stock[STOCK] !== undefined) continue;
    const own = Object.hasOwn(prototype, method) ? stock : undefined;
    prototype[method] = Object.assign(create(stock), { [STOCK]: { own } });
  }
}

/** Gives the layers their own methods back. */
export function restoreLayers(): void {
  for (const { className, method } of patches) {
    const prototype = prototypeOf(className);
    const stock = prototype?.[method]?.[STOCK];
    if (prototype === undefined || stock === undefined) continue;
    if (stock.own === undefined) delete prototype[method];
    else prototype[method] = stock.own;
  }
}
