export { assignRoles, describeRoles, type RoleTable } from './assign-roles.ts';
export { byRole } from './by-role.ts';
export type { Entry } from './entries.ts';
export { isHalfPrecision } from './half-precision.ts';
export {
  bindState,
  findOptimizer,
  learningRate,
  learningRateOf,
  transformState,
} from './inspect.ts';
export { OptimizerAdapter } from './optimizer-adapter.ts';
export { explainRole, type Role, roleOf, setRole } from './roles.ts';
export type { Selector } from './selector.ts';
export { TensorOptimizer } from './tensor-optimizer.ts';
export { asTensorOptimizer, isTensorOptimizer } from './tfjs-optimizer.ts';
