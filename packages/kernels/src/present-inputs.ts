import type { KernelFunc } from '@tensorflow/tfjs-core';

/**
 * `FusedBatchNorm` of any backend, whose scale and offset may be absent: tfjs passes them as undefined, and then its
 * gradient tape fails, because it reads every input of the kernel call.
 */
export const withPresentInputs =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    for (const [name, input] of Object.entries(call.inputs))
      if (input === undefined) delete call.inputs[name];
    return stock(call);
  };
