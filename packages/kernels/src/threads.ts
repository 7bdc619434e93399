/** Threads that work on the memory of a wasm backend beside the main one, without a promise and without copying anything. */

import { withSharedMemory } from './shared-code.ts';
import { CONTROL, MOST_ARGUMENTS, program, type WorkerData } from './threads-worker.ts';

/** The calls of the largest job; a longer one is done in parts. */
const MOST_CALLS = 1024;
/** How often the main thread looks whether the others have finished before it sleeps. */
const MOST_LOOKS = 100_000;
/** Milliseconds for which it sleeps. A call takes one or a few, so a thread that finishes none in that time has ended or never will. */
const PATIENCE = 60_000;

/** Memory that a function works in, its own for each thread. */
export interface Scratch {
  /** Which argument its address is. */
  readonly argument: number;
  /** How much a thread has; as much times the number of threads begins at the address that calls name. */
  readonly bytes: number;
}

/** A number of threads with the functions of our modules. */
export interface Threads {
  /** With the main one. */
  readonly count: number;
  /**
   * Calls an export once with each list of arguments, on all threads, and returns when all are finished. Calls may run in
   * any order and at once.
   *
   * @throws Error if a thread has ended or does not finish
   */
  run(name: string, calls: readonly (readonly number[])[], scratch?: Scratch): void;
  /** Why `run` throws; undefined while all is well. */
  failure(): Error | undefined;
  /** Ends all but the main one; `run` computes everything on that one then. */
  end(): void;
}

/** The part of a worker that is used here, in Node and in browsers. */
interface Started {
  onEnd(listener: (reason: string) => void): void;
  terminate(): unknown;
}

/** The part of `node:worker_threads` that is used here. */
interface NodeThreads {
  Worker: new (
    code: string,
    options: object,
  ) => {
    unref(): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'exit', listener: (code: number) => void): void;
    terminate(): Promise<number>;
  };
}

interface Process {
  getBuiltinModule?(name: string): unknown;
}

const nodeThreads = (): NodeThreads | undefined =>
  (globalThis as { process?: Process }).process?.getBuiltinModule?.('node:worker_threads') as
    | NodeThreads
    | undefined;

function startWorker(data: WorkerData): Started {
  const node = nodeThreads();
  if (node !== undefined) {
    const worker = new node.Worker(program, { eval: true, execArgv: [], workerData: data });
    worker.unref(); // the process may end while it sleeps
    return {
      onEnd(listener) {
        worker.on('error', ({ message }) => listener(message));
        worker.on('exit', (code) => listener(`it has ended with exit code ${code}`));
      },
      terminate: () => worker.terminate(),
    };
  }
  const url = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.postMessage(data);
  return {
    onEnd(listener) {
      worker.addEventListener('error', ({ message }) => listener(message));
    },
    terminate() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

/**
 * Starts threads on a shared memory.
 *
 * @param codes modules that import this memory and nothing else
 * @param count how many threads there are then, with the main one
 */
export function startThreads(
  memory: WebAssembly.Memory,
  codes: readonly Uint8Array[],
  count: number,
  patience: number = PATIENCE,
): Threads {
  const modules = codes.map((code) => new WebAssembly.Module(withSharedMemory(code)));
  const exports: WebAssembly.Exports = Object.assign(
    {},
    ...modules.map((module) => new WebAssembly.Instance(module, { env: { memory } }).exports),
  );
  const names = Object.keys(exports);
  const control = new Int32Array(new SharedArrayBuffer(4 * Object.keys(CONTROL).length));
  const table = new Float64Array(new SharedArrayBuffer(8 * MOST_CALLS * MOST_ARGUMENTS));
  const workers = Array.from({ length: count - 1 }, (_, i) => {
    const thread = i + 1;
    const worker = startWorker({ memory, modules, names, control, table, thread });
    worker.onEnd((reason) => fail(thread, reason));
    return worker;
  });

  const maySleep = nodeThreads() !== undefined; // the main thread of a page may not
  let isEnded = false;
  let failure: Error | undefined;
  function fail(thread: number, reason: string): Error {
    if (!isEnded)
      failure ??= new Error(
        `kernels/threads: thread ${thread} of ${count} must run until training is disabled. Received: ${reason}. Try enableTraining({ threads: 1 }).`,
      );
    return failure as Error;
  }

  /** Returns when all calls are finished: looks for a moment and then sleeps, where it may. */
  function finish(calls: number): void {
    const isDone = (): boolean => Atomics.load(control, CONTROL.done) >= calls;
    for (let looks = 0; looks < MOST_LOOKS; looks++) if (isDone()) return;
    const end = performance.now() + patience;
    Atomics.store(control, CONTROL.isWaiting, 1);
    while (!isDone()) {
      const done = Atomics.load(control, CONTROL.done);
      if (maySleep && done < calls) Atomics.wait(control, CONTROL.done, done, patience);
      if (!isDone() && performance.now() > end)
        throw fail(count - 1, `no end of its work after ${patience / 1000} s`);
    }
    Atomics.store(control, CONTROL.isWaiting, 0);
  }

  /** Takes calls until there are none; the error of one, if it has thrown. */
  function takeCalls(compute: (call: number) => void): { readonly error: unknown } | undefined {
    let thrown: { readonly error: unknown } | undefined;
    for (;;) {
      const remaining = Atomics.load(control, CONTROL.remaining);
      if (remaining === 0) return thrown;
      const before = Atomics.compareExchange(control, CONTROL.remaining, remaining, remaining - 1);
      if (before !== remaining) continue;
      try {
        compute(remaining - 1);
      } catch (error) {
        thrown = { error };
      }
      Atomics.add(control, CONTROL.done, 1);
    }
  }

  return {
    count,
    run(name, calls, scratch) {
      const compute = exports[name] as (...values: readonly number[]) => void;
      if (failure !== undefined) throw failure;
      if (isEnded || count === 1) {
        for (const values of calls) compute(...values);
        return;
      }
      control[CONTROL.function] = names.indexOf(name);
      control[CONTROL.arguments] = calls[0]?.length ?? 0;
      control[CONTROL.scratch] = scratch?.argument ?? -1;
      control[CONTROL.scratchBytes] = scratch?.bytes ?? 0;
      for (let from = 0; from < calls.length; from += MOST_CALLS) {
        const part = calls.slice(from, from + MOST_CALLS);
        for (const [i, values] of part.entries()) table.set(values, i * MOST_ARGUMENTS);
        control[CONTROL.calls] = part.length;
        Atomics.store(control, CONTROL.done, 0);
        Atomics.store(control, CONTROL.remaining, part.length);
        if (Atomics.load(control, CONTROL.sleepers) > 0)
          Atomics.notify(control, CONTROL.remaining, part.length - 1);
        const thrown = takeCalls((call) => compute(...(part[call] as readonly number[])));
        finish(part.length);
        if (thrown !== undefined) throw thrown.error;
        const failed = Atomics.load(control, CONTROL.failed);
        if (failed !== 0) throw fail(failed, `an error in ${name}`);
      }
    },
    failure: () => failure,
    end() {
      isEnded = true;
      for (const worker of workers) worker.terminate();
    },
  };
}
