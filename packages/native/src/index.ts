/**
 * Importing this package loads tfjs-node on the TensorFlow that it is linked to, and makes `tensorflow` the
 * current backend.
 */

export { type CompiledStep, compile } from './compile/compile.ts';
export {
  type CompiledModel,
  type CompileModelOptions,
  compileModel,
} from './compile/compile-model.ts';
export type { CompileOptions } from './compile/options.ts';
export { info, type NativeInfo } from './load.ts';
