import { centringsOf } from './centrings.ts';
import type { Circuit } from './circuit.ts';
import { rotationsOf } from './rotations.ts';
import type { Symmetry } from './symmetry.ts';
import { translationsOf } from './translations.ts';
import { unseenOf } from './unseen.ts';

/** The symmetries without scales: rotations and translations. */
export function withoutScales(circuit: Circuit): Symmetry[] {
  return [
    ...rotationsOf(circuit),
    ...translationsOf(circuit).list,
    ...centringsOf(circuit),
    ...unseenOf(circuit),
  ];
}
