import {
  backend_util,
  getKernel,
  type KernelFunc,
  type StridedSliceAttrs,
  type TensorInfo,
  Tile,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { stridedSliceInfo } from './strided-slice-info.ts';

type Call = Parameters<KernelFunc>[0];

interface Disposing {
  disposeData(dataId: TensorInfo['dataId']): boolean;
}

/** Runs `stock` with some inputs copied along axes until they have the shape that `shapes` asks for. */
function onTiled(
  backendName: string,
  stock: KernelFunc,
  call: Call,
  shapes: Readonly<Record<string, readonly number[]>>,
): ReturnType<KernelFunc> {
  const { backend } = call;
  const inputs = { ...call.inputs };
  const copies: TensorInfo[] = [];
  try {
    for (const [name, shape] of Object.entries(shapes)) {
      const input = call.inputs[name];
      if (input === undefined) continue;
      const own = [...new Array<number>(shape.length - input.shape.length).fill(1), ...input.shape];
      const reps = shape.map((side, axis) => side / own[axis]!);
      if (reps.every((rep) => rep === 1)) continue;
      const copy = getKernel(Tile, backendName).kernelFunc({
        inputs: { x: { ...input, shape: own } },
        backend,
        attrs: { reps },
      }) as TensorInfo;
      copies.push(copy);
      inputs[name] = copy;
    }
    return stock({ ...call, inputs });
  } finally {
    for (const { dataId } of copies) (backend as Disposing).disposeData(dataId);
  }
}

/**
 * `BatchMatMul` of cpu, webgl and webgpu, whose operands may broadcast each other: tfjs counts the matrices of both
 * through, so that with batches of [5, 1] and [2] it multiplies others than those that belong together.
 */
export const withBroadcastBatches =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    const [ofA, ofB] = [a, b].map(({ shape }) => shape.slice(0, -2)) as [number[], number[]];
    const isPlain =
      util.arraysEqual(ofA, ofB) || util.sizeFromShape(ofA) === 1 || util.sizeFromShape(ofB) === 1;
    if (isPlain) return stock(call);
    const batch = backend_util.assertAndGetBroadcastShape(ofA, ofB);
    return onTiled(backendName, stock, call, {
      a: [...batch, ...a.shape.slice(-2)],
      b: [...batch, ...b.shape.slice(-2)],
    });
  };

/**
 * `FusedBatchNorm` of cpu and wasm with statistics along an axis other than the last: tfjs cycles through their
 * elements, whatever their shape.
 */
export const withBroadcastStatistics =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x, mean } = call.inputs as { x: TensorInfo; mean: TensorInfo };
    const own = mean.shape.slice(mean.shape.findIndex((side) => side !== 1));
    const isTrailing = util.arraysEqual(own, x.shape.slice(x.shape.length - own.length));
    if (mean.shape.length === 1 || isTrailing) return stock(call);
    const shapes = ['mean', 'variance', 'scale', 'offset'].map((name) => [name, x.shape]);
    return onTiled(backendName, stock, call, Object.fromEntries(shapes));
  };

/**
 * `StridedSlice` that drops axes where other axes have strides: tfjs takes the strides of the remaining axes from the
 * front of the list. So no axis is dropped until the elements have been taken.
 */
export const withAllAxes =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    if (attributes<StridedSliceAttrs>(call.attrs).shrinkAxisMask === 0) return stock(call);
    const { begin, end, strides, finalShape } = stridedSliceInfo(x.shape, call.attrs);
    // An end before the first element can only be expressed by its mask.
    const endMask = end.reduce((mask, at, axis) => (at < 0 ? mask | (1 << axis) : mask), 0);
    const masks = { beginMask: 0, endMask, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
    const whole = stock({ ...call, attrs: { begin, end, strides, ...masks } }) as TensorInfo;
    return { ...whole, shape: finalShape };
  };
