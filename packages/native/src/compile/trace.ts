/** A recorded step as a function of TensorFlow. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { afterReplay } from '@tfjs-lrm/core/kit';
import type { Output } from './addon.ts';
import { replaceValue } from './backend.ts';
import { callAttributes } from './call-attributes.ts';
import type { NodeBackend } from './internals.ts';
import { OptimizerSnapshot } from './optimizer-snapshot.ts';
import { countStep, type Optimizers } from './optimizers.ts';
import type { CompileOptions } from './options.ts';
import type { Recording, Source } from './recording.ts';
import { cellOf, replaceable } from './variable-cell.ts';

export interface Trace {
  readonly roots: ReadonlySet<TensorOptimizer>;
  /** Whether all variables still exist, and are trainable or not as they were. */
  isUsable(): boolean;
  /** The tfjs optimizer whose numbers have changed since the step was recorded; null when there is none. */
  changedOptimizer(): tf.Optimizer | null;
  /** Runs the tensor half of a step. `call` is its number. */
  run(batch: readonly (tf.Tensor | null)[], call: number): tf.Tensor[];
  dispose(): void;
}

// On globalThis, so that two copies of this package in one thread give their functions different names.
const FUNCTIONS: unique symbol = Symbol.for('tfjs-lrm/functions');
const shared = globalThis as { [FUNCTIONS]?: number };

function newName(): string {
  const number = (shared[FUNCTIONS] ?? 0) + 1;
  shared[FUNCTIONS] = number;
  return `tfjs_lrm_step_${number}`;
}

export function makeTrace(
  backend: NodeBackend,
  recording: Recording,
  optimizers: Optimizers,
  options: CompileOptions,
): Trace {
  const { binding: addon } = backend;
  const { definition, inputs, outputs, results, changed } = recording;
  const name = newName();
  addon.addFunction(
    name,
    definition,
    inputs.map(({ reference }) => reference),
    [...outputs],
  );
  const attributes = callAttributes(addon, options);
  const inputsFrom = <K extends Source['kind']>(kind: K) =>
    inputs.flatMap(({ source }, at) =>
      source.kind === kind ? [{ at, source: source as Extract<Source, { kind: K }> }] : [],
    );
  const [batchInputs, counters] = [inputsFrom('argument'), inputsFrom('counter')];
  const variables = inputsFrom('variable').map(({ source }) => source.variable);
  // A frozen variable has no gradient, and a thawed one has one.
  const flags = variables.map(({ trainable }) => trainable);
  const captured = inputsFrom('captured').map(({ source }) => source.tensor);
  // Places for the arguments and the counter, filled in at each call.
  const values = inputs.map(({ source }) => {
    if (source.kind === 'variable') return cellOf(source.variable);
    return source.kind === 'captured' ? source.tensor : null;
  }) as { readonly dataId: object }[];
  const cells = changed.map(cellOf);
  // The numbers of the tensors whose places the outputs take: results are new tensors.
  const targets = new Int32Array(outputs.length).fill(-1);
  const snapshot = OptimizerSnapshot.take(optimizers.own.keys());

  return {
    roots: optimizers.roots,

    isUsable: () =>
      variables.every(({ isDisposed, trainable }, i) => !isDisposed && trainable === flags[i]) &&
      changed.every((variable) => !variable.isDisposed),

    changedOptimizer: () => snapshot.changed(),

    run(batch, call) {
      for (const { at, source } of batchInputs) values[at] = batch[source.index] as tf.Tensor;
      const counter = counters.length === 0 ? null : tf.scalar(call, 'int32');
      for (const { at } of counters) values[at] = counter as tf.Scalar;
      let created: Output[];
      try {
        const ids = Int32Array.from(backend.getInputTensorIds(values));
        cells.forEach((cell, i) => {
          targets[results + i] = replaceable(backend, cell);
        });
        created = addon.callFunction(name, attributes, ids, targets);
      } finally {
        counter?.dispose();
      }
      let next = results;
      cells.forEach((cell, i) => {
        if (targets[results + i] !== -1) cell.replacedIn = backend;
        else replaceValue(backend, changed[i] as tf.Variable, created[next++] as Output);
      });
      for (const [own, times] of optimizers.own) countStep(own, times);
      for (const root of optimizers.roots) afterReplay(root);
      return created.slice(0, results).map((output) => backend.createOutputTensor(output));
    },

    dispose() {
      addon.removeFunction(name);
      tf.dispose(captured);
    },
  };
}
