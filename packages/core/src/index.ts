export { assignRoles, describeRoles, outputLayers, type RoleTable } from './assign-roles.ts';
export { byRole } from './by-role.ts';
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
export { type DividedByLargest, dividedByLargest } from './divided-by-largest.ts';
export type { Entry } from './entries.ts';
export { isHalfPrecision } from './half-precision.ts';
export {
  bindState,
  findOptimizer,
  learningRate,
  learningRateOf,
  transformState,
  updaterOf,
} from './inspect.ts';
export {
  copyKernelAxes,
  type Kernel,
  kernelAxes,
  kernelsWithAxes,
  noteKernelAxes,
} from './kernel-axes.ts';
export {
  constraintKey,
  type KernelAxes,
  type KernelPlace,
  KNOWN_LAYERS,
  kernelPlaces,
  OUTPUTS_LAST,
} from './kernel-places.ts';
export {
  holderOf,
  innerLayers,
  isLayer,
  isWeight,
  labelOf,
  layersIn,
  weightAt,
} from './layers-inside.ts';
export { adopt, OptimizerAdapter, ownerOf } from './optimizer-adapter.ts';
export { hasL2 } from './regularized.ts';
export {
  checkRole,
  copyRole,
  explainRole,
  isRole,
  ROLES,
  type Role,
  roleOf,
  setRole,
} from './roles.ts';
export {
  checkSelector,
  type SavedSelector,
  type Selector,
  selectorToConfig,
  selects,
} from './selector.ts';
export { buildSaved, deserializeOptimizer, savedData } from './serialize.ts';
export type { Keyed } from './state.ts';
export { TensorOptimizer } from './tensor-optimizer.ts';
export { asTensorOptimizer, isTensorOptimizer } from './tfjs-optimizer.ts';
