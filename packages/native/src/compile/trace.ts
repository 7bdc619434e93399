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
  const tensors = inputs.map(({ source }) => {
    if (source.kind === 'variable') return source.variable;
    return source.kind === 'captured' ? source.tensor : null;
  }) as tf.Tensor[];
  const snapshot = OptimizerSnapshot.take(optimizers.own.keys());

  return {
    roots: optimizers.roots,

    isUsable: () =>
      variables.every(({ isDisposed, trainable }, i) => !isDisposed && trainable === flags[i]) &&
      changed.every((variable) => !variable.isDisposed),

    changedOptimizer: () => snapshot.changed(),

    run(batch, call) {
      for (const { at, source } of batchInputs) tensors[at] = batch[source.index] as tf.Tensor;
      for (const { at } of counters) tensors[at] = tf.scalar(call, 'int32');
      const ids = backend.getInputTensorIds(tensors);
      let values: Output[];
      try {
        values = addon.executeOp(name, attributes, ids, outputs.length);
      } finally {
        for (const { at } of counters) (tensors[at] as tf.Tensor).dispose();
      }
      changed.forEach((variable, i) => {
        replaceValue(backend, variable, values[results + i] as Output);
      });
      for (const [own, times] of optimizers.own) countStep(own, times);
      for (const root of optimizers.roots) afterReplay(root);
      return values.slice(0, results).map((output) => backend.createOutputTensor(output));
    },

    dispose() {
      addon.removeFunction(name);
      tf.dispose(captured);
    },
  };
}
