/** Factors of groups of matrices, as µP has them: of the learning rate, of the decay, and of what a matrix puts out. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { setRates } from '@tfjs-lrm/core';
import type { Factors } from './search.ts';

export type Group =
  | 'embedding'
  | 'query and key'
  | 'value and output'
  | 'gate and up'
  | 'down'
  | 'head';

/** The groups by the names of their layers. */
const LAYERS: Readonly<Record<Group, RegExp>> = {
  embedding: /^embedding$/,
  'query and key': /_(query|key)$/,
  'value and output': /_(value|output)$/,
  'gate and up': /_(gate|up)$/,
  down: /_down$/,
  head: /^head$/,
};

export const GROUPS = Object.keys(LAYERS) as readonly Group[];

export const KINDS = ['rate', 'decay', 'forward'] as const;
export type Kind = (typeof KINDS)[number];

/** The name of a factor of a group. */
export const factorName = (kind: Kind, group: Group): string => `${kind} of ${group}`;

/**
 * Gives every matrix the factors of its group. A forward factor f is the same as f times the start and the rate, and
 * 1/f times the decay, under optimizers whose steps do not depend on the size of the gradient.
 */
export function applyFactors(model: LayersModel, factors: Factors): void {
  for (const layer of model.layers) {
    const group = GROUPS.find((each) => LAYERS[each].test(layer.name));
    if (group === undefined) continue;
    const factorOf = (kind: Kind): number => factors[factorName(kind, group)] ?? 1;
    const forward = factorOf('forward');
    const weight = layer.trainableWeights.find(({ originalName }) =>
      /\/(kernel|embeddings)$/.test(originalName),
    );
    const kernel = weight?.read() as tf.Variable;
    tf.tidy(() => kernel.assign(tf.mul(kernel, forward)));
    setRates(kernel, {
      learningRate: factorOf('rate') * forward,
      decay: factorOf('decay') / forward,
    });
  }
}
