/** What the commands that time a step take as options. */
import { VARIANTS, type Variant } from './variants.ts';

/**
 * Variants by name, with commas between.
 *
 * @throws Error for a name that is none
 */
export function variantsOf(names: string): Variant[] {
  return names.split(',').map((name) => {
    const found = VARIANTS.find((variant) => variant === name.trim());
    if (found !== undefined) return found;
    throw new Error(`there is no variant "${name}". Try some of: ${VARIANTS.join(', ')}.`);
  });
}

/**
 * A whole number greater than 0.
 *
 * @throws Error for anything else
 */
export function countOf(option: string, given: string): number {
  const count = Number(given);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`--${option} must be a whole number > 0. Received "${given}".`);
}
