import type { Recipe } from './recipe.ts';

/** Throws for decay that acts on some coordinates only, for which there are no formulas. */
export function refuseCautious(where: string, { cautious = false }: Recipe): void {
  if (!cautious) return;
  throw new RangeError(
    `${where}: the decay must act on all coordinates. Received cautious decay, for which there is no formula. Try simulateBrownian.`,
  );
}
