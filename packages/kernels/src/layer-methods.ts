import {
  add,
  conv2d,
  depthwiseConv2d,
  ones,
  pad,
  serialization,
  type Tensor,
  type Tensor4D,
  tidy,
  transpose,
  zeros,
} from '@tensorflow/tfjs-core';
import { isDense, runDense } from './dense.ts';
import { layerNorm } from './layer-norm.ts';

/** The members of tfjs-layers' layers that are read or set here. */
interface Layer {
  trainable: boolean;
  padding: string;
  dataFormat: string;
  kernelSize: number[];
  strides: [number, number];
  dilationRate: number[];
  axis: number | number[];
  scale: boolean;
  center: boolean;
  epsilon: number;
  gamma?: Weight | null;
  beta?: Weight | null;
  bias?: Weight | null;
  kernel: Weight;
  depthwiseKernel: Weight;
  activation: { apply(x: Tensor): Tensor } | null;
  invokeCallHook(inputs: Tensor | Tensor[], kwargs: Kwargs): void;
}
interface Weight {
  read(): Tensor;
}
interface Kwargs {
  readonly mask?: Tensor | null;
  readonly training?: boolean;
}

type Call = (this: Layer, inputs: Tensor | Tensor[], kwargs: Kwargs) => Tensor;
type Shape = (this: Layer, inputShape: (number | null)[]) => (number | null)[];
type Build = (this: Layer, inputShape: (number | null)[]) => void;
type Method = Call | Shape | Build;

interface Patch<M> {
  readonly className: string;
  readonly method: string;
  readonly create: (stock: M) => M;
}

const patch = <M extends Method>(
  className: string,
  method: string,
  create: (stock: M) => M,
): Patch<Method> => ({ className, method, create: create as unknown as (stock: Method) => Method });

const one = (inputs: Tensor | Tensor[]): Tensor => (Array.isArray(inputs) ? inputs[0]! : inputs);

/** The result of `run` while the layer has different settings. */
function withSettings<Result>(layer: Layer, settings: Partial<Layer>, run: () => Result): Result {
  const before = Object.fromEntries(
    Object.keys(settings).map((key) => [key, layer[key as keyof Layer]]),
  );
  Object.assign(layer, settings);
  try {
    return run();
  } finally {
    Object.assign(layer, before);
  }
}

/** Channels first: tfjs transposes the layer's input, but not its output. */
const conv1dChannelsFirst = patch<Call>(
  'Conv1D',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      if (this.dataFormat !== 'channelsFirst') return stock.call(this, inputs, kwargs);
      return tidy(() => {
        const x = transpose(one(inputs), [0, 2, 1]);
        const settings = { dataFormat: 'channelsLast' };
        return transpose(
          withSettings(this, settings, () => stock.call(this, x, kwargs)),
          [0, 2, 1],
        );
      });
    },
);

/** Each step sees itself and those before it: zeros before the first step, and no padding after the last. */
const conv1dCausal = patch<Call>(
  'Conv1D',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      if (this.padding !== 'causal') return stock.call(this, inputs, kwargs);
      return tidy(() => {
        const before = (this.kernelSize[0]! - 1) * this.dilationRate[0]!;
        const paddings: [number, number][] = [
          [0, 0],
          [0, 0],
          [0, 0],
        ];
        paddings[this.dataFormat === 'channelsFirst' ? 2 : 1] = [before, 0];
        const x = pad(one(inputs), paddings);
        return withSettings(this, { padding: 'valid' }, () => stock.call(this, x, kwargs));
      });
    },
);

/** As many steps as in the input. */
const conv1dCausalShape = patch<Shape>(
  'Conv1D',
  'computeOutputShape',
  (stock) =>
    function (inputShape) {
      const padding = this.padding === 'causal' ? 'same' : this.padding;
      return withSettings(this, { padding }, () => stock.call(this, inputShape));
    },
);

/** The gradient of the fused convolution, which tfjs runs while it records a gradient, does not support dilation. */
const conv2dDilated = patch<Call>(
  'Conv2D',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      if (this.dilationRate.every((rate) => rate === 1)) return stock.call(this, inputs, kwargs);
      return convolve(this, inputs, (x, padding, rates) =>
        conv2d(x, this.kernel.read() as Tensor4D, this.strides, padding, 'NHWC', rates),
      );
    },
);

/** Convolution, bias and activation, one after the other. */
function convolve(
  layer: Layer,
  inputs: Tensor | Tensor[],
  run: (x: Tensor4D, padding: 'same' | 'valid', rates: [number, number]) => Tensor,
): Tensor {
  return tidy(() => {
    const isFirst = layer.dataFormat === 'channelsFirst';
    const x = one(inputs) as Tensor4D;
    const images = isFirst ? transpose(x, [0, 2, 3, 1]) : x;
    let y = run(images, layer.padding as 'same', layer.dilationRate as [number, number]);
    if (layer.bias) y = add(y, layer.bias.read());
    if (isFirst) y = transpose(y, [0, 3, 1, 2]);
    return layer.activation === null ? y : layer.activation.apply(y);
  });
}

/** tfjs leaves out the dilation rate. */
const depthwiseDilated = patch<Call>(
  'DepthwiseConv2D',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      if (this.dilationRate.every((rate) => rate === 1)) return stock.call(this, inputs, kwargs);
      return convolve(this, inputs, (x, padding, rates) =>
        depthwiseConv2d(
          x,
          this.depthwiseKernel.read() as Tensor4D,
          this.strides,
          padding,
          'NHWC',
          rates,
        ),
      );
    },
);

const depthwiseDilatedShape = patch<Shape>(
  'DepthwiseConv2D',
  'computeOutputShape',
  (stock) =>
    function (inputShape) {
      const reach = this.kernelSize.map((size, i) => (size - 1) * this.dilationRate[i]! + 1);
      const settings = { kernelSize: reach, dilationRate: [1, 1] };
      return withSettings(this, settings, () => stock.call(this, inputShape));
    },
);

/** tfjs always takes a softmax along the last axis. */
const softmaxAxis = patch<Call>(
  'Softmax',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      const x = one(inputs);
      const [axis, ...more] = [this.axis].flat();
      const place = axis! < 0 ? axis! + x.rank : axis!;
      if (more.length > 0 || place === x.rank - 1) return stock.call(this, inputs, kwargs);
      return tidy(() => {
        const order = [...Array(x.rank).keys()].with(place, x.rank - 1).with(-1, place);
        const { mask } = kwargs;
        const turned = mask == null ? kwargs : { ...kwargs, mask: transpose(mask, order) };
        const y = withSettings(this, { axis: -1 }, () =>
          stock.call(this, transpose(x, order), turned),
        );
        return transpose(y, order);
      });
    },
);

/** Training reads scale and center, whether they exist or not. */
const normalizationWithoutScale = patch<Build>(
  'BatchNormalization',
  'build',
  (stock) =>
    function (inputShape) {
      stock.call(this, inputShape);
      const shape = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as number[];
      const axis = this.axis as number;
      const size = shape.at(axis)!;
      if (!this.scale) this.gamma ??= { read: () => ones([size]) };
      if (!this.center) this.beta ??= { read: () => zeros([size]) };
    },
);

/** A frozen layer keeps its statistics and normalizes by them, as in Keras since version 2. */
const frozenNormalization = patch<Call>(
  'BatchNormalization',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      const given = this.trainable ? kwargs : { ...kwargs, training: false };
      return stock.call(this, inputs, given);
    },
);

/** One operation where the backend has it, in the place of a product between reshapes and a transpose. */
const denseAtOnce = patch<Call>(
  'Dense',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      const x = one(inputs);
      if (!isDense(x)) return stock.call(this, inputs, kwargs);
      return tidy(() => {
        this.invokeCallHook(inputs, kwargs);
        const y = runDense(x, this.kernel.read(), this.bias?.read());
        return this.activation === null ? y : this.activation.apply(y);
      });
    },
);

/** In one pass where the backend has it, and the axis is the last one. */
const layerNormalizationAtOnce = patch<Call>(
  'LayerNormalization',
  'call',
  (stock) =>
    function (inputs, kwargs) {
      const x = one(inputs);
      const [axis, ...more] = [this.axis].flat();
      if (more.length > 0 || axis !== x.rank - 1) return stock.call(this, inputs, kwargs);
      return tidy(() => {
        const [gain, center] = [this.gamma, this.beta].map((weight) => weight?.read() ?? null);
        return layerNorm(x, gain!, center!, this.epsilon) ?? stock.call(this, inputs, kwargs);
      });
    },
);

/** Each stays correct with a later tfjs, which may include what it adds. Later entries wrap earlier ones. */
const PATCHES = [
  conv1dChannelsFirst,
  conv1dCausal,
  conv1dCausalShape,
  conv2dDilated,
  depthwiseDilated,
  denseAtOnce,
  depthwiseDilatedShape,
  layerNormalizationAtOnce,
  softmaxAxis,
  normalizationWithoutScale,
  frozenNormalization,
];

type Prototype = Record<string, Method & { [STOCK]?: Method | null }>;

// The stock method is attached to its replacement, so that a second copy of this package recognises it.
const STOCK: unique symbol = Symbol.for('tfjs-lrm/kernels/stock-method');

/** The class of a layer, once tfjs-layers is loaded; tfjs-core keeps the classes for loading files. */
const prototypeOf = (className: string): Prototype | undefined =>
  serialization.SerializationMap.getMap().classNameMap[className]?.[0].prototype as unknown as
    | Prototype
    | undefined;

const places = new Map(
  PATCHES.map(({ className, method }) => [`${className}.${method}`, { className, method }]),
);

/** Adds what the layers of tfjs-layers refuse or compute wrongly. Does nothing where tfjs-layers is not loaded. */
export function enableLayers(): void {
  for (const { className, method } of places.values()) {
    const prototype = prototypeOf(className);
    const stock = prototype?.[method];
    if (prototype === undefined || stock === undefined || stock[STOCK] !== undefined) continue;
    const own = Object.hasOwn(prototype, method) ? stock : null;
    const ours = PATCHES.filter((each) => each.className === className && each.method === method);
    const replaced = ours.reduce<Method>((inner, { create }) => create(inner), stock);
    prototype[method] = Object.assign(replaced, { [STOCK]: own });
  }
}

/** Undoes {@link enableLayers}. */
export function disableLayers(): void {
  for (const { className, method } of places.values()) {
    const prototype = prototypeOf(className);
    const stock = prototype?.[method]?.[STOCK];
    if (prototype === undefined || stock === undefined) continue;
    if (stock === null) delete prototype[method];
    else prototype[method] = stock;
  }
}
