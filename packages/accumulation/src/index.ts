export { type AccumulationOptimizer, withAccumulation } from './accumulation.ts';
