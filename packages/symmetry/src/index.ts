export {
  type Algebra,
  type Bilinear,
  type Channelwise,
  describeLayer,
  type Grouped,
  type ProductTerm,
} from '@tfjs-lrm/core/kit';
export { breakSymmetry } from './break-symmetry.ts';
export { findSymmetries, type SymmetryList } from './find-symmetries.ts';
export { minimalPlacement } from './minimal-placement.ts';
export { type RebalanceOptions, rebalance } from './rebalance.ts';
export { rebalanceEvery } from './rebalance-every.ts';
export type { Side, Symmetry } from './symmetry.ts';
export { type SpreadOptions, symmetryBreaking } from './symmetry-breaking.ts';
export { symmetryDrift } from './symmetry-drift.ts';
