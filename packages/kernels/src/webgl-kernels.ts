/** Correct kernels in place of wrong ones of webgl. */
import {
  type BatchMatMulAttrs,
  type DataType,
  Fill,
  GatherV2,
  type KernelFunc,
  Multiply,
  Reshape,
  sumOutType,
  type TensorInfo,
  type UnsortedSegmentSumAttrs,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { compose } from './compose.ts';
import { checkIds } from './unsorted-segment-sum.ts';

interface WebglBackend {
  runWebGLProgram(
    program: { variableNames: string[]; outputShape: number[]; userCode: string },
    inputs: TensorInfo[],
    dtype: DataType,
  ): TensorInfo;
}

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

/**
 * `UnsortedSegmentSum` in one pass: the stock shader sums windows of more than thirty rows first, and finds a window by
 * dividing floats. Where the quotient falls just below a whole number, it sums the window before it once more.
 */
export const unsortedSegmentSumInOnePass: KernelFunc = ({ inputs, backend, attrs }) => {
  const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
  const { numSegments } = attributes<UnsortedSegmentSumAttrs>(attrs);
  checkIds(x, segmentIds);
  const [rows = 0, ...rowShape] = x.shape;
  const size = util.sizeFromShape(rowShape);
  const shape = [numSegments, ...rowShape];
  const dtype = sumOutType(x.dtype);
  return compose('webgl', backend, (run) => {
    if (rows * size * numSegments === 0) return run(Fill, {}, { shape, value: 0, dtype });
    const program = {
      variableNames: ['x', 'segmentIds'],
      outputShape: [numSegments, size],
      userCode: `
        void main() {
          ivec2 place = getOutputCoords();
          float sum = 0.0;
          for (int row = 0; row < ${rows}; row++)
            if (int(getSegmentIds(row)) == place.x) sum += getX(row, place.y);
          setOutput(sum);
        }`,
    };
    const sums = (): TensorInfo =>
      (backend as WebglBackend).runWebGLProgram(
        program,
        [run(Reshape, { x }, { shape: [rows, size] }), segmentIds],
        dtype,
      );
    return run(Reshape, { x: run(sums, {}) }, { shape });
  });
};
