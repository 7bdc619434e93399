/** What a browser bundle gets instead of `@tfjs-lrm/diagnostics/node`: a function that throws an error saying so. */
import type { toTensorBoard as ToTensorBoard } from './tensor-board.ts';

export const toTensorBoard: typeof ToTensorBoard = () => {
  throw new Error(
    '@tfjs-lrm/diagnostics/node: TensorFlow writes these files, which does not run in a browser. Try toNdjson of @tfjs-lrm/diagnostics there.',
  );
};
