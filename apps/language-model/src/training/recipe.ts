export type OptimizerName = 'adamw' | 'muon';

/** How a model is trained; the reference in `reference/` has the same defaults. */
export interface Recipe {
  readonly optimizer: OptimizerName;
  /** Size of a step, in units of the weight. */
  readonly learningRate: number;
  /** Weight decay of matrices, embedding and head; multiplied by the learning rate in each step. */
  readonly decay: number;
  readonly multiplierDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Of Muon. */
  readonly momentum: number;
  /** The largest norm of all gradients except the multipliers'; 0 turns clipping off. */
  readonly clip: number;
  /** Steps over which the rate rises. */
  readonly warmup: number;
  /** The fraction of all steps, at the end, over which the rate falls. */
  readonly cooldown: number;
  /** The factor of the rate at the end. */
  readonly finalFactor: number;
  /** The width at which all this was tuned, from which µP sets rates, decays and initial values; no µP by default. */
  readonly mupBase?: number;
}

/** Everything but learning rate and decay, which a sweep chose. */
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
