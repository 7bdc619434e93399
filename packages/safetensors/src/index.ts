export { type FromOptions, loadSafetensors } from './load.ts';
export { readSafetensors, type TensorData } from './read.ts';
export { modelToSafetensors, type ToOptions } from './save.ts';
export { type Stored, writeSafetensors } from './write.ts';
