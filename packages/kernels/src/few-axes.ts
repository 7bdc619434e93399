import {
  Identity,
  type KernelFunc,
  type PadV2Attrs,
  type ReverseAttrs,
  type StridedSliceAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { compose } from './compose.ts';
import { stridedSliceInfo } from './strided-slice-info.ts';

type Call = Parameters<KernelFunc>[0];

/** Beyond this rank, the shaders of `PadV2`, `Reverse` and `StridedSlice` of webgl and webgpu are wrong or missing. */
const MOST_AXES = 4;

/** The operation along one axis: the attributes of the kernel on [before, the axis, after]. */
interface Step {
  readonly axis: number;
  readonly attrs: object;
}

/** Runs `stock` along one axis after the other, so that it never gets more than three. */
const axisByAxis = (
  backendName: string,
  stock: KernelFunc,
  { inputs, backend }: Call,
  steps: readonly Step[],
): TensorInfo =>
  compose(backendName, backend, (run) => {
    let current = run(Identity, { x: inputs['x'] as TensorInfo });
    for (const { axis, attrs } of steps) {
      const { dataId, dtype, shape } = current;
      const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
      const sides = [util.sizeFromShape(before), shape[axis]!, util.sizeFromShape(after)];
      const out = run(stock, { x: { dataId, dtype, shape: sides } }, attrs);
      current = { ...out, shape: [...before, out.shape[1]!, ...after] };
    }
    return current;
  });

const shapeOf = ({ inputs }: Call): number[] => (inputs['x'] as TensorInfo).shape;

/** `Reverse` of any rank. */
export const reverseAxes =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const shape = shapeOf(call);
    if (shape.length <= MOST_AXES) return stock(call);
    const axes = util.parseAxisParam((call.attrs as unknown as ReverseAttrs).dims, shape);
    const steps = axes.map((axis) => ({ axis, attrs: { dims: [1] } }));
    return axisByAxis(backendName, stock, call, steps);
  };

/** `PadV2` of any rank. */
export const padAxes =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    if (shapeOf(call).length <= MOST_AXES) return stock(call);
    const { paddings, constantValue } = call.attrs as unknown as PadV2Attrs;
    const none = [0, 0];
    const steps = paddings.flatMap((padding, axis) =>
      padding[0] + padding[1] === 0
        ? []
        : [{ axis, attrs: { paddings: [none, padding, none], constantValue } }],
    );
    return axisByAxis(backendName, stock, call, steps);
  };

/** `StridedSlice` of any rank. */
export const stridedSliceAxes =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const shape = shapeOf(call);
    if (shape.length <= MOST_AXES) return stock(call);
    const { begin, end, strides, finalShape } = stridedSliceInfo(shape, call.attrs);
    const steps = shape.flatMap((size, axis) =>
      begin[axis] === 0 && end[axis] === size && strides[axis] === 1
        ? []
        : [{ axis, attrs: sliceOfMiddle(begin[axis]!, end[axis]!, strides[axis]!) }],
    );
    return { ...axisByAxis(backendName, stock, call, steps), shape: finalShape };
  };

/** The attributes of a strided slice along the second of three axes. */
const sliceOfMiddle = (begin: number, end: number, stride: number): StridedSliceAttrs => ({
  begin: [0, begin, 0],
  end: [0, end, 0],
  strides: [1, stride, 1],
  beginMask: 0b101,
  // An end before the first element can only be expressed by its mask.
  endMask: end < 0 ? 0b111 : 0b101,
  ellipsisMask: 0,
  newAxisMask: 0,
  shrinkAxisMask: 0,
});
