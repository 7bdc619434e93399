import type { Placement } from '../model/placed-model.ts';
import type { Preset } from '../presets.ts';
import type { Recipe } from './recipe.ts';

/** How a training step runs: operation by operation, or as one function of TensorFlow, optionally compiled by XLA. */
export type Compile = 'off' | 'graph' | 'xla';

/** One training run of a comparison: everything that determines its numbers, except for the text. */
export interface RunSettings extends Recipe {
  /** Unique in its comparison. */
  readonly name: string;
  /** The name without the seed. */
  readonly group: string;
  readonly preset: Preset;
  readonly multipliers: boolean;
  /** Where they are; full by default. */
  readonly placement?: Placement;
  readonly seed: number;
  readonly backend: string;
  readonly compile: Compile;
  /** How many processes share every batch; 1 by default. */
  readonly workers?: number;
}
