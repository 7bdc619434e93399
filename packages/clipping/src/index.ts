export { type ClippingOptimizer, withClipping } from './clipping.ts';
