import { conv3DTransposeGradient } from './gradients/conv3d-transpose.ts';
import { einsumGradient } from './gradients/einsum.ts';
import type { Gradient } from './gradients/gradient.ts';
import { tileGradient } from './gradients/tile.ts';

/** What `enableTraining` registers for all backends, each where the installed tfjs lacks it or fails its example. */
export const gradients: readonly Gradient[] = [
  conv3DTransposeGradient,
  einsumGradient,
  tileGradient,
];
