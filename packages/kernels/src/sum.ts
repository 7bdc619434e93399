import {
  backend_util,
  type KernelFunc,
  type SumAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { passesOf } from './wasm-passes.ts';

/**
 * The `Sum` or `Mean` kernel for wasm over axes that are neighbours, such as the gradient of a bias: in one pass, where tfjs
 * first moves the axes to the end, and gives what was in memory for a sum of nothing.
 *
 * @param stock tfjs' kernel, for other axes and types, and where our wasm module cannot be
 */
const reduction =
  (isMean: boolean) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const backend = call.backend as WasmBackend;
    const { x } = call.inputs as { x: TensorInfo };
    const { axis, keepDims } = attributes<SumAttrs>(call.attrs);
    const axes = util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
    const [first = 0] = axes;
    const areNeighbours = axes.length > 0 && axes.every((at, i) => at === first + i);
    const passes = passesOf(backend);
    if (passes === undefined || x.dtype !== 'float32' || !areNeighbours) return stock(call);
    const [outShape, reduced] = backend_util.computeOutAndReduceShapes(x.shape, axes);
    const shape = keepDims ? backend_util.expandShapeToKeepDim(outShape, axes) : outShape;
    const out = backend.makeOutput(shape, 'float32');
    const size = util.sizeFromShape(reduced);
    passes.sum(
      ...[addressOf(backend, x), addressOf(backend, out)],
      ...[util.sizeFromShape(x.shape.slice(0, first)), size],
      ...[util.sizeFromShape(x.shape.slice(first + axes.length)), isMean ? size : 1],
    );
    return out;
  };

export const sum: (stock: KernelFunc) => KernelFunc = reduction(false);
export const mean: (stock: KernelFunc) => KernelFunc = reduction(true);
