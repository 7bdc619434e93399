import type { LayersModel } from '@tensorflow/tfjs-layers';

/** A weight of a model. */
export type Weight = LayersModel['weights'][number];
