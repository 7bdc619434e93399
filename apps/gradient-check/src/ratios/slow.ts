/** How much slower than its forward pass a gradient may be, and which are slower, with the reason. */
import type { Backend } from '../backends.ts';

/** Two products in place of one, and their sums, take up to four times as long; the rest is room for small kernels. */
export const FACTOR = 10;

export interface Slow {
  /** The beginnings of names in workloads.ts. */
  readonly gradients: readonly string[];
  readonly backends: readonly Backend[];
  readonly reason: string;
}

export const SLOW: readonly Slow[] = [];

export const reasonForSlow = (name: string, backend: Backend): string | undefined =>
  SLOW.find(
    ({ gradients, backends }) =>
      backends.includes(backend) && gradients.some((gradient) => name.startsWith(gradient)),
  )?.reason;
