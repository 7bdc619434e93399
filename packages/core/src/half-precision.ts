import * as tf from '@tensorflow/tfjs-core';

/**
 * Whether the current backend computes in half precision, as WebGL on many phones does.
 *
 * `floatPrecision()` of tfjs' WebGL reports half precision even where it renders to float32 textures, as on any desktop, so the
 * flag for those textures decides there.
 *
 * @example
 * const leastEpsilon = isHalfPrecision() ? 1e-4 : 1e-8;
 */
export function isHalfPrecision(): boolean {
  if (tf.backend().floatPrecision() !== 16) return false;
  return tf.getBackend() !== 'webgl' || !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
}
