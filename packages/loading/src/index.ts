export { type LoadModelOptions, loadModel } from './load-model.ts';
