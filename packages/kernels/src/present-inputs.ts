import type { KernelFunc } from '@tensorflow/tfjs-core';

/**
 * `FusedBatchNorm` of any backend, whose scale and offset may be absent: tfjs passes them as undefined, and then its
 * gradient tape, which reads every input that the kernel was called with, fails.
 */
export const withPresentInputs =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    for (const [name, input] of Object.entries(call.inputs))
      if (input === undefined) delete call.inputs[name];
    return stock(call);
  };
