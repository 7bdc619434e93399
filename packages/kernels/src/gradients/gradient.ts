import type { GradConfig, Tensor, Tensor1D } from '@tensorflow/tfjs-core';

/** A gradient that tfjs lacks, gets wrong or computes with needless work. */
export type Gradient = Own | Around;

/** An example that shows whether the installed tfjs gets it wrong; none where it is right and slow, or the kernel is ours. */
interface Tried {
  readonly example?: Example;
}

interface Own extends Tried {
  readonly gradient: GradConfig;
  /** The only backends that show the fault; they cannot be tested at once, so it is registered where one is loaded. */
  readonly backends?: readonly string[];
}

/** The gradient from tfjs, modified; nothing where tfjs has none. */
interface Around extends Tried {
  readonly kernelName: string;
  readonly create: (stock: GradConfig) => GradConfig;
}

/** The gradient of `sum(of(x))` at the vector `at`. */
export interface Example {
  readonly of: (x: Tensor1D) => Tensor;
  readonly at: readonly number[];
  readonly expected: readonly number[];
}
