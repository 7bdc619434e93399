import type { backend_util, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { explicitPadding, type PoolAttrs, windowsOfPool } from './gradients/windows.ts';

/**
 * Convolutions and pooling of two dimensions on any backend, with numeric padding given for each side: tfjs assumes
 * square filters and strides where padding is one number.
 */
export const withSides =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { pad, dataFormat } = attributes<{ pad: unknown; dataFormat?: string }>(call.attrs);
    if (typeof pad !== 'number') return stock(call);
    const sides = explicitPadding(pad, dataFormat === 'NCHW');
    return stock({ ...call, attrs: { ...call.attrs, pad: sides as never } });
  };

/**
 * `AvgPool` and `MaxPool` for wasm with numeric padding. XNNPACK computes the size of its result itself, rounding down;
 * where tfjs rounds up it writes another size than was allocated, so that elements stay zero or the heap is corrupted.
 * So it is given an end padding with which both sizes agree.
 *
 * @param stock tfjs' kernel, which does the work
 */
export const withPadding =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const attrs = attributes<PoolAttrs>(call.attrs);
    if (typeof attrs.pad === 'string') return stock(call);
    const sides = windowsOfPool(x.shape, attrs).map(
      ({ size, filter, stride, before, count }): [number, number] => [
        before,
        Math.max(0, (count - 1) * stride + filter - before - size),
      ],
    );
    const pad = [[0, 0], ...sides, [0, 0]] as backend_util.ExplicitPadding;
    return stock({
      ...call,
      attrs: { ...call.attrs, pad: pad as never, dimRoundingMode: 'floor' },
    });
  };
