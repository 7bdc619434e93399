import { broadcastGradients } from './gradients/broadcast.ts';
import { complexGradients } from './gradients/complex.ts';
import { conv3DTransposeGradient } from './gradients/conv3d-transpose.ts';
import { convolutionGradients } from './gradients/convolution.ts';
import { cropGradient } from './gradients/crop.ts';
import { cumulativeGradients } from './gradients/cumulative.ts';
import { denseGradients } from './gradients/dense.ts';
import { dilationGradients } from './gradients/dilation.ts';
import { divNoNanGradient } from './gradients/div-no-nan.ts';
import { einsumGradient } from './gradients/einsum.ts';
import type { Gradient } from './gradients/gradient.ts';
import { indexGradients } from './gradients/indices.ts';
import { maskGradients } from './gradients/masks.ts';
import { normalizationGradients } from './gradients/normalization.ts';
import { poolingGradients } from './gradients/pooling.ts';
import { resizeGradients } from './gradients/resize.ts';
import { savedOutputGradients } from './gradients/saved-outputs.ts';
import { shapeGradients } from './gradients/shapes.ts';
import { sliceGradients } from './gradients/slices.ts';
import { sparseSegmentGradients } from './gradients/sparse-segments.ts';
import { tileGradient } from './gradients/tile.ts';
import { turnedImageGradients } from './gradients/turned-images.ts';
import { unpackGradient } from './gradients/unpack.ts';

/** What `enableTraining` registers for all backends, each where the installed tfjs lacks it, fails its example or does needless work. */
export const gradients: readonly Gradient[] = [
  ...broadcastGradients,
  ...complexGradients,
  conv3DTransposeGradient,
  ...convolutionGradients,
  cropGradient,
  ...cumulativeGradients,
  ...denseGradients,
  ...dilationGradients,
  divNoNanGradient,
  einsumGradient,
  ...indexGradients,
  ...maskGradients,
  ...normalizationGradients,
  ...poolingGradients,
  ...resizeGradients,
  ...savedOutputGradients,
  ...shapeGradients,
  ...sliceGradients,
  ...sparseSegmentGradients,
  tileGradient,
  ...turnedImageGradients,
  unpackGradient,
];
