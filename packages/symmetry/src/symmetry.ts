import type { LayerVariable } from '@tensorflow/tfjs-layers';

/** A weight that takes part in a symmetry. */
export interface Side {
  /** Its name in the model's file, as in `hidden/kernel`. */
  readonly variable: string;
  /** The axes of it along which its slices move; none where it moves as a whole. */
  readonly axes: readonly number[];
  /** It is multiplied by the scale to this power: 1 and −1 for what compensates each other. */
  readonly exponent: number;
}

/** A continuous family of changes to the weights that leaves every output of the model as it is. */
export interface Symmetry {
  /** Whether sides compensate each other, or a normalisation undoes the change. */
  readonly kind: 'multiplicative' | 'normalisation' | 'translation';
  /**
   * What acts on the channels: a positive factor each (`scaling`), a complex number for each rotary pair
   * (`complex-scaling`), an invertible matrix (`general-linear`), a rotation (`orthogonal`), or a
   * constant added to each (`translation`).
   */
  readonly group: 'scaling' | 'complex-scaling' | 'general-linear' | 'orthogonal' | 'translation';
  /** The number of independent directions; each is counted in one symmetry of a model alone. */
  readonly dimension: number;
  readonly sides: readonly Side[];
  /** Why it exists. */
  readonly reason: string;
}

/** Some slices of a weight that move together: `index` names for each position its scale, or −1. */
export interface Slices {
  readonly weight: LayerVariable;
  readonly axes: readonly number[];
  readonly exponent: number;
  readonly index: Int32Array;
}

/** A multiplicative or normalisation symmetry with what is needed to move along it. */
export interface Orbit extends Symmetry {
  readonly kind: 'multiplicative' | 'normalisation';
  readonly group: 'scaling' | 'complex-scaling' | 'general-linear';
  /** How many scales it has. */
  readonly scales: number;
  /** How many of them a matrix mixes: scales come in blocks of this many. */
  readonly block: number;
  readonly slices: readonly Slices[];
}

/** The part of it that the public sees. */
export function publicSide({ weight, axes, exponent }: Slices): Side {
  return { variable: weight.originalName, axes, exponent };
}
