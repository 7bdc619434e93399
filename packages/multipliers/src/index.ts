export { type KernelAxes, type KernelPlace, kernelPlaces } from '@tfjs-lrm/core/kit';
export { type AddMultipliersOptions, addMultipliers } from './add-multipliers.ts';
export type { MultipliedKernel } from './effective-kernel.ts';
export { foldMultipliers } from './fold.ts';
export type { MultiplierLayer } from './multiplier-layer.ts';
export { multiply } from './multiply.ts';
export type { MultiplierOptions } from './options.ts';
export { type ReparametrizeOptions, reparametrize } from './reparametrize.ts';
export { withMultipliers } from './with-multipliers.ts';
