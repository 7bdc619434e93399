import type { Sizes } from './workloads.ts';

/** Where times mean something: the browsers here have no GPU. */
export const BACKENDS_MEASURED = ['cpu', 'wasm', 'tensorflow'] as const;
export type Measured = (typeof BACKENDS_MEASURED)[number];

/** The plain JavaScript of cpu takes a hundred times as long for a convolution. */
export const SIZES: Readonly<Record<Measured, Sizes>> = {
  cpu: { sides: 256, batch: 1 },
  wasm: { sides: 512, batch: 8 },
  tensorflow: { sides: 512, batch: 8 },
};
