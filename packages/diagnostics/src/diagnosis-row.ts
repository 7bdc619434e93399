/**
 * What sets the scale of a kernel: noise and decay, so that it would move with the learning rate and the decay
 * (`'trapped'`); the data (`'set by data'`); nothing yet, since too little decay has acted (`'not yet'`); not decay, for
 * there is none (`'no decay'`); or an optimizer that does not say how its updates follow from gradients (`'unknown'`).
 */
export type Verdict = 'trapped' | 'set by data' | 'not yet' | 'no decay' | 'unknown';

/** One kernel. */
export interface DiagnosisRow {
  /** As in the model's file. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Root mean square now. */
  readonly scale: number;
  /** What noise and decay alone would have made of it by now; null where that is unknown. */
  readonly noiseScale: number | null;
  /** Where noise and decay would balance at the rates of the last point; null where they would not. */
  readonly equilibrium: number | null;
  /** ∫ηλ: the sum of the shares that have decayed. After 1, e⁻² of the start's mean square is left. */
  readonly relaxed: number;
  readonly verdict: Verdict;
  /** About how many more steps until the verdict can be told; null where it can. */
  readonly stepsLeft: number | null;
  /** What to do. */
  readonly advice: string;
}
