import {
  backend_util,
  type GatherV2Attrs,
  type KernelFunc,
  type Tensor,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { passesOf } from './wasm-passes.ts';

/**
 * The `GatherV2` kernel for wasm, which copies slices whole: tfjs' own computes a place for every element. Where each element
 * of a batch has its own indices, that one takes wrong elements, and reads outside its input.
 *
 * @param stock tfjs' kernel, for strings, and for one list of indices where our wasm module cannot be
 */
export function gather(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { x, indices } = call.inputs as { x: TensorInfo; indices: TensorInfo };
    const { axis, batchDims } = attributes<GatherV2Attrs>(call.attrs);
    const backend = call.backend as WasmBackend;
    const passes = indices.dtype === 'int32' ? passesOf(backend) : undefined;
    if (x.dtype === 'string' || (passes === undefined && !batchDims)) return stock(call);
    const shape = backend_util.segment_util.collectGatherOpShapeInfo(
      x as Tensor,
      indices as Tensor,
      util.parseAxisParam(axis, x.shape)[0]!,
      batchDims ?? 0,
    );
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = shape;
    const count = util.sizeFromShape(indices.shape) / batchSize;
    const out = backend.makeOutput(outputShape, x.dtype);
    const [to, from, places] = [out, x, indices].map((t) => backend.typedArrayFromHeap(t));
    function refuse(place: number): never {
      backend.disposeData(out.dataId);
      throw new Error(`GatherV2: the index value ${place} is not in [0, ${dimSize - 1}]`);
    }
    if (passes !== undefined) {
      const [toX, toIndices, toOut] = [x, indices, out].map((t) => addressOf(backend, t));
      const bytes = sliceSize * util.bytesPerElement(x.dtype);
      const wrong = passes.gather(
        ...[toX!, toIndices!, toOut!],
        ...[batchSize, outerSize, dimSize, count, bytes],
      );
      return wrong < 0 ? out : refuse(places![wrong]!);
    }
    let at = 0;
    for (let batch = 0; batch < batchSize; batch++)
      for (let outer = 0; outer < outerSize; outer++)
        for (let i = 0; i < count; i++, at += sliceSize) {
          const place = places![batch * count + i]!;
          if (!(place >= 0 && place < dimSize)) refuse(place);
          const start = ((batch * outerSize + outer) * dimSize + place) * sliceSize;
          to!.set(from!.subarray(start, start + sliceSize), at);
        }
    return out;
  };
}
