import type { NamedAttrMap } from '@tensorflow/tfjs-core';

/**
 * The attributes of a call under the type that tfjs gives those of its kernel: kernels and gradients get them as a map
 * of no particular kernel.
 */
export const attributes = <T extends object>(attrs: NamedAttrMap | undefined): T => attrs as T;
