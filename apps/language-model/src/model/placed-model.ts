import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { addMultipliers, type MultiplierOptions } from '@tfjs-lrm/multipliers';
import { minimalPlacement } from '@tfjs-lrm/symmetry';
import { languageModel, type ModelSize } from './language-model.ts';

/** Which matrices have which multipliers. */
export type Placement = 'full' | 'minimal' | 'rows' | 'columns';

/** What each placement means, in the order in which they are offered. */
export const PLACEMENTS: Readonly<Record<Placement, string>> = {
  full: 'rows and columns of every matrix, but no rows of the head',
  minimal: 'only those that no symmetry makes redundant',
  rows: 'rows of every matrix but the head',
  columns: 'columns of every matrix',
};

const MATRICES = ['Dense', 'Embedding'];

function optionsOf(
  placement: Exclude<Placement, 'full' | 'minimal'>,
  layer: layers.Layer,
): MultiplierOptions | null {
  if (!MATRICES.includes(layer.getClassName())) return null;
  if (placement === 'columns') return { row: false };
  return layer.name === 'head' ? null : { column: false };
}

/** A language model whose multipliers are placed like that, or which has none. */
export function placedModel(
  size: ModelSize,
  vocabulary: number,
  placement: Placement | null,
  seed: number,
): LayersModel {
  if (placement === null || placement === 'full')
    return languageModel(size, vocabulary, placement !== null, seed);
  const plain = languageModel(size, vocabulary, false, seed);
  try {
    return addMultipliers(plain, {
      placement:
        placement === 'minimal' ? minimalPlacement(plain) : (layer) => optionsOf(placement, layer),
    });
  } finally {
    plain.dispose();
  }
}
