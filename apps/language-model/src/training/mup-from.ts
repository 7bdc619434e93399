import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { mup } from '@tfjs-lrm/mup';
import type { ModelSize } from '../model/language-model.ts';
import { placedModel } from '../model/placed-model.ts';
import type { RunSettings } from './settings.ts';

/** The model of another width whose heads are as large, with as many fewer heads and as much narrower MLPs. */
const narrowed = (size: ModelSize, width: number): ModelSize => ({
  ...size,
  width,
  heads: Math.max(1, Math.round((size.heads * width) / size.width)),
  mlp: Math.max(1, Math.round((size.mlp * width) / size.width)),
});

/** Sets rates, decays and initial values by µP, where the settings name the width at which they were tuned. */
export function mupFrom(
  model: LayersModel,
  optimizer: tf.Optimizer,
  { preset, mupBase, multipliers, placement = 'full', seed }: RunSettings,
  vocabulary: number,
): void {
  if (mupBase === undefined) return;
  const size = narrowed(preset, mupBase);
  const base = placedModel(size, vocabulary, multipliers ? placement : null, seed);
  assignRoles(base);
  mup(model, { base, optimizer });
  base.dispose();
}
