import * as tf from '@tensorflow/tfjs-core';

/** One kernel: the shapes of its inputs and its attributes. `lacking`: stock wasm does not have it. */
interface KernelCall {
  readonly kernel: string;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly attrs: object;
  readonly lacking?: true;
}

const product = (
  a: number[],
  b: number[],
  transposeA: boolean,
  transposeB: boolean,
): KernelCall => ({
  kernel: 'BatchMatMul',
  inputs: { a, b },
  attrs: { transposeA, transposeB },
});

const same = { strides: [1, 1], dilations: [1, 1], pad: 'same', dataFormat: 'NHWC' } as const;
const strided = { ...same, strides: [2, 2] } as const;

const conv2dForInput = (x: number[], filters: number): KernelCall => ({
  kernel: 'Conv2DBackpropInput',
  inputs: { dy: [...x.slice(0, 3), filters], filter: [3, 3, x[3] as number, filters] },
  attrs: { ...same, inputShape: x },
});

const conv2dForFilter = (x: number[], filters: number): KernelCall => ({
  kernel: 'Conv2DBackpropFilter',
  inputs: { x, dy: [...x.slice(0, 3), filters] },
  attrs: { ...same, filterShape: [3, 3, x[3], filters] },
  lacking: true,
});

const depthwise = (of: 'Filter' | 'Input', attrs: typeof same | typeof strided): KernelCall => {
  const x = [32, 28, 28, 32];
  const dy = [32, 28 / attrs.strides[0], 28 / attrs.strides[1], 32];
  const filter = [3, 3, 32, 1];
  return {
    kernel: `DepthwiseConv2dNativeBackprop${of}`,
    inputs: of === 'Filter' ? { x, dy } : { dy, filter },
    attrs: { ...attrs, filterShape: filter, inputShape: x },
    lacking: true,
  };
};

const einsum = (equation: string, ...shapes: number[][]): KernelCall => ({
  kernel: 'Einsum',
  inputs: Object.fromEntries(shapes.map((shape, i) => [String(i), shape])),
  attrs: { equation },
  lacking: true,
});

const volume = [4, 8, 16, 16, 8];
const conv3d = { strides: [1, 1, 1], dilations: [1, 1, 1], pad: 'same' } as const;

/** The rows of the tables of @tfjs-lrm/kernels' README. */
export const KERNEL_CALLS: Readonly<Record<string, KernelCall>> = {
  'product-for-input': product([1, 1024, 176], [1, 64, 176], false, true),
  'product-for-kernel': product([1, 1024, 64], [1, 1024, 176], true, false),
  'attention-scores': product([64, 64, 16], [64, 64, 16], false, true),
  'attention-backward': product([64, 64, 64], [64, 64, 16], true, false),
  'conv2d-for-input-28': conv2dForInput([32, 28, 28, 16], 32),
  'conv2d-for-input-14': conv2dForInput([32, 14, 14, 64], 64),
  'conv2d-for-filter-16': conv2dForFilter([32, 28, 28, 16], 32),
  'conv2d-for-filter-1': conv2dForFilter([32, 28, 28, 1], 16),
  'depthwise-for-filter': depthwise('Filter', same),
  'depthwise-for-filter-stride-2': depthwise('Filter', strided),
  'depthwise-for-input': depthwise('Input', same),
  'depthwise-for-input-stride-2': depthwise('Input', strided),
  conv3d: { kernel: 'Conv3D', inputs: { x: volume, filter: [3, 3, 3, 8, 16] }, attrs: conv3d },
  'conv3d-for-filter': {
    kernel: 'Conv3DBackpropFilterV2',
    inputs: { x: volume, dy: [4, 8, 16, 16, 16] },
    attrs: { ...conv3d, filterShape: [3, 3, 3, 8, 16] },
  },
  reverse: { kernel: 'Reverse', inputs: { x: [8192, 2, 16] }, attrs: { dims: [1] } },
  'einsum-bqhd,bkhd->bhqk': einsum('bqhd,bkhd->bhqk', [16, 64, 4, 16], [16, 64, 4, 16]),
  'einsum-btd,dhe->bthe': einsum('btd,dhe->bthe', [16, 64, 64], [64, 4, 16]),
  'einsum-bthe,bte->hb': einsum('bthe,bte->hb', [16, 64, 4, 16], [16, 64, 16]),
};

/**
 * One call of the kernel, which both backends complete before they return. A product gets a new right operand each time,
 * as in training, where weights change after every step.
 */
export function kernelStep(call: unknown): () => Promise<void> {
  const { kernel, inputs, attrs } = KERNEL_CALLS[call as string] as KernelCall;
  const tensors = Object.entries(inputs).map(([name, shape], i): [string, tf.Tensor] => [
    name,
    tf.randomNormal([...shape], 0, 1, 'float32', i + 1),
  ]);
  return async () => {
    tf.tidy(() => {
      const given = Object.fromEntries(tensors);
      if (kernel === 'BatchMatMul') given['b'] = tf.mul(given['b'] as tf.Tensor, 1);
      // The operands of an einsum have no names.
      const all = kernel === 'Einsum' ? (Object.values(given) as never) : given;
      tf.engine().runKernel(kernel, all, attrs as never);
    });
  };
}
