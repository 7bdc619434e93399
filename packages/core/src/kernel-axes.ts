/** The axes of a kernel, given its variable alone. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import {
  DEPTHWISE,
  INPUTS_LAST,
  type KernelAxes,
  kernelPlaces,
  OUTPUTS_LAST,
} from './kernel-places.ts';
import { innerLayers, isWeight, weightAt } from './layers-inside.ts';

/** A kernel of a layer with its axes. */
export interface Kernel {
  readonly kernel: LayerVariable;
  readonly axes: KernelAxes;
}

// On globalThis, so that two copies of this package in one process agree.
const STORE: unique symbol = Symbol.for('tfjs-lrm/kernel-axes');
const shared = globalThis as { [STORE]?: WeakMap<tf.Variable, KernelAxes> };
shared[STORE] ??= new WeakMap();
const noted: WeakMap<tf.Variable, KernelAxes> = shared[STORE];

const isKernel = (value: unknown): value is Kernel =>
  typeof value === 'object' &&
  value !== null &&
  'axes' in value &&
  isWeight((value as Partial<Kernel>).kernel);

/**
 * The kernels of a built layer with their axes: those in the layer's own property `kernels`, which a layer with
 * multipliers has, or else those that the table of kernel places lists for it or for the layers in its properties.
 */
export function kernelsWithAxes(
  layer: layers.Layer,
  visited: Set<layers.Layer> = new Set(),
): readonly Kernel[] {
  if (visited.has(layer)) return [];
  visited.add(layer);
  const { kernels } = layer as { kernels?: unknown };
  if (Array.isArray(kernels) && kernels.length > 0 && kernels.every(isKernel)) return kernels;
  const places = kernelPlaces(layer);
  if (places === null)
    return innerLayers(layer).flatMap(([, inner]) => kernelsWithAxes(inner, visited));
  return places.flatMap(({ property, axes }) => {
    const kernel = weightAt(layer, property);
    return kernel === null ? [] : [{ kernel, axes }];
  });
}

/** Records the axes of the kernels of a built layer, for `kernelAxes`. */
export function noteKernelAxes(layer: layers.Layer): void {
  for (const { kernel, axes } of kernelsWithAxes(layer)) {
    noted.set(kernel.read() as tf.Variable, axes);
  }
}

/** Copies the recorded axes of a variable to one that replaces it. */
export function copyKernelAxes(from: tf.Variable, to: tf.Variable): void {
  const axes = noted.get(from);
  if (axes === undefined) noted.delete(to);
  else noted.set(to, axes);
}

/**
 * The axes of a kernel: those of its layer, if `assignRoles` has seen it; else those that its name implies, a
 * `depthwise_kernel` or, with more than two axes, "transpose" in the layer's name, as tfjs names them; else
 * [..., inputs, outputs].
 */
export function kernelAxes(variable: tf.Variable): KernelAxes {
  return noted.get(variable) ?? axesByName(variable);
}

function axesByName({ name, rank }: tf.Variable): KernelAxes {
  const scopes = name.replace(/_\d+$/, '').split('/');
  if (scopes.at(-1) === 'depthwise_kernel') return DEPTHWISE;
  const isTransposed = rank > 2 && /transpose/i.test(scopes.at(-2) ?? '');
  return isTransposed ? INPUTS_LAST : OUTPUTS_LAST;
}
