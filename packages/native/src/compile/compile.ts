/**
 * How a step becomes a function of TensorFlow, in three calls with the same shapes:
 *
 *     call 1   new       runs operation by operation: optimizers make their state, and the values that the
 *                        step makes in JavaScript are noted (watch.ts, constants.ts)
 *     call 2   known     runs operation by operation again, and each operation is written down as a node of a
 *                        graph (record.ts, graph.ts); the graph becomes a function (trace.ts)
 *     call 3…  recorded  host half: `beforeStep` of the optimizers, in JavaScript
 *                        tensor half: the function, with the batch and all variables as inputs; new values of
 *                        the variables are among its outputs
 *
 * Where call 2 made variables or values that call 1 did not, it is tried again, at most twice more; then that is an
 * error. An optimizer whose update has several forms is asked for the next one (its `phase`) before each call, and the
 * step is recorded in each. A recorded shape whose variables were disposed, frozen or thawed, or whose optimizer of tfjs got another
 * learning rate, begins anew. shape-life.ts holds these states and the changes between them.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorOptimizer } from '@tfjs-lrm/core';
import { checkOptions, isRecording, ratesVersion, show, treeOf } from '@tfjs-lrm/core/kit';
import { nodeBackend } from './backend.ts';
import { type Constants, makeConstants } from './constants.ts';
import { engine, type NodeBackend } from './internals.ts';
import { makeKeptTensors } from './kept-tensors.ts';
import { checkBatch } from './mistakes.ts';
import { restoringCounts } from './optimizers.ts';
import { COMPILE_RULES, type CompileOptions, checkPrecision } from './options.ts';
import { record } from './record.ts';
import type { Recording } from './recording.ts';
import { NEW, next, type ShapeEvent, type ShapeLife } from './shape-life.ts';
import { type Arguments, type Result, StepCall, shaped } from './step-call.ts';
import { makeTrace, type Trace } from './trace.ts';
import { watch } from './watch.ts';

/** A step that runs as one function of TensorFlow from its third call on. */
export interface CompiledStep<A extends (tf.Tensor | null)[], R> {
  (...batch: A): R;
  /** How many functions have been recorded: one for each set of shapes, and one more each time it is recorded again. */
  readonly traces: number;
  /** Removes the functions and frees what they hold. A later call starts anew. */
  dispose(): void;
}

/** The number of sets of shapes that are kept; beyond that, the least recently used one is dropped. */
const KEPT_SHAPES = 16;
/** So many recordings are likely a mistake: a warning says so, once. */
const MANY_RECORDINGS = 10;
const ATTEMPTS = 3;

const signature = (batch: Arguments): string =>
  batch.map((tensor) => (tensor === null ? 'null' : `${tensor.dtype}[${tensor.shape}]`)).join(' ');

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
 * @param options xla: whether XLA compiles the function (false); precision: of matrix products, 'float32' or 'mixed'
 *   ('float32'); verify: how many calls of a recorded step are compared with the recording (0)
 * @throws TypeError for arguments that are not tensors. Error for what a recording would silently repeat: values
 *   read in the step, shapes that depend on values, random numbers of other kinds, constants that change from call to
 *   call, tensors kept for later, tfjs' own optimizer under a schedule, clipping with nonFinite 'skip' or 'throw'.
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
  checkOptions('compile', options, COMPILE_RULES);
  checkPrecision('compile', options);
  const compilation = new Compilation(step, options);
  const compiled = (...batch: A): R => {
    checkBatch(batch);
    // Inside a step that is itself being recorded, this is a part of that step.
    if (isRecording()) return step(...batch);
    const backend = nodeBackend('compile');
    if (engine().state.gradientDepth > 0) {
      throw new Error(
        'compile: a compiled step has no gradient. Received a call inside tf.grad or another of its kind. Try to call the step itself there.',
      );
    }
    return compilation.call(backend, batch) as R;
  };
  return Object.defineProperties(compiled, {
    dispose: { value: () => compilation.dispose() },
    traces: { get: () => compilation.recordings },
  }) as unknown as CompiledStep<A, R>;
}

/** A step, and the state of each set of shapes that it was called with. */
class Compilation {
  readonly #step: (...batch: never[]) => unknown;
  readonly #options: CompileOptions;
  readonly #isForXla: boolean;
  readonly #verify: number;
  /** By signature, the most recently used last. */
  readonly #shapes = new Map<string, ShapeLife>();
  readonly #kept = makeKeptTensors();
  readonly #warned = new WeakSet<tf.Optimizer>();
  /** The optimizers that calls have used, which may have several forms of a step. */
  readonly #roots = new Set<TensorOptimizer>();
  /** How many calls were compared with a recording. */
  readonly #verified = new WeakMap<Trace, number>();
  #hasWarnedOfMany = false;
  #calls = 0;
  recordings = 0;

  constructor(step: (...batch: never[]) => unknown, options: CompileOptions) {
    this.#step = step;
    this.#options = options;
    this.#isForXla = options.xla ?? false;
    this.#verify = options.verify ?? 0;
  }

  call(backend: NodeBackend, batch: Arguments): unknown {
    this.#calls += 1;
    const key = this.#keyOf(batch);
    let life = this.#use(key);
    /** Optimizers whose `beforeStep` has run in this call. */
    const prepared = new Set<TensorOptimizer>();
    if (life.state === 'recorded' && !life.trace.isUsable()) {
      life = this.#advance(key, { kind: 'stale' });
    }
    if (life.state === 'recorded') {
      const recorded = life;
      const results = restoringCounts(life.optimizers, () =>
        this.#replay(backend, recorded, batch, prepared),
      );
      if (results !== null) return shaped(life.form, results);
      life = this.#advance(key, { kind: 'stale' });
    }
    if (life.state === 'known' && life.snapshot.changed() === null) {
      const known = life;
      return restoringCounts(known.optimizers, () =>
        this.#record(backend, key, known, batch, prepared),
      );
    }
    return this.#run(backend, key, batch, prepared);
  }

  dispose(): void {
    for (const life of this.#shapes.values()) next(life, { kind: 'stale' });
    this.#shapes.clear();
  }

  /** The shapes, with the forms that the optimizers' updates take in this call, and the factors of their rates. */
  #keyOf(batch: Arguments): string {
    const optimizers = [...this.#roots].filter(({ isDisposed }) => !isDisposed).flatMap(treeOf);
    const phases = optimizers.map(({ phase }) => phase).filter((phase) => phase !== '');
    const version = ratesVersion();
    const rates = version === 0 ? [] : [`rates ${version}`];
    return [signature(batch), ...phases, ...rates].join(' ');
  }

  /** The state of these shapes, which become the most recently used. */
  #use(key: string): ShapeLife {
    const life = this.#shapes.get(key) ?? NEW;
    this.#shapes.delete(key);
    this.#shapes.set(key, life);
    const [oldest] = this.#shapes.keys();
    if (this.#shapes.size > KEPT_SHAPES && oldest !== undefined) {
      this.#advance(oldest, { kind: 'stale' });
      this.#shapes.delete(oldest);
    }
    return life;
  }

  #advance(key: string, event: ShapeEvent): ShapeLife {
    const life = next(this.#shapes.get(key) ?? NEW, event);
    this.#shapes.set(key, life);
    return life;
  }

  /** Both halves of a recorded step; null when an optimizer of tfjs has other numbers than the recording. */
  #replay(
    backend: NodeBackend,
    life: Extract<ShapeLife, { state: 'recorded' }>,
    batch: Arguments,
    prepared: Set<TensorOptimizer>,
  ): readonly tf.Tensor[] | null {
    const { trace, recording } = life;
    for (const root of trace.roots) {
      tf.tidy(() => root.beforeStep());
      prepared.add(root);
    }
    const changed = trace.changedOptimizer();
    if (changed !== null) {
      this.#warnOfRate(changed);
      return null;
    }
    const verified = this.#verified.get(trace) ?? 0;
    if (recording === null || verified >= this.#verify) return trace.run(batch, this.#calls);
    const { constants } = life;
    const results = this.#compare(backend, { recording, constants }, batch, prepared);
    this.#verified.set(trace, verified + 1);
    return results;
  }

  /** Runs a recorded step operation by operation, and checks that it does what was recorded. */
  #compare(
    backend: NodeBackend,
    { recording, constants }: { recording: Recording; constants: Constants },
    batch: Arguments,
    prepared: ReadonlySet<TensorOptimizer>,
  ): readonly tf.Tensor[] {
    const call = new StepCall(this.#step, batch);
    return record(backend, (copies) => call.run(copies), batch, {
      ...{ constants, kept: this.#kept, prepared, call: this.#calls },
      ...{ isForXla: this.#isForXla, isLast: true, expected: recording },
    }).results;
  }

  /** Runs operation by operation, and notes the values that the step makes in JavaScript. */
  #run(
    backend: NodeBackend,
    key: string,
    batch: Arguments,
    prepared: ReadonlySet<TensorOptimizer>,
  ): unknown {
    const constants = makeConstants();
    const { binding: addon } = backend;
    const call = new StepCall(this.#step, batch);
    const { result, optimizers, kept } = watch(
      backend,
      () => call.run(),
      prepared,
      () => ({
        isForXla: this.#isForXla,
        execute: (...operation) => addon.executeOp(...operation),
        operand: () => {},
        hostHalf: (run) => run(),
        create(shape, dtype, values, draw) {
          if (draw === undefined) constants.add(shape, dtype, values);
          return addon.createTensor(shape, dtype, values);
        },
      }),
    );
    this.#kept.add(kept);
    for (const root of optimizers.roots) this.#roots.add(root);
    this.#advance(key, { kind: 'ran', constants, optimizers });
    return shaped(call.form, result);
  }

  /** Runs operation by operation, and records. */
  #record(
    backend: NodeBackend,
    key: string,
    { constants, failures }: Extract<ShapeLife, { state: 'known' }>,
    batch: Arguments,
    prepared: ReadonlySet<TensorOptimizer>,
  ): unknown {
    const call = new StepCall(this.#step, batch);
    const isLast = failures + 1 >= ATTEMPTS;
    const attempt = {
      ...{ constants, kept: this.#kept, isLast, isForXla: this.#isForXla },
      ...{ prepared, call: this.#calls },
    };
    const recorded = record(backend, (copies) => call.run(copies), batch, attempt);
    const { results, optimizers, recording } = recorded;
    this.#kept.add(recorded.kept);
    if (recording === null) {
      this.#advance(key, { kind: 'not recorded', optimizers });
    } else {
      const trace = makeTrace(backend, recording, optimizers, this.#options);
      this.#advance(key, {
        ...{ kind: 'recorded', trace, form: call.form, constants, optimizers },
        recording: this.#verify > 0 ? recording : null,
      });
      this.recordings += 1;
      if (this.recordings >= MANY_RECORDINGS) this.#warnOfMany();
    }
    return shaped(call.form, results);
  }

  #warnOfMany(): void {
    if (this.#hasWarnedOfMany) return;
    this.#hasWarnedOfMany = true;
    const last = [...this.#shapes.keys()].slice(-3).join('; ');
    console.warn(
      `compile: this step was recorded ${this.recordings} times, which costs more than it saves. The last shapes were ${last}. Pad batches, and text that grows, to a few shapes, and change the learning rate of adam() rather than that of tfjs' own optimizers.`,
    );
  }

  #warnOfRate(optimizer: tf.Optimizer): void {
    if (this.#warned.has(optimizer)) return;
    this.#warned.add(optimizer);
    console.warn(
      `compile: a number of ${optimizer.getClassName()}, such as its learning rate, has changed, so the step is recorded again, each time it does. adam() of @tfjs-lrm/adam takes a new rate at once.`,
    );
  }
}
