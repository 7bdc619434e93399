import { refuseCautious } from './cautious.ts';
import { checkRecipe, type Recipe, ratesAt } from './recipe.ts';
import { updateNoise } from './update-noise.ts';

/**
 * The scale at which noise and decay balance: the root mean square of a weight whose gradients are independent noise,
 * after it has been trained for much longer than 1 / (η·λ) steps at the same rate. With the rate η and the retention
 * ρ = 1 − ηλ ('learning-rate'), 1 − f·λ ('independent') or 1 − η²λ ('learning-rate-squared'),
 *
 *   RMS² = η² / (1 − ρ²) · (r₀ + 2·Σ_(k≥1) ρ^k·r_k),   r_k = E[u_t · u_(t−k)]
 *
 * where u is the update at a learning rate of 1. Adam: r_k = F·(1 − β1)/(1 + β1) · β1^k, so that RMS ≈ √(η / 2λ), whatever
 * the noise, the shape and β1; F is the correction for finite β2, to first order. Muon: r₀ and the part of r_k that
 * follows the momentum come from the singular values of Gaussian matrices. Within 1 % of AdamW and 3 % of Muon for
 * matrices of 8 × 8 or more, where gradients are well above Adam's ε.
 *
 * @param recipe from `recipeOf(optimizer, variable)`, or a literal
 * @returns Infinity where nothing decays
 * @throws TypeError for something that is not a recipe; RangeError for cautious decay, whose balance has no closed form: use `simulateBrownian`
 * @see arXiv 2601.04890, sec. 1, eq. 1
 * @example
 * const rule = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
 * predictEquilibriumRms({ rule, learningRate: 1e-3, decay: 0.1 }); // 0.0707
 */
export function predictEquilibriumRms(recipe: Recipe): number {
  checkRecipe('predictEquilibriumRms', recipe);
  refuseCautious('predictEquilibriumRms', recipe);
  const { rate, share } = ratesAt(recipe, recipe.factor ?? 1);
  const { variance, echoes } = updateNoise(recipe.rule);
  if (share === 0) return Number.POSITIVE_INFINITY;
  const kept = 1 - share;
  const echo = echoes.reduce(
    (sum, { weight, memory }) => sum + (weight * kept * memory) / (1 - kept * memory),
    0,
  );
  return Math.sqrt((rate ** 2 / (1 - kept ** 2)) * (variance + 2 * echo));
}
