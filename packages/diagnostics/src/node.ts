/** `@tfjs-lrm/diagnostics/node`: what needs tfjs-node. */
export { toTensorBoard } from './tensor-board.ts';
