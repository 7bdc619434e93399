export type OptimizerName = 'adamw' | 'muon';

/** How a model is trained; the reference in `reference/` has the same defaults. */
export interface Recipe {
  readonly optimizer: OptimizerName;
  /** Size of a step, in units of the weight. */
  readonly learningRate: number;
  /** Of matrices, embedding and head; times the learning rate, a step. */
  readonly decay: number;
  readonly multiplierDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Muon's, for matrices; all else is Adam's. */
  readonly momentum: number;
  /** Largest norm of all gradients but the multipliers'; 0 clips nothing. */
  readonly clip: number;
  /** Steps in which the rate rises. */
  readonly warmup: number;
  /** The part of all steps, at the end, in which the rate falls. */
  readonly cooldown: number;
  /** What the rate is multiplied by at the end. */
  readonly finalFactor: number;
}

/** Without learning rate and decay, which a sweep chose. */
export const DEFAULT_RECIPE: Omit<Recipe, 'learningRate' | 'decay'> = {
  optimizer: 'adamw',
  multiplierDecay: 2e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  momentum: 0.95,
  clip: 1,
  warmup: 50,
  cooldown: 0.2,
  finalFactor: 1 / 8,
};
