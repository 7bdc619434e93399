/** What a checkpoint holds. */

/** A tensor on the host. */
export interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** The state of a model and its optimizer between two steps. */
export interface TrainingState {
  /** All weights of the model in its order, including those that are not trained. */
  readonly weights: readonly SavedTensor[];
  /** What the optimizer's `getWeights()` returns; null without an optimizer. */
  readonly optimizer: readonly SavedTensor[] | null;
}

/** The position of a run between two steps. */
export interface Position {
  /** The number of steps done. */
  readonly step: number;
  /**
   * Everything else that the rest of the run depends on, as JSON: the state of the random generator, the place in the
   * data, …
   */
  readonly extra?: unknown;
}

/** What a checkpoint holds. */
export interface CheckpointContent extends TrainingState {
  readonly step: number;
  /** Null without an optimizer. */
  readonly extra: unknown;
}

/** A checkpoint with its number in the store. */
export interface SavedCheckpoint extends CheckpointContent {
  readonly number: number;
  /** The numbers of later checkpoints that are truncated or altered; empty where all are intact. */
  readonly damaged: readonly number[];
}
