/** `@tfjs-lrm/native/kit`: the addon and TensorFlow's messages, for the authors of packages that run operations themselves. */
import './load.ts';

export type { Addon, Attribute, Output } from './compile/addon.ts';
export { nodeBackend } from './compile/backend.ts';
export type { NodeBackend } from './compile/internals.ts';
export { type Bytes, bytes, concat, integer } from './compile/protobuf.ts';
