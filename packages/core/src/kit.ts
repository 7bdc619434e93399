/** `@tfjs-lrm/core/kit`: helpers for the authors of optimizers, adapters and packages around them. */

export { adopt } from './adopt.ts';
export { allOrNothing, undoable } from './all-or-nothing.ts';
export { outputLayers } from './assign-roles.ts';
export {
  anyRule,
  booleanRule,
  checkOptions,
  knownOptions,
  nearest,
  numberRule,
  oneOfRule,
  type Rule,
  show,
} from './check.ts';
export { checkLayers, checkModel } from './check-model.ts';
export {
  type Algebra,
  type Bilinear,
  type Channelwise,
  describeLayer,
  descriptionOf,
  type Grouped,
  type ProductTerm,
} from './describe-layer.ts';
export { type DividedByLargest, dividedByLargest } from './divided-by-largest.ts';
export { findWeights, kerasEndOf, meanings, targetsIn } from './find-weights.ts';
export { type AddWeight, checkSize, guardedBuild } from './guarded-build.ts';
export {
  copyKernelAxes,
  type Kernel,
  kernelAxes,
  kernelsWithAxes,
  noteKernelAxes,
} from './kernel-axes.ts';
export {
  constraintKey,
  KERNEL_CONSTRAINTS,
  type KernelAxes,
  type KernelPlace,
  KNOWN_LAYERS,
  kernelPlaces,
  OUTPUTS_LAST,
} from './kernel-places.ts';
export { layerOf } from './layer-of.ts';
export {
  holderOf,
  innerLayers,
  isLayer,
  isWeight,
  labelOf,
  layersIn,
  weightAt,
} from './layers-inside.ts';
export { MirroredScalar } from './mirrored-scalar.ts';
export {
  afterReplay,
  assertUsable,
  type Connection,
  childrenOf,
  connect,
  type Member,
  nodeOf,
  type OptimizerConfig,
  type OptimizerNode,
  treeOf,
} from './node.ts';
export { type OnePass, runOnePass } from './one-pass.ts';
export { type Patch, withPatches } from './patches.ts';
export { ratesVersion } from './rates.ts';
export { currentRecording, isRecording, whileRecording } from './recording.ts';
export { nameOfClass, register } from './registry.ts';
export { isRole, ROLES } from './roles.ts';
export { pathTo, type Station, updaterOf } from './route.ts';
export { Selection } from './selection.ts';
export {
  checkSelector,
  type SavedSelector,
  selectorRule,
  selectorToConfig,
  selects,
} from './selector.ts';
export { buildSaved, deserializeOptimizer, isPlain, savedData } from './serialize.ts';
export { serializeOptimizer } from './serialize-optimizer.ts';
export { copyStanding, PROPERTY_PREFIXES } from './standing.ts';
export type { Keyed, Matching, SavedState } from './state.ts';
export { StateStore } from './state-store.ts';
export { drawTable } from './table.ts';
export { isTapeOn } from './tape.ts';
export { isModel, isVariable, variableOf } from './tfjs-objects.ts';
export type {
  AdamRule,
  Decay,
  MatrixBlock,
  OrthogonalRule,
  UpdateRule,
} from './update-rule.ts';
