import type { Operation } from './circuit.ts';
import { rotationsOf, unseenOf } from './rotations.ts';
import type { Symmetry } from './symmetry.ts';
import { centringsOf, translationsOf } from './translations.ts';

/** The symmetries along which no scale changes: rotations and translations. */
export function withoutScales(operations: readonly Operation[]): Symmetry[] {
  return [
    ...rotationsOf(operations),
    ...translationsOf(operations),
    ...centringsOf(operations),
    ...unseenOf(operations),
  ];
}
