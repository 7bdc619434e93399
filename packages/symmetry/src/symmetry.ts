import type { LayerVariable } from '@tensorflow/tfjs-layers';

/** A weight that takes part in a symmetry. */
export interface Side {
  /** Its name in the model's file, as in `hidden/kernel`. */
  readonly variable: string;
  /** The axes along which its slices move; none if it moves as a whole. */
  readonly axes: readonly number[];
  /** The power of the scale that multiplies it: 1 and −1 for sides that compensate each other. */
  readonly exponent: number;
}

/** A continuous family of changes to the weights that leaves every output of the model unchanged. */
export interface Symmetry {
  /** Whether sides compensate each other, or a normalisation undoes the change. */
  readonly kind: 'multiplicative' | 'normalisation' | 'translation';
  /**
   * What acts on the channels: a positive factor for each (`scaling`), a complex number for each rotary pair
   * (`complex-scaling`), an invertible matrix (`general-linear`), a rotation (`orthogonal`), or a constant added to
   * each (`translation`).
   */
  readonly group: 'scaling' | 'complex-scaling' | 'general-linear' | 'orthogonal' | 'translation';
  /** The number of independent directions; each is counted in only one symmetry of a model. */
  readonly dimension: number;
  readonly sides: readonly Side[];
  /** Why it exists. */
  readonly reason: string;
}

/** Slices of a weight that move together: `index` holds the scale of each position, or −1. */
export interface Slices {
  readonly weight: LayerVariable;
  readonly axes: readonly number[];
  readonly exponent: number;
  readonly index: Int32Array;
}

/** A multiplicative or normalisation symmetry with the data needed to move along it. */
export interface Orbit extends Symmetry {
  readonly kind: 'multiplicative' | 'normalisation';
  readonly group: 'scaling' | 'complex-scaling' | 'general-linear';
  /** The number of scales. */
  readonly scales: number;
  /** The size of the blocks of scales that matrices mix. */
  readonly block: number;
  readonly slices: readonly Slices[];
}

/** The public part of a side. */
export function publicSide({ weight, axes, exponent }: Slices): Side {
  return { variable: weight.originalName, axes, exponent };
}
