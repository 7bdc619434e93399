import { Concat, type KernelFunc, Slice, type TensorInfo } from '@tensorflow/tfjs-core';
import { compose } from './compose.ts';

/** `Transform` of cpu, which returns after the first image of a batch and leaves the others at the fill value. */
export const withEveryImage =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { image, transforms } = call.inputs as { image: TensorInfo; transforms: TensorInfo };
    const count = image.shape[0]!;
    if (count <= 1) return stock(call);
    return compose('cpu', call.backend, (run) => {
      const row = (x: TensorInfo, i: number): TensorInfo => {
        const begin = x.shape.map((_, axis) => (axis === 0 ? i : 0));
        return run(Slice, { x }, { begin, size: x.shape.with(0, 1) });
      };
      const images = Array.from({ length: count }, (_, i) => {
        // One transformation may be for all images.
        const own = transforms.shape[0] === 1 ? transforms : row(transforms, i);
        return run(stock, { image: row(image, i), transforms: own }, call.attrs);
      });
      return run(Concat, images, { axis: 0 });
    });
  };
