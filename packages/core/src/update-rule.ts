/** What optimizers say about their updates as plain data, so that others can predict weights under gradient noise. */

/** Adam: a running mean of gradients over the root of a running mean of squares, both corrected for their start. */
export interface AdamRule {
  readonly kind: 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** A matrix that is orthogonalised as a whole; a kernel may hold several. */
export interface MatrixBlock {
  readonly inputs: number;
  readonly outputs: number;
  /** How many matrices of this shape the kernel holds. */
  readonly count: number;
  /** The factor of the orthogonalised direction, at a learning rate of 1. */
  readonly scale: number;
}

/** Muon: a running mean of gradients whose matrices are orthogonalised. */
export interface OrthogonalRule {
  readonly kind: 'orthogonal';
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Applied in turn to each singular value s: a·s + b·s³ + c·s⁵. */
  readonly coefficients: readonly (readonly [a: number, b: number, c: number])[];
  /** The iteration starts from a Frobenius norm of 1 / (1 + safety). */
  readonly safety: number;
  /** The formula behind the scales: 0.2·√max(in, out), √max(1, out/in), √(out/in) or 1. */
  readonly scaling: 'match-rms-adamw' | 'original' | 'rms-to-rms' | 'none';
  readonly blocks: readonly MatrixBlock[];
}

/** How an optimizer turns gradients into updates at a learning rate of 1. */
export type UpdateRule = AdamRule | OrthogonalRule;

/** Decoupled weight decay of one variable: the share η·λ, f·λ or η²·λ of it is removed in each step. */
export interface Decay {
  /** λ */
  readonly decay: number;
  /** How the share depends on the learning rate η; `'independent'` uses the schedules' factor f alone. */
  readonly coupling: 'learning-rate' | 'independent' | 'learning-rate-squared';
  /** Whether only coordinates decay that the update moves towards zero. */
  readonly cautious: boolean;
}
