export { loadModel } from './load-model.ts';
export { loadWeights } from './load-weights.ts';
export { modelToKeras } from './model-to-keras.ts';
export type { LoadModelOptions } from './options.ts';
export type { ModelSource } from './source.ts';
