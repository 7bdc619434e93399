/** Updates under gradients that are independent noise: how large they are, and how long each is remembered. */
import type { AdamRule, OrthogonalRule, UpdateRule } from '@tfjs-lrm/core/kit';
import { orthogonalised } from './spectrum.ts';

/** A part of the autocovariance of an update: weight · memory^k at a lag of k ≥ 1 steps. */
interface Echo {
  readonly weight: number;
  readonly memory: number;
}

/**
 * An update u at a learning rate of 1, per entry, when gradients are independent noise: E[u²] = variance and
 * E[u_t·u_(t−k)] = Σ weight · memory^k. Adam and Muon are blind to the scale of the noise.
 */
export interface UpdateNoise {
  readonly variance: number;
  readonly echoes: readonly Echo[];
  /** The decay of a running mean that starts at zero and is corrected for it; 0 where there is none. */
  readonly corrected: number;
}

/**
 * Adam. Were v the variance of the gradients, the update would be a running mean of unit noise: variance
 * (1 − β1) / (1 + β1), memory β1. That v is itself a mean of few squares changes the variance by the factor F, to first
 * order in 1 − β2.
 */
function adamNoise({ beta1, beta2 }: AdamRule): UpdateNoise {
  const c = 1 - beta2;
  const ratio = ((1 - beta1) * (1 + beta1 * beta2)) / ((1 + beta1) * (1 - beta1 * beta2));
  const factor =
    1 - (2 * c * (1 - beta1)) / (1 - beta1 * beta2) + (c / (2 * (1 + beta2))) * (3 + ratio);
  const variance = ((1 - beta1) / (1 + beta1)) * factor;
  return { variance, echoes: [{ weight: variance, memory: beta1 }], corrected: beta1 };
}

const TERMS = 16;

/**
 * The coefficients of c³, c⁵, … in the series of (2/π)·asin(c), over their sum. The signs of two Gaussian numbers with
 * correlation c agree by asin: the polar factor of a 1 × 1 matrix. For larger matrices the linear part is larger, and
 * the rest is spread over the powers in about the same way.
 */
const NONLINEAR: readonly number[] = (() => {
  const series = [1 / 6];
  for (let j = 1; j < TERMS; j++) {
    const n = 2 * j + 1;
    series.push(((series[j - 1] as number) * n ** 2) / ((n + 1) * (n + 2)));
  }
  const rest = Math.PI / 2 - 1 - series.reduce((sum, each) => sum + each, 0);
  series[TERMS - 1] = (series[TERMS - 1] as number) + rest;
  return series.map((each) => each / (Math.PI / 2 - 1));
})();

/**
 * Muon. The direction before it is orthogonalised has the autocorrelation A · μ^k, with A = 1 for the plain running
 * mean; of the orthogonalised one, a part is linear in the direction and keeps that, and the rest has its odd powers.
 */
function orthogonalNoise(rule: OrthogonalRule): UpdateNoise {
  const { momentum, nesterov, blocks } = rule;
  const tail = momentum ** 4 / (1 - momentum ** 2);
  const ahead = nesterov ? (momentum * (1 + momentum) + tail) / ((1 + momentum) ** 2 + tail) : 1;
  const entries = ({ inputs, outputs, count }: (typeof blocks)[number]): number =>
    inputs * outputs * count;
  const total = blocks.reduce((sum, block) => sum + entries(block), 0);
  let [variance, linear] = [0, 0];
  for (const block of blocks) {
    const part = orthogonalised(rule, block);
    const power =
      ((entries(block) / total) * block.scale ** 2 * part.power) /
      Math.max(block.inputs, block.outputs);
    variance += power;
    linear += power * part.linear;
  }
  const powers = [linear, ...NONLINEAR.map((share) => share * (variance - linear))];
  const echoes = powers.map((weight, j) => ({
    weight: weight * ahead ** (2 * j + 1),
    memory: momentum ** (2 * j + 1),
  }));
  return { variance, echoes, corrected: 0 };
}

/** The updates that a rule makes of noise. */
export function updateNoise(rule: UpdateRule): UpdateNoise {
  return rule.kind === 'adam' ? adamNoise(rule) : orthogonalNoise(rule);
}
