import type { backend_util, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { type PoolAttrs, windowsOfPool } from './gradients/windows.ts';

/**
 * `AvgPool` and `MaxPool` for wasm where padding is given in numbers. XNNPACK computes the size of its result itself,
 * rounding down; where tfjs rounds up, or takes filter and strides for square, it writes another size than was made room
 * for, and elements are zeros or the heap breaks. So it is told a padding at the end with which both sizes agree.
 *
 * @param stock tfjs' kernel, which does the work
 */
export function withPadding(kernelName: string, stock: KernelFunc): KernelFunc {
  return (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const attrs = call.attrs as unknown as PoolAttrs;
    if (typeof attrs.pad === 'string') return stock(call);
    const sides = windowsOfPool(x.shape, attrs).map(
      ({ size, filter, stride, before, count }): [number, number] => {
        const after = Math.max(0, (count - 1) * stride + filter - before - size);
        if (Math.floor((before + size + after - filter) / stride) + 1 !== count)
          throw new RangeError(
            `${kernelName}: padding as a number takes filter and strides for square in tfjs. Received ${attrs.pad}, ` +
              `filter [${attrs.filterSize}] and strides [${attrs.strides}]. Try [[0, 0], [${attrs.pad}, ${attrs.pad}], ` +
              `[${attrs.pad}, ${attrs.pad}], [0, 0]].`,
          );
        return [before, after];
      },
    );
    const pad = [[0, 0], ...sides, [0, 0]] as backend_util.ExplicitPadding;
    return stock({
      ...call,
      attrs: { ...call.attrs, pad: pad as never, dimRoundingMode: 'floor' },
    });
  };
}
