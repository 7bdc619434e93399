import { getKernel, type KernelFunc, type TensorInfo } from '@tensorflow/tfjs-core';

type Inputs = Readonly<Record<string, TensorInfo>> | readonly TensorInfo[];

/** Runs a kernel of the backend by its name, or the given kernel. */
export type Run = (kernel: string | KernelFunc, inputs: Inputs, attrs?: object) => TensorInfo;

interface Disposing {
  disposeData(dataId: TensorInfo['dataId']): boolean;
}

/** The result of `compute`, which runs kernels of a backend. All other results of these kernels are disposed of. */
export function compose(
  backendName: string,
  backend: unknown,
  compute: (run: Run) => TensorInfo,
): TensorInfo {
  const parts: TensorInfo[] = [];
  const run: Run = (kernel, inputs, attrs = {}) => {
    const kernelFunc =
      typeof kernel === 'string' ? getKernel(kernel, backendName).kernelFunc : kernel;
    const call = { inputs, backend, attrs } as unknown as Parameters<KernelFunc>[0];
    const part = kernelFunc(call) as TensorInfo;
    parts.push(part);
    return part;
  };
  let result: TensorInfo | undefined;
  try {
    result = compute(run);
    return result;
  } finally {
    const kept = parts.findLastIndex(({ dataId }) => dataId === result?.dataId);
    for (const [i, { dataId }] of parts.entries())
      if (i !== kept) (backend as Disposing).disposeData(dataId);
  }
}
