export { type ProgressOptions, progressBar } from './progress-bar.ts';
export type { ProgressWriter } from './writer.ts';
