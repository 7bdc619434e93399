import type { NamedAttrMap } from '@tensorflow/tfjs-core';

/**
 * The attributes of a call as the type that tfjs uses for those of its kernel: kernels and gradients receive them as a
 * map with no particular type.
 */
export const attributes = <T extends object>(attrs: NamedAttrMap | undefined): T => attrs as T;
