/** What a checkpoint holds. */

/** A tensor on the host. */
export interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** What model and optimizer hold between two steps. */
export interface TrainingState {
  /** All weights of the model, in its order, those that are not trained included. */
  readonly weights: readonly SavedTensor[];
  /** What `getWeights()` of the optimizer gives; null where none was given. */
  readonly optimizer: readonly SavedTensor[] | null;
}

/** Where a run is between two steps. */
export interface Position {
  /** The steps that are done. */
  readonly step: number;
  /** What else decides the rest of the run, as JSON: the state of the random generator, the place in the data, … */
  readonly extra?: unknown;
}

/** What a checkpoint holds. */
export interface CheckpointContent extends TrainingState {
  readonly step: number;
  /** Null where none was given. */
  readonly extra: unknown;
}

/** A checkpoint with its place in the store. */
export interface SavedCheckpoint extends CheckpointContent {
  readonly number: number;
  /** Later checkpoints that are cut off or altered, by number; empty where all is well. */
  readonly damaged: readonly number[];
}
