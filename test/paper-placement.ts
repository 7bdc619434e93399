/** The placement of multipliers of arXiv 2601.04890, app. C, to compare with what `minimalPlacement` gives. */
import type { MultiplierOptions } from '@tfjs-lrm/multipliers';

/** Which factors each matrix of a hybrid block has, by the name of its layer. */
export const PAPER_PLACEMENT: Readonly<Record<string, string>> = {
  embedding: 'row and column',
  head: 'none',
  gate: 'row',
  up: 'none',
  down: 'row and column',
  query: 'row',
  key: 'none',
  value: 'none',
  output: 'row and column',
  x: 'none',
  B: 'none',
  C: 'none',
  z: 'row',
  dt: 'row',
  out: 'row and column',
};

/** The factors in the words of that table. */
export const placementText = (options: MultiplierOptions | null): string =>
  (['row', 'column'] as const)
    .filter((axis) => options !== null && options[axis] !== false)
    .join(' and ') || 'none';
