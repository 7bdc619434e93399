/**
 * Importing this package loads tfjs-node on the TensorFlow that it is linked to, and makes `tensorflow` the
 * current backend.
 */

export { type CompiledStep, type CompileOptions, compile } from './compile/compile.ts';
export {
  type CompiledModel,
  type CompileModelOptions,
  compileModel,
} from './compile/compile-model.ts';
export { info, type NativeInfo } from './load.ts';
