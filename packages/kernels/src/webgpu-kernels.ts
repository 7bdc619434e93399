/** Correct kernels in place of wrong ones of webgpu, composed of other kernels. */
import {
  type CastAttrs,
  type CumsumAttrs,
  Fill,
  type KernelFunc,
  Less,
  Maximum,
  MaxPool,
  MaxPoolGrad,
  Reverse,
  Select,
  type TensorInfo,
  type UnsortedSegmentSumAttrs,
  util,
} from '@tensorflow/tfjs-core';
import { compose } from './compose.ts';
import type { PoolAttrs } from './gradients/windows.ts';

/**
 * `Cumsum` and `Cumprod` from the end, as those from the start of the reversed tensor: the stock shader has the size of
 * the axis compiled in, and is reused for other sizes.
 */
export const withForwardScan =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const { axis, reverse } = call.attrs as unknown as CumsumAttrs;
    if (!reverse) return stock(call);
    const dims = util.parseAxisParam(axis, x.shape);
    return compose('webgpu', call.backend, (run) => {
      const turned = run(Reverse, { x }, { dims });
      const sums = run(stock, { x: turned }, { ...call.attrs, reverse: false });
      return run(Reverse, { x: sums }, { dims });
    });
  };

/**
 * `Cast` of integers and bools to float32: the stock kernel returns the same bits under another name, and shaders that
 * copy them, like that of `Transpose`, do not compile.
 */
export const withFloats =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const { dtype } = call.attrs as unknown as CastAttrs;
    if (dtype !== 'float32' || (x.dtype !== 'int32' && x.dtype !== 'bool')) return stock(call);
    const renamed: TensorInfo = { ...x, dtype };
    // The larger of a number and itself: a shader that computes reads integers as floats.
    return compose('webgpu', call.backend, (run) => run(Maximum, { a: renamed, b: renamed }));
  };

/**
 * `UnsortedSegmentSum`: rows of segments past the last are ignored, where the stock kernel wraps the segment number
 * around.
 */
export const withoutSegmentsBeyond =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x, segmentIds } = call.inputs as { x: TensorInfo; segmentIds: TensorInfo };
    const { numSegments } = call.attrs as unknown as UnsortedSegmentSumAttrs;
    return compose('webgpu', call.backend, (run) => {
      const fill = (value: number): TensorInfo =>
        run(Fill, {}, { shape: segmentIds.shape, value, dtype: 'int32' });
      const condition = run(Less, { a: segmentIds, b: fill(numSegments) });
      const ids = run(Select, { condition, t: segmentIds, e: fill(-1) });
      return run(stock, { x, segmentIds: ids }, call.attrs);
    });
  };

/**
 * `MaxPool3DGrad` where the height and the width of the filter differ, which the stock shader swaps: the gradient of
 * the maxima along the depth, and then that of the maxima over height and width, both in two dimensions.
 */
export const withPlanes =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { dy, input, output } = call.inputs as Record<'dy' | 'input' | 'output', TensorInfo>;
    const { filterSize, strides, pad } = call.attrs as unknown as PoolAttrs;
    const [depth, ...sides] = ofAxes(filterSize);
    if (sides[0] === sides[1] || depth === 1 || typeof pad !== 'string') return stock(call);
    const [strideDepth, ...strideSides] = ofAxes(strides);
    const [batch, slices, rows, columns, channels] = input.shape as FiveAxes;
    const [, outSlices, outRows, outColumns] = output.shape as FiveAxes;
    const x = { ...input, shape: [batch * slices, rows, columns, channels] };
    const planes = { filterSize: sides, strides: strideSides, pad };
    const lines = { filterSize: [depth, 1], strides: [strideDepth, 1], pad };
    const asLines = (t: TensorInfo, count: number): TensorInfo => ({
      ...t,
      shape: [batch, count, outRows * outColumns, channels],
    });
    return compose('webgpu', call.backend, (run) => {
      const maxima = run(MaxPool, { x }, planes);
      const along = {
        dy: asLines(dy, outSlices),
        input: asLines(maxima, slices),
        output: asLines(output, outSlices),
      };
      const ofMaxima = { ...run(MaxPoolGrad, along, lines), shape: maxima.shape };
      const across = run(MaxPoolGrad, { dy: ofMaxima, input: x, output: maxima }, planes);
      return { ...across, shape: input.shape };
    });
  };

type FiveAxes = [number, number, number, number, number];

const ofAxes = (sides: number | readonly number[]): [number, number, number] =>
  (typeof sides === 'number' ? [sides, sides, sides] : [...sides]) as [number, number, number];
