import type * as tf from '@tensorflow/tfjs-core';
import {
  type LayersModel,
  layers,
  regularizers,
  type Sequential,
  sequential,
} from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { hasL2 } from './has-l2.ts';

const l2 = () => regularizers.l2({ l2: 0.1 });
const cell = { units: 2, recurrentInitializer: 'zeros' } as const;
const dense = (options: object = {}) => layers.dense({ units: 2, inputShape: [3], ...options });

/** The weights that have one, once `assignRoles` has seen the model, without the layer's name. */
function noted(model: LayersModel): string[] {
  assignRoles(model);
  return model.weights
    .filter((weight) => hasL2(weight.read() as tf.Variable))
    .map(({ name }) => name.slice(name.lastIndexOf('/') + 1).replace(/_\d+$/, ''));
}

/** How many losses tfjs itself adds: what acts besides the user's loss. */
function added(model: Sequential): number {
  model.build();
  // What trains is the model inside of a Sequential.
  const { model: inside } = model as unknown as { model: LayersModel };
  const losses = inside.calculateLosses();
  for (const loss of losses) loss.dispose();
  return losses.length;
}

const CASES: [name: string, layer: () => layers.Layer, noted: string[]][] = [
  ['none', () => dense(), []],
  ['a kernel', () => dense({ kernelRegularizer: l2() }), ['kernel']],
  ["tfjs' name for one", () => dense({ kernelRegularizer: 'l1l2' }), ['kernel']],
  [
    'a kernel and a bias',
    () => dense({ kernelRegularizer: l2(), biasRegularizer: l2() }),
    ['kernel', 'bias'],
  ],
  [
    'an embedding',
    () =>
      layers.embedding({
        inputDim: 5,
        outputDim: 2,
        embeddingsRegularizer: l2(),
        inputShape: [3],
      }),
    ['embeddings'],
  ],
  [
    'a separable convolution',
    () =>
      layers.separableConv2d({
        filters: 2,
        kernelSize: 1,
        depthwiseRegularizer: l2(),
        pointwiseRegularizer: l2(),
        inputShape: [3, 3, 1],
      }),
    ['depthwise_kernel', 'pointwise_kernel'],
  ],
  [
    'a gain',
    () => layers.batchNormalization({ gammaRegularizer: l2(), inputShape: [3] }),
    ['gamma'],
  ],
  [
    'a layer in a wrapper',
    () =>
      layers.timeDistributed({
        layer: layers.dense({ units: 2, kernelRegularizer: l2() }),
        inputShape: [4, 3],
      } as never),
    ['kernel'],
  ],
  [
    'a layer in a nested model',
    () => sequential({ layers: [dense({ kernelRegularizer: l2() })] }),
    ['kernel'],
  ],
  [
    'a recurrent kernel, of which tfjs never asks',
    () =>
      layers.lstm({
        ...cell,
        kernelRegularizer: l2(),
        recurrentRegularizer: l2(),
        inputShape: [4, 3],
      }),
    [],
  ],
  [
    'recurrent kernels in both directions',
    () =>
      layers.bidirectional({
        layer: layers.gru({ ...cell, kernelRegularizer: l2() }) as never,
        mergeMode: 'concat',
        inputShape: [4, 3],
      } as never),
    [],
  ],
];

onCpu(() => {
  test.each(CASES)(
    'assignRoles notes the L2 regularizer of %s, as tfjs counts',
    (_, make, names) => {
      const model = sequential({ layers: [make()] });
      expect(noted(model)).toEqual(names);
      expect(added(model)).toBe(names.length);
      model.dispose();
    },
  );

  test('an L1 regularizer, one of 0, and none are not noted', () => {
    for (const options of [
      { kernelRegularizer: regularizers.l1({ l1: 0.1 }) },
      { kernelRegularizer: regularizers.l2({ l2: 0 }) },
      { kernelRegularizer: null },
    ]) {
      const model = sequential({ layers: [dense(options)] });
      expect(noted(model)).toEqual([]);
      model.dispose();
    }
  });
});
