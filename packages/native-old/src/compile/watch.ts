/** Runs a step operation by operation and sees everything that passes between JavaScript and TensorFlow. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { withPatches } from '@tfjs-lrm/core/kit';
import { type Attribute, engine, type NodeBackend, type Output, type Values } from './backend.ts';
import { type Optimizers, watchOptimizers } from './optimizers.ts';
import { type Place, watchPlace } from './place.ts';
import { type Draw, watchDraws } from './random.ts';

/** What is done with what passes. */
export interface Watcher {
  execute(op: string, attributes: readonly Attribute[], ids: number[], n: number): Output[];
  /** A tensor of values that the step made in JavaScript. */
  create(shape: number[], dtype: number, values: Values, draw: Draw | undefined): number;
  /** A tensor that is the input of an operation, with its id. */
  see(id: number, tensor: tf.TensorInfo): void;
  /** Calls the host half of an optimizer, which is no part of the step. */
  hostHalf(run: () => void): void;
}

export interface Watched<R> {
  readonly result: R;
  readonly optimizers: Optimizers;
  /** What tf.keep was called with. */
  readonly kept: ReadonlySet<tf.Tensor>;
}

/** Kernels that look at values only to check them; TensorFlow checks them too. */
const CHECKING = new Set(['GatherV2']);

/**
 * Runs `step`. `makeWatcher` gets the addon itself and the place in the step.
 *
 * @param done roots whose host half was called already in this step
 */
export function watch<R>(
  backend: NodeBackend,
  step: () => R,
  done: ReadonlySet<TensorOptimizer>,
  makeWatcher: (place: Place) => Watcher,
): Watched<R> {
  const addon = backend.binding;
  const place = watchPlace();
  const watcher = makeWatcher(place);
  const draws = watchDraws(place);
  const inside = new WeakSet<object>();
  const kept = new Set<tf.Tensor>();
  let isHostHalf = false;

  const { optimizers, patches, within } = watchOptimizers((root) => {
    if (done.has(root)) return;
    isHostHalf = true;
    try {
      watcher.hostHalf(() => tf.tidy(() => root.beforeStep()));
    } finally {
      isHostHalf = false;
    }
  });

  const watched: NodeBackend['binding'] = Object.create(addon, {
    executeOp: {
      value: (...[op, attributes, ids, n]: Parameters<typeof addon.executeOp>) => {
        if (isHostHalf) return addon.executeOp(op, attributes, ids, n);
        const mended = addon.translate(op, attributes, ids);
        return watcher.execute(...mended, n);
      },
    },
    createTensor: {
      value: (...[shape, dtype, values]: Parameters<typeof addon.createTensor>) =>
        isHostHalf
          ? addon.createTensor(shape, dtype, values)
          : watcher.create(shape, dtype, values, draws.of(values)),
    },
  });

  // Values that were made before the step wait for their first use: they are no constants of the step.
  function flush(tensor: tf.TensorInfo): void {
    const stored = backend.tensorMap.get(tensor.dataId);
    if (stored.values === null || inside.has(tensor.dataId)) return;
    stored.id = addon.createTensor(stored.shape, stored.dtype, stored.values);
    stored.values = null;
  }

  function refuseReading(dataId: object): void {
    const stored = backend.tensorMap.get(dataId);
    if (isHostHalf || CHECKING.has(place.kernel() ?? '')) return;
    if (stored.values !== null && draws.of(stored.values) === undefined) return;
    throw new Error(
      `compile: a step must not read values of tensors, which a recording would repeat. Received a read in ${place.describe()}. ` +
        'Try tf.where and other operations on tensors, or read what the step returns.',
    );
  }

  const isTensor = (input: tf.TensorInfo | object): input is tf.TensorInfo => 'dataId' in input;
  const reads = ['readSync', 'read'].map((method) => ({
    object: backend,
    method,
    by: (former: (dataId: object) => unknown) => (dataId: object) => {
      refuseReading(dataId);
      return former.call(backend, dataId);
    },
  }));
  const run = (): R =>
    withPatches(
      [
        ...place.patches,
        ...draws.patches,
        ...patches,
        ...reads,
        {
          object: backend,
          method: 'write',
          by:
            (former: (values: Values, ...rest: unknown[]) => object) =>
            (values: Values, ...rest: unknown[]) => {
              const dataId = former.call(backend, values, ...rest);
              if (isHostHalf) return dataId;
              inside.add(dataId);
              draws.written(values);
              return dataId;
            },
        },
        {
          object: backend,
          method: 'getInputTensorIds',
          by:
            (former: (tensors: readonly tf.TensorInfo[]) => number[]) =>
            (tensors: readonly tf.TensorInfo[]) => {
              if (isHostHalf) return former.call(backend, tensors);
              const given = tensors.filter(isTensor);
              for (const tensor of given) flush(tensor);
              const ids = former.call(backend, tensors);
              tensors.forEach((tensor, i) => {
                if (isTensor(tensor)) watcher.see(ids[i] as number, tensor);
              });
              return ids;
            },
        },
        {
          object: engine(),
          method: 'keep',
          by: (former: (tensor: tf.Tensor) => tf.Tensor) => (tensor: tf.Tensor) => {
            if (!isHostHalf) kept.add(tensor);
            return former.call(engine(), tensor);
          },
        },
      ],
      step,
    );

  backend.binding = watched;
  try {
    const result = within(run);
    return { result, optimizers, kept };
  } finally {
    backend.binding = addon;
  }
}
