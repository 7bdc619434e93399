/** A recorded step as a function of TensorFlow. */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { afterReplay } from '@tfjs-lrm/core/kit';
import { type Attribute, type NodeBackend, type Output, replaceValue } from './backend.ts';
import { countStep, type Optimizers, partsOf } from './optimizers.ts';
import type { Recording, Source } from './record.ts';

export interface Trace {
  readonly roots: ReadonlySet<TensorOptimizer>;
  /** The number of operations that the function was made of. */
  readonly nodes: number;
  /** Whether all variables still exist, and are trainable or not as they were. */
  isUsable(): boolean;
  /** The optimizer of tfjs whose numbers are others than when the step was recorded; null when there is none. */
  changedOptimizer(): tf.Optimizer | null;
  /** Runs the tensor half of a step. `count` is the number of the call. */
  run(batch: readonly (tf.Tensor | null)[], count: number): tf.Tensor[];
  dispose(): void;
}

// On globalThis, so that two copies of this package in one thread give their functions different names.
const FUNCTIONS: unique symbol = Symbol.for('tfjs-lrm/functions');
const shared = globalThis as { [FUNCTIONS]?: number };

export function makeTrace(
  backend: NodeBackend,
  recording: Recording,
  optimizers: Optimizers,
  xla: boolean,
): Trace {
  const { binding: addon } = backend;
  const { definition, inputs, outputs, results, changed } = recording;
  const number = (shared[FUNCTIONS] ?? 0) + 1;
  shared[FUNCTIONS] = number;
  const name = `tfjs_lrm_step_${number}`;
  addon.addFunction(
    name,
    definition,
    inputs.map(({ reference }) => reference),
    [...outputs],
  );
  const attributes: Attribute[] = xla
    ? [{ name: '_XlaMustCompile', type: addon.TF_ATTR_BOOL, value: true }]
    : [];
  const of = <K extends Source['kind']>(kind: K) =>
    inputs.flatMap(({ source }, at) =>
      source.kind === kind ? [{ at, source: source as Extract<Source, { kind: K }> }] : [],
    );
  const [given, counters] = [of('argument'), of('counter')];
  const variables = of('variable').map(({ source }) => source.variable);
  // A variable that is frozen, or no longer, has no gradient, or one.
  const flags = variables.map(({ trainable }) => trainable);
  const captured = of('captured').map(({ source }) => source.tensor);
  // Arguments and the counter have their places here; they are filled in at each call.
  const tensors = inputs.map(({ source }) => {
    if (source.kind === 'variable') return source.variable;
    return source.kind === 'captured' ? source.tensor : null;
  }) as tf.Tensor[];
  const parts = [...optimizers.own.keys()].map((own) => [own, partsOf(own)] as const);

  return {
    roots: optimizers.roots,
    nodes: recording.nodes,

    isUsable: () =>
      variables.every(({ isDisposed, trainable }, i) => !isDisposed && trainable === flags[i]) &&
      changed.every((variable) => !variable.isDisposed),

    changedOptimizer() {
      const found = parts.find(([own, then]) => {
        const now = partsOf(own);
        return now.length !== then.length || now.some((part, i) => part !== then[i]);
      });
      return found?.[0] ?? null;
    },

    run(batch, count) {
      for (const { at, source } of given) tensors[at] = batch[source.index] as tf.Tensor;
      for (const { at } of counters) tensors[at] = tf.scalar(count, 'int32');
      const ids = backend.getInputTensorIds(tensors);
      let made: Output[];
      try {
        made = addon.executeOp(name, attributes, ids, outputs.length);
      } finally {
        for (const { at } of counters) (tensors[at] as tf.Tensor).dispose();
      }
      changed.forEach((variable, i) => {
        replaceValue(backend, variable, made[results + i] as Output);
      });
      for (const [own, times] of optimizers.own) countStep(own, times);
      for (const root of optimizers.roots) afterReplay(root);
      return made.slice(0, results).map((output) => backend.createOutputTensor(output));
    },

    dispose() {
      addon.removeFunction(name);
      tf.dispose(captured);
    },
  };
}
