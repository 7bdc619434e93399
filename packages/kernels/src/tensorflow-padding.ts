/** Numeric padding on tensorflow, whose pooling and convolution gradients support only `valid` and `same`. */
import {
  backend_util,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  Fill,
  type KernelFunc,
  PadV2,
  RealDiv,
  Slice,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { compose, type Run } from './compose.ts';
import {
  explicitPadding,
  isInside,
  type PoolAttrs,
  paddedSize,
  type Windows,
  windowsOfPool,
} from './gradients/windows.ts';

type Call = Parameters<KernelFunc>[0];
type FourAxes = [number, number, number, number];

/** Less than any other number. */
const LEAST = -3.4028234663852886e38;

const isPadded = (attrs: unknown): boolean => typeof (attrs as PoolAttrs).pad !== 'string';
const valid = ({ attrs }: Call): object => ({ ...attrs, pad: 'valid', dimRoundingMode: undefined });

/** [batch, …, channels] padded so far that all windows are inside. */
const padded = (run: Run, x: TensorInfo, axes: readonly Windows[], value: number): TensorInfo => {
  if (isInside(axes)) return x;
  const sides = axes.map((axis) => [axis.before, paddedSize(axis) - axis.before - axis.size]);
  return run(PadV2, { x }, { paddings: [[0, 0], ...sides, [0, 0]], constantValue: value });
};

/** `MaxPool` and `MaxPool3D` with numeric padding: `valid`, on the padded tensor. */
export const withPaddedMaxima =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    if (!isPadded(call.attrs)) return stock(call);
    const { x } = call.inputs as { x: TensorInfo };
    const axes = windowsOfPool(x.shape, call.attrs as unknown as PoolAttrs);
    return compose('tensorflow', call.backend, (run) =>
      run(stock, { x: padded(run, x, axes, LEAST) }, valid(call)),
    );
  };

/**
 * `AvgPool` and `AvgPool3D` with numeric padding: the average including zeros, divided by the share of elements that
 * are not padding.
 */
export const withPaddedAverages =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    if (!isPadded(call.attrs)) return stock(call);
    const { x } = call.inputs as { x: TensorInfo };
    const axes = windowsOfPool(x.shape, call.attrs as unknown as PoolAttrs);
    return compose('tensorflow', call.backend, (run) => {
      const averages = run(stock, { x: padded(run, x, axes, 0) }, valid(call));
      if (isInside(axes)) return averages;
      const shape = x.shape.with(0, 1).with(-1, 1);
      const ones = run(Fill, {}, { shape, value: 1, dtype: 'float32' });
      const shares = run(stock, { x: padded(run, ones, axes, 0) }, valid(call));
      return run(RealDiv, { a: averages, b: shares });
    });
  };

/** `MaxPoolGrad` with numeric padding: the gradient of the padded tensor, without the padding. */
export const withPaddedGradient =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    if (!isPadded(call.attrs)) return stock(call);
    const { dy, input, output } = call.inputs as Record<'dy' | 'input' | 'output', TensorInfo>;
    const axes = windowsOfPool(input.shape, call.attrs as unknown as PoolAttrs, output.shape);
    return compose('tensorflow', call.backend, (run) => {
      const all = { dy, output, input: padded(run, input, axes, LEAST) };
      const x = run(stock, all, valid(call));
      const begin = [0, ...axes.map(({ before }) => before), 0];
      return isInside(axes) ? x : run(Slice, { x }, { begin, size: input.shape });
    });
  };

/** `Conv2DBackpropInput`, which also runs `tf.conv2dTranspose`, with numeric padding. */
export const withPaddedInput =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { dy, filter } = call.inputs as { dy: TensorInfo; filter: TensorInfo };
    const attrs = call.attrs as unknown as Conv2DBackpropInputAttrs;
    if (!isPadded(attrs) || attrs.dataFormat === 'NCHW') return stock(call);
    const { inputShape } = attrs;
    const axes = windowsOfConv(inputShape, filter.shape, dy.shape, attrs);
    const [height, width] = axes.map(paddedSize) as [number, number];
    return compose('tensorflow', call.backend, (run) => {
      const shape = inputShape.with(1, height).with(2, width);
      const x = run(stock, { dy, filter }, { ...valid(call), inputShape: shape });
      const begin = [0, ...axes.map(({ before }) => before), 0];
      return run(Slice, { x }, { begin, size: inputShape });
    });
  };

/** `Conv2DBackpropFilter` with numeric padding: `valid`, on the padded tensor. */
export const withPaddedFilter =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x, dy } = call.inputs as { x: TensorInfo; dy: TensorInfo };
    const attrs = call.attrs as unknown as Conv2DBackpropFilterAttrs;
    if (!isPadded(attrs) || attrs.dataFormat === 'NCHW') return stock(call);
    const axes = windowsOfConv(x.shape, attrs.filterShape, dy.shape, attrs);
    return compose('tensorflow', call.backend, (run) =>
      run(stock, { x: padded(run, x, axes, 0), dy }, valid(call)),
    );
  };

/** The windows of a convolution over height and width, as many as dy has. */
function windowsOfConv(
  input: readonly number[],
  filter: readonly number[],
  dy: readonly number[],
  { strides, pad, dimRoundingMode }: Omit<Conv2DBackpropInputAttrs, 'inputShape'>,
): Windows[] {
  const info = backend_util.computeConv2DInfo(
    input as FourAxes,
    filter as FourAxes,
    strides,
    1,
    explicitPadding(pad),
    dimRoundingMode,
  );
  const axis = (size: number, side: number, stride: number, before: number, count: number) => ({
    size,
    filter: side,
    stride,
    before,
    count,
  });
  const { top, left } = info.padInfo;
  return [
    axis(info.inHeight, info.filterHeight, info.strideHeight, top, dy[1]!),
    axis(info.inWidth, info.filterWidth, info.strideWidth, left, dy[2]!),
  ];
}
