export { withWeightDecay } from './weight-decay.ts';
