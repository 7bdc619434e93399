import {
  backend_util,
  type GatherV2Attrs,
  type KernelFunc,
  type Tensor,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import type { WasmBackend } from './wasm-backend.ts';

/** From so many numbers on, copying them at once is faster than tfjs' loop, which finds the place of each. */
const LONG = 16;

/**
 * The `GatherV2` kernel for wasm where each element of a batch has its own indices, or where what is gathered is long,
 * as the rows of an embedding: there the stock kernel takes wrong elements and reads outside its input, or is slow.
 *
 * @param stock tfjs' kernel, for one list of indices of short pieces
 */
export function gather(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { x, indices } = call.inputs as { x: TensorInfo; indices: TensorInfo };
    const { axis, batchDims } = attributes<GatherV2Attrs>(call.attrs);
    if (x.dtype === 'string') return stock(call);
    const backend = call.backend as WasmBackend;
    const shape = backend_util.segment_util.collectGatherOpShapeInfo(
      x as Tensor,
      indices as Tensor,
      util.parseAxisParam(axis, x.shape)[0]!,
      batchDims ?? 0,
    );
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shape;
    if (!batchDims && sliceSize < LONG) return stock(call);
    const out = backend.makeOutput(outputShape, x.dtype);
    const [to, from, places] = [out, x, indices].map((t) => backend.typedArrayFromHeap(t));
    const count = util.sizeFromShape(indices.shape) / batchSize;
    let at = 0;
    for (let batch = 0; batch < batchSize; batch++)
      for (let outer = 0; outer < outerSize; outer++)
        for (let i = 0; i < count; i++, at += sliceSize) {
          const place = places![batch * count + i]!;
          if (!(place >= 0 && place < dimSize))
            throw new Error(`GatherV2: the index value ${place} is not in [0, ${dimSize - 1}]`);
          const start = ((batch * outerSize + outer) * dimSize + place) * sliceSize;
          to!.set(from!.subarray(start, start + sliceSize), at);
        }
    return out;
  };
}
