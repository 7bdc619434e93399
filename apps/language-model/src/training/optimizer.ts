import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import type { OptimizerAdapter } from '@tfjs-lrm/core';
import { muon } from '@tfjs-lrm/muon';
import { type Schedule, warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { DEFAULT_RECIPE, type Recipe } from './recipe.ts';

/** A warm-up, a constant rate, and an exponential decay at the end. */
export function scheduleOf(
  steps: number,
  {
    warmup,
    cooldown,
    finalFactor,
  }: Pick<Recipe, 'warmup' | 'cooldown' | 'finalFactor'> = DEFAULT_RECIPE,
): Schedule {
  const decay = Math.round(steps * cooldown);
  const stable = Math.max(0, steps - warmup - decay);
  return warmupStableDecay({ warmup, stable, decay, finalFactor });
}

/** AdamW, or Muon for the matrices with AdamW for the rest, with clipping that leaves multipliers out and a schedule. */
export function optimizerOf(recipe: Recipe, schedule: Schedule): OptimizerAdapter {
  const { learningRate, decay, multiplierDecay, beta1, beta2, epsilon, momentum, clip } = recipe;
  const plain = adam({ learningRate, beta1, beta2, epsilon });
  const inner =
    recipe.optimizer === 'muon' ? muon({ learningRate, momentum, fallback: plain }) : plain;
  const decayed = withWeightDecay(inner, {
    decay: { matrix: decay, embedding: decay, head: decay, multiplier: multiplierDecay },
  });
  return withSchedule(clip > 0 ? withClipping(decayed, { globalNorm: clip }) : decayed, schedule);
}
