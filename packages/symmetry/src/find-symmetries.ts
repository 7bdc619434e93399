import type { LayersModel } from '@tensorflow/tfjs-layers';
import { drawTable } from '@tfjs-lrm/core/kit';
import { orbitsOf } from './orbits.ts';
import type { Side, Symmetry } from './symmetry.ts';
import { walk } from './walk.ts';
import { withoutScales } from './without-scales.ts';

/** The symmetries of a model; `String(symmetries)` draws the table. */
export type SymmetryList = readonly Symmetry[];

const sideText = ({ variable, axes, exponent }: Side): string => {
  const slice = axes.length === 0 ? '' : `[${axes}]`;
  const power = exponent === 1 || exponent === 0 ? '' : exponent === -1 ? '⁻¹' : `^${exponent}`;
  return `${variable}${slice}${power}`;
};

/**
 * The continuous symmetries of a model: the ways, as far as this package knows them, to change its trainable weights
 * without changing any output, in inference or in training. They follow from its graph alone, through nested models,
 * layers with multipliers, and TimeDistributed; no value is read. Frozen weights and those with a constraint do not
 * move.
 *
 * Directions are independent: each is counted once, so that the sum of the dimensions is that of the
 * space of weights with equal outputs. A scaling inside a larger group is part of that group and not
 * listed again; a multiplier moves against its own kernel, and kernels against each other.
 *
 * @returns one entry for each group of channels with the same sides
 * @throws TypeError for something that is not a model, and for a model without layers
 * @see arXiv 2601.04890, sec. 4.1
 * @example
 * console.log(String(findSymmetries(model)));
 */
export function findSymmetries(model: LayersModel): SymmetryList {
  const circuit = walk('findSymmetries', model);
  const symmetries = [...orbitsOf(circuit), ...withoutScales(circuit)].map(
    ({ kind, group, dimension, sides, reason }): Symmetry => ({
      kind,
      group,
      dimension,
      sides,
      reason,
    }),
  );
  const rows = symmetries.map(({ kind, group, dimension, sides, reason }) => [
    kind,
    group,
    String(dimension),
    sides.map(sideText).join(' · '),
    reason,
  ]);
  const header = ['kind', 'group', 'dimension', 'sides', 'reason'];
  return Object.defineProperty(symmetries, 'toString', {
    value: () => drawTable([header, ...rows]),
  });
}
