import type { Preset } from '../presets.ts';
import type { Recipe } from './recipe.ts';

/** How a training step runs: operation by operation, or as one function of TensorFlow, also through XLA. */
export type Compile = 'off' | 'graph' | 'xla';

/** One training run of a comparison: everything that decides its numbers, but the text. */
export interface RunSettings extends Recipe {
  /** Its name in this comparison, unlike every other's. */
  readonly name: string;
  /** The name without the seed. */
  readonly group: string;
  readonly preset: Preset;
  readonly multipliers: boolean;
  readonly seed: number;
  readonly backend: string;
  readonly compile: Compile;
}
