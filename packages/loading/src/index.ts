export { type LoadModelOptions, loadModel } from './load-model.ts';
export { modelToKeras } from './model-to-keras.ts';
export type { ModelSource } from './source.ts';
