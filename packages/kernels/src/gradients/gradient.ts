import type { GradConfig, Tensor, Tensor1D } from '@tensorflow/tfjs-core';

/** A gradient that tfjs lacks or gets wrong, and an example that shows whether this is true of the installed tfjs. */
export type Gradient = Own | Around;

interface Own {
  readonly gradient: GradConfig;
  readonly example: Example;
  /** The only backends that show the fault; they cannot be tested at once, so it is registered where one is loaded. */
  readonly backends?: readonly string[];
}

/** The gradient from tfjs, modified; nothing where tfjs has none. */
interface Around {
  readonly kernelName: string;
  readonly create: (stock: GradConfig) => GradConfig;
  readonly example: Example;
}

/** The gradient of `sum(of(x))` at the vector `at`. */
export interface Example {
  readonly of: (x: Tensor1D) => Tensor;
  readonly at: readonly number[];
  readonly expected: readonly number[];
}
