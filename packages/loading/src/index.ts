export { type LoadModelOptions, loadModel } from './load-model.ts';
export type { ModelSource } from './source.ts';
