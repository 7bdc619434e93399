import type { KernelFunc, MaxPoolWithArgmaxAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { type PoolAttrs, type Windows, windowsOfPool } from './gradients/windows.ts';
import { makeZeros, valuesOf } from './typed-arrays.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `MaxPool3D` kernel for wasm: the largest element of each window of `x` [batch, depth, height, width, channels].
 * The stock kernel starts from the smallest positive number, so no window is ever negative there.
 */
export const maxPool3D: KernelFunc = ({ inputs, backend, attrs }) => {
  const { x } = inputs as { x: TensorInfo };
  const axes = windowsOfPool(x.shape, attributes<PoolAttrs>(attrs));
  const out = makeZeros(backend, [x.shape[0]!, ...axes.map(({ count }) => count), x.shape.at(-1)!]);
  const [values, results] = [valuesOf(backend, x), valuesOf(backend, out)];
  eachMaximum(x.shape, axes, values, (window, at) => {
    results[window] = values[at]!;
  });
  return out;
};

/**
 * The `MaxPoolWithArgmax` kernel for wasm, whose stock kernel also starts from the smallest positive number: the
 * largest elements, and the position of each in the image, or in the batch.
 */
export const maxPoolWithArgmax: KernelFunc = ({ inputs, backend, attrs }) => {
  const { x } = inputs as { x: TensorInfo };
  const { includeBatchInIndex } = attributes<MaxPoolWithArgmaxAttrs>(attrs);
  const axes = windowsOfPool(x.shape, attributes<PoolAttrs>(attrs));
  const shape = [x.shape[0]!, ...axes.map(({ count }) => count), x.shape.at(-1)!];
  const wasm = backend as WasmBackend;
  const [result, indexes] = [wasm.makeOutput(shape, 'float32'), wasm.makeOutput(shape, 'int32')];
  const [values, largest, places] = [x, result, indexes].map((t) => wasm.typedArrayFromHeap(t));
  const size = includeBatchInIndex ? Number.POSITIVE_INFINITY : values!.length / x.shape[0]!;
  eachMaximum(x.shape, axes, values!, (window, at) => {
    largest![window] = values![at]!;
    places![window] = at % size;
  });
  return [result, indexes];
};

/**
 * The `MaxPoolGrad` kernel for wasm and `MaxPool3DGrad` for wasm and cpu: the first largest element of each window of
 * `input` [batch, …, channels] gets that window's element of `dy`. The stock kernels of wasm take the first element of
 * the window where none is positive; that of cpu takes others where the height and width of the filter differ.
 */
export const maxPoolGrad: KernelFunc = ({ inputs, backend, attrs }) => {
  const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
  const out = makeZeros(backend, input.shape);
  const sums = valuesOf(backend, out);
  const [values, dyValues] = [valuesOf(backend, input), valuesOf(backend, dy)];
  const axes = windowsOfPool(input.shape, attributes<PoolAttrs>(attrs));
  eachMaximum(input.shape, axes, values, (window, at) => {
    sums[at]! += dyValues[window]!;
  });
  return out;
};

const ONE: Windows = { size: 1, filter: 1, stride: 1, before: 0, count: 1 };

/** Calls `visit` with each window, in the order of the results, and with the position of its first largest element. */
function eachMaximum(
  shape: readonly number[],
  axes: readonly Windows[],
  values: ArrayLike<number>,
  visit: (window: number, at: number) => void,
): void {
  // Two dimensions are three dimensions with a depth of 1.
  const [depth, height, width] = [ONE, ...axes].slice(-3) as [Windows, Windows, Windows];
  const [batch, channels] = [shape[0]!, shape.at(-1)!];
  const range = ({ stride, before, filter, size }: Windows, o: number): [number, number] => {
    const first = o * stride - before;
    return [Math.max(0, first), Math.min(size, first + filter)];
  };
  let window = 0;
  for (let image = 0; image < batch; image++)
    for (let z = 0; z < depth.count; z++) {
      const [front, back] = range(depth, z);
      for (let y = 0; y < height.count; y++) {
        const [top, bottom] = range(height, y);
        for (let x = 0; x < width.count; x++) {
          const [left, right] = range(width, x);
          for (let channel = 0; channel < channels; channel++, window++) {
            let largest = Number.NEGATIVE_INFINITY;
            let at = -1;
            for (let plane = front; plane < back; plane++)
              for (let row = top; row < bottom; row++) {
                const line = ((image * depth.size + plane) * height.size + row) * width.size;
                for (let column = left; column < right; column++) {
                  const i = (line + column) * channels + channel;
                  if (values[i]! <= largest) continue;
                  largest = values[i]!;
                  at = i;
                }
              }
            if (at >= 0) visit(window, at);
          }
        }
      }
    }
}
