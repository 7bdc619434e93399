import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { booleanRule, checkOptions, isRecording, show } from '@tfjs-lrm/core/kit';
import { engine, type NodeBackend, nodeBackend } from './backend.ts';
import { type Constants, makeConstants } from './constants.ts';
import { type Optimizers, partsOf, uncountedIfThrown } from './optimizers.ts';
import { record } from './record.ts';
import { makeTrace, type Trace } from './trace.ts';
import { watch } from './watch.ts';

type Result = tf.Tensor | null | readonly (tf.Tensor | null)[];

/** A step that runs as one function of TensorFlow from its third call on. */
export interface CompiledStep<A extends (tf.Tensor | null)[], R> {
  (...batch: A): R;
  /** How many functions were made so far: one for each set of shapes, and one more for each recording again. */
  readonly traces: number;
  /** Removes the functions and frees what they hold. A later call starts anew. */
  dispose(): void;
}

export interface CompileOptions {
  /** Whether TensorFlow's XLA compiles the function. It takes longer to start and then runs faster. */
  readonly xla?: boolean | undefined;
}

/** What is known about calls with the same shapes. */
interface Entry {
  trace: Trace | null;
  /** What the last call has made in JavaScript; null before the first one. */
  constants: Constants | null;
  /** The optimizers that the last call has met. */
  optimizers: readonly tf.Optimizer[];
  /** The optimizers of tfjs in it, with their numbers. */
  parts: (readonly [tf.Optimizer, unknown[]])[];
  /** How many calls could not be recorded. */
  failures: number;
  /** What the step returned: one result or an array, and which are null. */
  form: { readonly isArray: boolean; readonly nulls: readonly boolean[] };
}

/** So many functions at most are kept; beyond, the one that was not used for the longest time goes. */
const MOST = 16;
/** With so many a mistake is likely, and said once. */
const MANY = 10;
const ATTEMPTS = 3;

const signature = (batch: readonly (tf.Tensor | null)[]): string =>
  batch.map((tensor) => (tensor === null ? 'null' : `${tensor.dtype}[${tensor.shape}]`)).join(' ');

const constantParts = (optimizers: Optimizers): Entry['parts'] =>
  [...optimizers.own.keys()].map((own) => [own, partsOf(own)]);

const areEqual = (parts: Entry['parts']): boolean =>
  parts.every(([own, then]) => {
    const now = partsOf(own);
    return now.length === then.length && now.every((part, i) => part === then[i]);
  });

/**
 * Makes one function of TensorFlow out of a training step, or of any other function of tensors.
 *
 * The first call with new shapes runs `step` operation by operation, so that optimizers make their state; the
 * second records what it runs; all later ones run the recording as one operation. Variables are inputs and
 * outputs of it: they may be assigned, saved and loaded between calls. JavaScript in `step` runs in the
 * first two calls only. Numbers and tensors that it makes must be the same in each call; random numbers of tfjs
 * and dropout are made anew by TensorFlow.
 *
 * @param step returns a tensor, null, or an array of them; must not be asynchronous
 * @param options xla: whether XLA compiles the function (false)
 * @throws TypeError for arguments that are no tensors. Error for what a recording would silently repeat: values
 *   read in the step, random numbers of other kinds, constants that change from call to call, tensors kept for later,
 *   tfjs' own optimizer under a schedule, clipping with nonFinite 'skip' or 'throw'.
 * @example
 * await tf.setBackend('tensorflow');
 * const step = compile((x, y) => optimizer.minimize(() => tf.losses.meanSquaredError(y, model.apply(x)), true));
 * const loss = step(x, y);
 */
export function compile<A extends (tf.Tensor | null)[], R extends Result>(
  step: (...batch: A) => R,
  options: CompileOptions = {},
): CompiledStep<A, R> {
  if (typeof step !== 'function') {
    throw new TypeError(
      `compile: the step must be a function of tensors. Received ${show(step)}. Try compile((x, y) => optimizer.minimize(…, true)).`,
    );
  }
  checkOptions('compile', options, { xla: booleanRule(false) });
  const { xla = false } = options;
  const entries = new Map<string, Entry>();
  const keptBefore = new WeakMap<object, { isUsed: boolean }>();
  const noteKept = (tensors: ReadonlySet<tf.Tensor>): void => {
    for (const { dataId } of tensors) {
      if (!keptBefore.has(dataId)) keptBefore.set(dataId, { isUsed: false });
    }
  };
  let traces = 0;
  let count = 0;
  let hasWarnedOfMany = false;
  const warned = new WeakSet<tf.Optimizer>();

  function forget(entry: Entry): void {
    entry.trace?.dispose();
    entry.trace = null;
    entry.constants = null;
    entry.failures = 0;
  }

  function entryOf(key: string): Entry {
    const form = { isArray: false, nulls: [] };
    const entry = entries.get(key) ?? {
      trace: null,
      constants: null,
      optimizers: [],
      parts: [],
      failures: 0,
      form,
    };
    // The last one is the one that was used last.
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size > MOST) {
      const [oldest, former] = entries.entries().next().value as [string, Entry];
      former.trace?.dispose();
      entries.delete(oldest);
    }
    return entry;
  }

  /** The step on a batch, as a list of tensors that belong to the caller. */
  const listed =
    (entry: Entry, given: readonly (tf.Tensor | null)[]) =>
    (batch: readonly (tf.Tensor | null)[]): tf.Tensor[] =>
      tf.tidy(() => {
        // Arguments are values: a recording could not assign to a variable that comes as one.
        const args = batch.map((each) => (each instanceof tf.Variable ? tf.clone(each) : each));
        const result = step(...(args as A)) as Result | Promise<unknown>;
        checkResult(result);
        const list = (Array.isArray(result) ? result : [result]) as (tf.Tensor | null)[];
        entry.form = {
          isArray: Array.isArray(result),
          nulls: list.map((tensor) => tensor == null),
        };
        // What the caller has already is not handed out a second time.
        return list
          .filter((tensor) => tensor != null)
          .map((tensor, i, all) =>
            batch.includes(tensor) ||
            given.includes(tensor) ||
            tensor instanceof tf.Variable ||
            all.indexOf(tensor) < i
              ? tf.clone(tensor)
              : tensor,
          );
      });

  function shaped({ form }: Entry, results: readonly tf.Tensor[]): R {
    const rest = [...results];
    const list = form.nulls.map((isNull) => (isNull ? null : (rest.shift() as tf.Tensor)));
    return (form.isArray ? list : list[0]) as R;
  }

  function runOnce(backend: NodeBackend, entry: Entry, batch: A, done: Set<TensorOptimizer>): R {
    const constants = makeConstants();
    const { binding: addon } = backend;
    const { result, optimizers, kept } = watch(
      backend,
      () => listed(entry, batch)(batch),
      done,
      () => ({
        execute: (...operation) => addon.executeOp(...operation),
        see: () => {},
        hostHalf: (run) => run(),
        create(shape, dtype, values, draw) {
          if (draw === undefined) constants.add(shape, dtype, values);
          return addon.createTensor(shape, dtype, values);
        },
      }),
    );
    noteKept(kept);
    entry.constants = constants;
    entry.optimizers = [...optimizers.roots, ...optimizers.own.keys()];
    entry.parts = constantParts(optimizers);
    return shaped(entry, result);
  }

  function recordStep(
    backend: NodeBackend,
    entry: Entry,
    constants: Constants,
    batch: A,
    done: Set<TensorOptimizer>,
  ): R {
    const isLast = entry.failures + 1 >= ATTEMPTS;
    const circumstances = { constants, keptBefore, isLast, done, count };
    const { results, optimizers, kept, recording } = record(
      backend,
      listed(entry, batch),
      batch,
      circumstances,
    );
    noteKept(kept);
    entry.optimizers = [...optimizers.roots, ...optimizers.own.keys()];
    entry.parts = constantParts(optimizers);
    if (recording === null) {
      entry.failures += 1;
    } else {
      entry.trace = makeTrace(backend, recording, optimizers, xla);
      traces += 1;
      if (traces >= MANY && !hasWarnedOfMany) warnOfMany();
    }
    return shaped(entry, results);
  }

  function warnOfMany(): void {
    hasWarnedOfMany = true;
    console.warn(
      `compile: this step was recorded ${traces} times, which costs more than it saves. The last shapes were ${[...entries.keys()].slice(-3).join('; ')}. Pad batches to a few shapes, and change the learning rate of adam() rather than that of tfjs' own optimizers.`,
    );
  }

  function warnOfRate(optimizer: tf.Optimizer): void {
    if (warned.has(optimizer)) return;
    warned.add(optimizer);
    console.warn(
      `compile: a number of ${optimizer.getClassName()}, such as its learning rate, has changed, so the step is recorded again, each time it does. adam() of @tfjs-lrm/adam takes a new rate at once.`,
    );
  }

  const compiled = (...batch: A): R => {
    checkBatch(batch);
    // Inside a step that is itself being recorded this is a part of it.
    if (isRecording()) return step(...batch);
    const backend = nodeBackend('compile');
    if (engine().state.gradientDepth > 0) {
      throw new Error(
        'compile: a compiled step has no gradient. Received a call inside tf.grad or another of its kind. Try to call the step itself there.',
      );
    }
    count += 1;
    const entry = entryOf(signature(batch));
    const done = new Set<TensorOptimizer>();
    if (entry.trace !== null && !entry.trace.isUsable()) forget(entry);
    const { trace } = entry;
    if (trace !== null) {
      const results = uncountedIfThrown(entry.optimizers, () => {
        for (const root of trace.roots) {
          tf.tidy(() => root.beforeStep());
          done.add(root);
        }
        return trace.changedOptimizer() === null ? trace.run(batch, count) : null;
      });
      if (results !== null) return shaped(entry, results);
      warnOfRate(trace.changedOptimizer() as tf.Optimizer);
      forget(entry);
    }
    const { constants } = entry;
    if (constants !== null && areEqual(entry.parts)) {
      return uncountedIfThrown(entry.optimizers, () =>
        recordStep(backend, entry, constants, batch, done),
      );
    }
    return runOnce(backend, entry, batch, done);
  };

  const dispose = (): void => {
    for (const entry of entries.values()) forget(entry);
    entries.clear();
  };
  return Object.defineProperties(compiled, {
    dispose: { value: dispose },
    traces: { get: () => traces },
  }) as unknown as CompiledStep<A, R>;
}

function checkBatch(batch: readonly unknown[]): void {
  batch.forEach((value, i) => {
    if (value instanceof tf.Tensor && value.isDisposed) {
      throw new Error(
        `compile: every argument of a step must hold its values. Received a tensor that was disposed as number ${i + 1}. Try to dispose it after the step.`,
      );
    }
    if (value === null || value instanceof tf.Tensor) return;
    throw new TypeError(
      `compile: every argument of a step must be a tensor or null. Received ${show(value)} as number ${i + 1}. Try tf.tensor(…).`,
    );
  });
}

function checkResult(result: unknown): void {
  const list = Array.isArray(result) ? result : [result];
  if (list.every((each) => each == null || each instanceof tf.Tensor)) return;
  // The error below says it all; what becomes of the rest of the step would only end the process.
  if (result instanceof Promise) result.catch(() => {});
  throw new TypeError(
    `compile: a step must return a tensor, null, or an array of them. Received ${show(result)}.` +
      (result instanceof Promise ? ' Try a step without async and await.' : ''),
  );
}
