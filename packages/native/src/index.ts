/**
 * Importing this package loads tfjs-node on the TensorFlow that it is linked to, and makes `tensorflow` the
 * current backend.
 */
export { info, type NativeInfo } from './load.ts';
