/** Correct kernels in place of wrong ones of webgl, composed of other kernels. */
import {
  type BatchMatMulAttrs,
  Fill,
  GatherV2,
  type KernelFunc,
  Multiply,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { compose } from './compose.ts';

/**
 * `CropAndResize`, whose stock shader crops the i-th image to the i-th box and ignores `boxInd`: so it gets the image
 * of each box.
 */
export const withImagesOfBoxes =
  (stock: KernelFunc): KernelFunc =>
  ({ inputs, backend, attrs }) => {
    const { image, boxes, boxInd } = inputs as Record<'image' | 'boxes' | 'boxInd', TensorInfo>;
    return compose('webgl', backend, (run) => {
      const images = run(GatherV2, { x: image, indices: boxInd }, { axis: 0, batchDims: 0 });
      // Any index within the batch.
      const first = run(Fill, {}, { shape: boxInd.shape, value: 0, dtype: 'int32' });
      return run(stock, { image: images, boxes, boxInd: first }, attrs);
    });
  };

/**
 * `BatchMatMul` of two rows, the first transposed, as the product of a column and a row: the textures of vectors that
 * were multiplied hold them twice, and the stock shader sums both.
 */
export const withOuterProducts =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = call.attrs as unknown as BatchMatMulAttrs;
    const isOuter = transposeA && !transposeB && a.shape.at(-2) === 1 && b.shape.at(-2) === 1;
    if (!isOuter || Math.max(a.shape.length, b.shape.length) > 4) return stock(call);
    const column = { ...a, shape: [...a.shape.slice(0, -2), a.shape.at(-1)!, 1] };
    return compose('webgl', call.backend, (run) => run(Multiply, { a: column, b }));
  };
