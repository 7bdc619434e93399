/** What a browser bundle gets instead of this package: an error. */
import type { compile as Compile } from './compile/compile.ts';
import type { compileModel as CompileModel } from './compile/compile-model.ts';
import type { info as Info } from './load.ts';

function refuse(): never {
  throw new Error(
    '@tfjs-lrm/native: it runs TensorFlow in Node and cannot be bundled for the browser. Try @tensorflow/tfjs-backend-wasm with @tfjs-lrm/kernels there.',
  );
}

export const compile: typeof Compile = refuse;
export const compileModel: typeof CompileModel = refuse;
export const info: typeof Info = refuse;

refuse();
