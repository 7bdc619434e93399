import {
  backend_util,
  getKernel,
  type KernelFunc,
  PadV2,
  Slice,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';

type Shape = [number, number, number, number, number];
type Sides = [number, number, number];
type Call = Parameters<KernelFunc>[0];

/** The attributes that define the windows. */
interface Attrs {
  readonly strides: Sides | number;
  readonly dilations?: Sides | number;
  readonly pad: string | number;
}

/**
 * The shape of [batch, depth, height, width, channels] without the elements at the end that no window meets where
 * padding is 'same' and a stride is larger than the filter: there tfjs pads by a negative number, so its windows begin
 * elsewhere than TensorFlow's. Without these elements the padding is zero. Null where windows meet all elements.
 */
export function metShape(shape: readonly number[], filter: Sides, attrs: Attrs): Shape | null {
  if (attrs.pad !== 'same') return null;
  const info = backend_util.computeConv3DInfo(
    shape as Shape,
    [...filter, 1, 1],
    attrs.strides,
    attrs.dilations ?? 1,
    'same',
  );
  const met = (size: number, count: number, stride: number, extent: number): number =>
    Math.min(size, (count - 1) * stride + extent);
  const sides: Sides = [
    met(info.inDepth, info.outDepth, info.strideDepth, info.effectiveFilterDepth),
    met(info.inHeight, info.outHeight, info.strideHeight, info.effectiveFilterHeight),
    met(info.inWidth, info.outWidth, info.strideWidth, info.effectiveFilterWidth),
  ];
  const isWhole = sides.every((side, i) => side === shape[i + 1]);
  return isWhole ? null : [shape[0]!, ...sides, shape[4]!];
}

const run = (name: string, backendName: string, call: Call): TensorInfo =>
  getKernel(name, backendName).kernelFunc(call) as TensorInfo;

interface Disposing {
  disposeData(dataId: TensorInfo['dataId']): boolean;
}

/** The side lengths of a kernel's windows: from its filter, the filter's shape, or the pool. */
function windowOf({ inputs, attrs }: Call): Sides {
  const { filterShape, filterSize } = attributes<{
    filterShape?: Shape;
    filterSize?: Sides | number;
  }>(attrs);
  if (typeof filterSize === 'number') return [filterSize, filterSize, filterSize];
  return (filterSize ?? filterShape ?? inputs['filter']!.shape).slice(0, 3) as Sides;
}

/** `Conv3D`, its filter gradient, `AvgPool3D` and `MaxPool3D` of any backend, on the elements that windows meet. */
export const withMetElements =
  (backendName: string, stock: KernelFunc): KernelFunc =>
  (call) => {
    const { x } = call.inputs as { x: TensorInfo };
    const size = metShape(x.shape, windowOf(call), attributes<Attrs>(call.attrs));
    if (size === null) return stock(call);
    const { backend } = call;
    const slice = { begin: [0, 0, 0, 0, 0], size };
    const met = run(Slice, backendName, { inputs: { x }, backend, attrs: slice });
    try {
      return stock({ ...call, inputs: { ...call.inputs, x: met } });
    } finally {
      (backend as Disposing).disposeData(met.dataId);
    }
  };

/** `Conv3DBackpropInputV2`, which is `tf.conv3dTranspose` too: zeros for the elements that no window meets. */
export const withUnmetZeros =
  (backendName: string, stock: KernelFunc): KernelFunc =>
  (call) => {
    const attrs = attributes<Attrs & { inputShape: Shape }>(call.attrs);
    const shape = metShape(attrs.inputShape, windowOf(call), attrs);
    if (shape === null) return stock(call);
    const { backend } = call;
    const met = stock({ ...call, attrs: { ...call.attrs, inputShape: shape } }) as TensorInfo;
    const paddings = attrs.inputShape.map((side, i) => [0, side - shape[i]!]);
    try {
      return run(PadV2, backendName, {
        inputs: { x: met },
        backend,
        attrs: { paddings, constantValue: 0 },
      });
    } finally {
      (backend as Disposing).disposeData(met.dataId);
    }
  };
