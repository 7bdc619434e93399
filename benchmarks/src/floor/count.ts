/** How much a step computes and how much memory its kernels read and write, counted from the kernels that it runs. */
import * as tf from '@tensorflow/tfjs-core';

/** Of one kind of kernel, or of a step. */
export interface Amount {
  readonly calls: number;
  /** Floating-point operations of products of matrices. */
  readonly flop: number;
  /** Bytes of inputs and outputs of all other kernels, each counted once a call. */
  readonly bytes: number;
}

const NOTHING: Amount = { calls: 0, flop: 0, bytes: 0 };

export const sum = (amounts: Iterable<Amount>): Amount =>
  [...amounts].reduce(
    (a, b) => ({ calls: a.calls + b.calls, flop: a.flop + b.flop, bytes: a.bytes + b.bytes }),
    NOTHING,
  );

/** Kernels that give the same data another shape. */
const VIEWS = new Set(['Reshape', 'Identity', 'ExpandDims']);
/** Products whose operations are not counted here. */
const UNCOUNTED = /Conv|Einsum/;

const first = (input: Inputs[string]): tf.TensorInfo => input as tf.TensorInfo;
const widthOf = ({ shape }: tf.TensorInfo): number => shape.at(-1) as number;

/** Of kernels that are products: how many products each element of the output is the sum of. */
const PRODUCTS: Readonly<Record<string, (inputs: Inputs, attrs: unknown) => number>> = {
  BatchMatMul: innerOf,
  _FusedMatMul: innerOf,
  LrmDense: ({ x }) => widthOf(first(x)),
  LrmDenseGradient: ({ x }) => tf.util.sizeFromShape(first(x).shape) / widthOf(first(x)),
};

function innerOf({ a }: Inputs, attrs: unknown): number {
  const [rows, columns] = first(a).shape.slice(-2) as [number, number];
  return (attrs as { transposeA: boolean }).transposeA ? rows : columns;
}

type Inputs = Readonly<Record<string, tf.TensorInfo | readonly tf.TensorInfo[] | undefined>>;

const bytesOf = (tensors: readonly tf.TensorInfo[]): number =>
  tensors.reduce(
    (total, { shape, dtype }) =>
      total + tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype),
    0,
  );

/** What one call of a kernel computes or moves. */
export function amountOf(
  kernel: string,
  inputs: Inputs,
  attrs: unknown,
  outputs: readonly tf.TensorInfo[],
): Amount {
  if (UNCOUNTED.test(kernel)) {
    throw new Error(
      `floor: the operations of ${kernel} are not counted. Try a model of matrix products.`,
    );
  }
  const inner = PRODUCTS[kernel];
  if (inner !== undefined) {
    const size = tf.util.sizeFromShape((outputs[0] as tf.TensorInfo).shape);
    return { calls: 1, flop: 2 * inner(inputs, attrs) * size, bytes: 0 };
  }
  const given = Object.values(inputs).flatMap((input) => input ?? []) as tf.TensorInfo[];
  return { calls: 1, flop: 0, bytes: VIEWS.has(kernel) ? 0 : bytesOf([...given, ...outputs]) };
}

/** Runs an action on a backend and counts its kernels, by name; a kernel that another one calls is part of that one. */
export async function count(
  backend: string,
  action: () => Promise<void>,
): Promise<ReadonlyMap<string, Amount>> {
  const amounts = new Map<string, Amount>();
  const running: string[] = [];
  const kernels = tf.getKernelsForBackend(backend);
  const register = (configs: readonly tf.KernelConfig[]): void => {
    for (const config of configs) {
      tf.unregisterKernel(config.kernelName, backend);
      tf.registerKernel(config);
    }
  };
  register(
    kernels.map((config) => ({
      ...config,
      kernelFunc: (call) => {
        const [outer] = running;
        if (outer !== undefined && config.kernelName in PRODUCTS && !(outer in PRODUCTS)) {
          throw new Error(
            `floor: the products within ${outer} are not counted. Try to add it to the kernels that are products.`,
          );
        }
        running.push(config.kernelName);
        try {
          const result = config.kernelFunc(call);
          if (outer !== undefined) return result;
          const outputs = Array.isArray(result) ? result : [result];
          const amount = amountOf(config.kernelName, call.inputs as Inputs, call.attrs, outputs);
          const before = amounts.get(config.kernelName) ?? NOTHING;
          amounts.set(config.kernelName, sum([before, amount]));
          return result;
        } finally {
          running.pop();
        }
      },
    })),
  );
  try {
    await action();
  } finally {
    register(kernels);
  }
  return amounts;
}
