export {
  type CheckpointContent,
  lastCheckpoint,
  loadCheckpoint,
  type Position,
  type SavedCheckpoint,
  saveCheckpoint,
} from './checkpoint.ts';
export { indexedDBStore } from './indexed-db-store.ts';
export {
  putState,
  type SavedTensor,
  type Trained,
  type TrainingState,
  takeState,
} from './state.ts';
export type { CheckpointStore } from './store.ts';
