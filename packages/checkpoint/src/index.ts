export { lastCheckpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
export type {
  CheckpointContent,
  Position,
  SavedCheckpoint,
  SavedTensor,
  TrainingState,
} from './content.ts';
export { indexedDBStore } from './indexed-db-store.ts';
export { putState, type Trained, takeState } from './state.ts';
export type { CheckpointStore } from './store.ts';
