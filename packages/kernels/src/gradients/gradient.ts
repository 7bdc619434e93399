import type { GradConfig, Tensor, Tensor1D } from '@tensorflow/tfjs-core';

/** A gradient that tfjs lacks, or has wrong, and an example that shows whether the installed tfjs still does. */
export type Gradient = Own | Around;

interface Own {
  readonly gradient: GradConfig;
  readonly example: Example;
  /** The backends that alone show the fault; they cannot be tried at once, so it is registered where one is loaded. */
  readonly backends?: readonly string[];
}

/** The gradient of tfjs, changed; nothing where tfjs has none. */
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
