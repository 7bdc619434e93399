/** Runs a step operation by operation and watches everything that passes between JavaScript and TensorFlow. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { type Patch, withPatches } from '@tfjs-lrm/core/kit';
import { takeShape } from '../moved-tensors.ts';
import type { Addon, Attribute, Output, Values } from './addon.ts';
import { engine, type NodeBackend } from './internals.ts';
import { type Optimizers, watchOptimizers } from './optimizers.ts';
import { type Place, watchPlace } from './place.ts';
import { type Draw, type Draws, watchDraws } from './random.ts';

/** What to do with what passes. */
export interface Watcher {
  /** Whether XLA compiles the step. */
  readonly isForXla: boolean;
  execute(op: string, attributes: readonly Attribute[], ids: number[], n: number): Output[];
  /** A tensor of values that the step made in JavaScript. */
  create(shape: number[], dtype: number, values: Values, draw: Draw | undefined): number;
  /** A tensor that is the input of an operation, with the addon's number of it. */
  operand(id: number, tensor: tf.TensorInfo): void;
  /** Calls the host half of an optimizer, which is not part of the step. */
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
 * Runs `step`. `makeWatcher` gets the place in the step.
 *
 * @param prepared optimizers whose host half has run in this call already
 */
export function watch<R>(
  backend: NodeBackend,
  step: () => R,
  prepared: ReadonlySet<TensorOptimizer>,
  makeWatcher: (place: Place) => Watcher,
): Watched<R> {
  return new Watch(backend, prepared, makeWatcher).run(step);
}

const isTensor = (input: tf.TensorInfo | object): input is tf.TensorInfo => 'dataId' in input;

class Watch {
  readonly #backend: NodeBackend;
  readonly #addon: Addon;
  readonly #place: Place = watchPlace();
  readonly #draws: Draws = watchDraws(this.#place);
  readonly #watcher: Watcher;
  readonly #prepared: ReadonlySet<TensorOptimizer>;
  /** Identities of tensors that the step makes of values of JavaScript. */
  readonly #written = new WeakSet<object>();
  readonly #kept = new Set<tf.Tensor>();
  #isHostHalf = false;

  constructor(
    backend: NodeBackend,
    prepared: ReadonlySet<TensorOptimizer>,
    makeWatcher: (place: Place) => Watcher,
  ) {
    this.#backend = backend;
    this.#addon = backend.binding;
    this.#prepared = prepared;
    this.#watcher = makeWatcher(this.#place);
  }

  run<R>(step: () => R): Watched<R> {
    const { optimizers, patches, during } = watchOptimizers((root) => this.#prepare(root));
    const all = [
      ...this.#place.patches,
      ...this.#draws.patches,
      ...patches,
      ...this.#ofBackend(),
      this.#ofKeep(),
    ];
    this.#backend.binding = this.#watchedAddon();
    try {
      const result = during(() => withPatches(all, step));
      return { result, optimizers, kept: this.#kept };
    } finally {
      this.#backend.binding = this.#addon;
    }
  }

  #prepare(root: TensorOptimizer): void {
    if (this.#prepared.has(root)) return;
    this.#isHostHalf = true;
    try {
      this.#watcher.hostHalf(() => tf.tidy(() => root.beforeStep()));
    } finally {
      this.#isHostHalf = false;
    }
  }

  #watchedAddon(): Addon {
    const addon = this.#addon;
    return Object.create(addon, {
      composes: { value: this.#watcher.isForXla },
      executeOp: {
        value: (...[op, attributes, ids, n]: Parameters<Addon['executeOp']>) =>
          this.#isHostHalf
            ? addon.executeOp(op, attributes, ids, n)
            : this.#watcher.execute(...addon.translate(op, attributes, ids), n),
      },
      createTensor: {
        value: (...[shape, dtype, values]: Parameters<Addon['createTensor']>) =>
          this.#isHostHalf
            ? addon.createTensor(shape, dtype, values)
            : this.#watcher.create(shape, dtype, values, this.#draws.drawOf(values)),
      },
    });
  }

  #ofBackend(): Patch[] {
    const backend = this.#backend;
    const read = (former: (dataId: object) => unknown) => (dataId: object) => {
      this.#refuseReading(dataId);
      return former.call(backend, dataId);
    };
    return [
      { object: backend, method: 'readSync', by: read },
      { object: backend, method: 'read', by: read },
      {
        object: backend,
        method: 'write',
        by:
          (former: (values: Values, ...rest: unknown[]) => object) =>
          (values: Values, ...rest: unknown[]) => {
            const dataId = former.call(backend, values, ...rest);
            if (this.#isHostHalf) return dataId;
            this.#written.add(dataId);
            this.#draws.written(values);
            return dataId;
          },
      },
      {
        object: backend,
        method: 'getInputTensorIds',
        by:
          (former: (inputs: readonly (tf.TensorInfo | object)[]) => number[]) =>
          (inputs: readonly (tf.TensorInfo | object)[]) => {
            if (this.#isHostHalf) return former.call(backend, inputs);
            for (const input of inputs) if (isTensor(input)) this.#makeOutside(input);
            const ids = former.call(backend, inputs);
            inputs.forEach((input, i) => {
              if (isTensor(input)) this.#watcher.operand(ids[i] as number, input);
            });
            return ids;
          },
      },
    ];
  }

  #ofKeep(): Patch {
    return {
      object: engine(),
      method: 'keep',
      by: (former: (tensor: tf.Tensor) => tf.Tensor) => (tensor: tf.Tensor) => {
        if (!this.#isHostHalf) this.#kept.add(tensor);
        return former.call(engine(), tensor);
      },
    };
  }

  // Values that were created before the step wait for their first use: they are not constants of the step.
  #makeOutside(tensor: tf.TensorInfo): void {
    const stored = this.#backend.tensorMap.get(tensor.dataId);
    if (stored.values === null || this.#written.has(tensor.dataId)) return;
    takeShape(stored, tensor.shape);
    stored.id = this.#addon.createTensor(stored.shape, stored.dtype, stored.values);
    stored.values = null;
  }

  #refuseReading(dataId: object): void {
    const { values } = this.#backend.tensorMap.get(dataId);
    if (this.#isHostHalf || CHECKING.has(this.#place.kernel() ?? '')) return;
    if (values !== null && this.#draws.drawOf(values) === undefined) return;
    throw new Error(
      `compile: a step must not read values of tensors, which a recording would repeat. Received a read in ${this.#place.describe()}. ` +
        'Try tf.where and other operations on tensors, or read what the step returns.',
    );
  }
}
