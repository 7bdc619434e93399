import {
  backend_util,
  type KernelFunc,
  type SumAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { addressOf, roomForSums, type WasmBackend } from './wasm-backend.ts';
import { type Passes, passesOf } from './wasm-passes.ts';

/** How many float64 sums the pass adds to at a time; wasm-passes.c says the same. */
const MOST_SUMS = 1024;

/** Axes [start, end) of a tensor. */
interface Run {
  readonly start: number;
  readonly end: number;
}

/** The runs of neighbours among axes in ascending order, the last one first. */
function runsOf(axes: readonly number[]): Run[] {
  const starts = axes.filter((axis) => !axes.includes(axis - 1));
  const ends = axes.filter((axis) => !axes.includes(axis + 1)).map((axis) => axis + 1);
  return starts.map((start, i) => ({ start, end: ends[i]! })).reverse();
}

/** The sums of float32 numbers over a run of axes, or their means. */
function reduceRun(
  backend: WasmBackend,
  passes: Passes,
  x: TensorInfo,
  { start, end }: Run,
  isMean: boolean,
): TensorInfo {
  const [before, run, after] = [
    x.shape.slice(0, start),
    x.shape.slice(start, end),
    x.shape.slice(end),
  ];
  const [outer, size, inner] = [before, run, after].map(util.sizeFromShape);
  const out = backend.makeOutput([...before, ...after], 'float32');
  const sums = roomForSums(backend, Math.min(inner!, MOST_SUMS));
  passes.sum(
    ...[x, out, sums].map((tensor) => addressOf(backend, tensor)),
    ...[outer!, size!, inner!, isMean ? size! : 1],
  );
  backend.disposeData(sums.dataId);
  return out;
}

/**
 * The `Sum` or `Mean` kernel for wasm, which adds in float64 and in one pass over neighbouring axes. tfjs' own adds one
 * float32 after the other: in a MobileNetV2, a mean over 4096 pixels is off by 5e-5 of it, relus after that batch
 * normalization cut elsewhere, and the gradients of the whole model are off by 2%. It also moves the axes to the end first, and
 * gives what was in memory for a sum of nothing.
 *
 * @param stock tfjs' kernel, for other types, for no axes, and where our wasm module cannot be
 */
const reduction =
  (isMean: boolean) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const backend = call.backend as WasmBackend;
    const { x } = call.inputs as { x: TensorInfo };
    const { axis, keepDims } = attributes<SumAttrs>(call.attrs);
    const axes = util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
    const passes = passesOf(backend);
    if (passes === undefined || x.dtype !== 'float32' || axes.length === 0) return stock(call);
    const out = runsOf(axes).reduce((current, run) => {
      const next = reduceRun(backend, passes, current, run, isMean);
      if (current !== x) backend.disposeData(current.dataId);
      return next;
    }, x);
    return keepDims ? { ...out, shape: backend_util.expandShapeToKeepDim(out.shape, axes) } : out;
  };

export const sum: (stock: KernelFunc) => KernelFunc = reduction(false);
export const mean: (stock: KernelFunc) => KernelFunc = reduction(true);
