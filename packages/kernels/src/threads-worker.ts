/**
 * What the main thread and the workers of `threads.ts` agree on, and the program of a worker, as text: a worker needs a file of its own or
 * its program in this form, and no bundler has to know of this one.
 */

/** Places in the control block, an Int32Array. */
export const CONTROL = {
  /** Calls that nobody has taken yet. Whoever lowers it by one has taken the last of them; 0 puts workers to sleep. */
  remaining: 0,
  /** Calls that are finished. */
  done: 1,
  /** Workers that sleep until there are calls. */
  sleepers: 2,
  /** 1 while the main thread sleeps until all calls are finished. */
  isWaiting: 3,
  /** How many calls there are. */
  calls: 4,
  /** The place of the function in the list of names. */
  function: 5,
  /** How many arguments it takes. */
  arguments: 6,
  /** The argument that is the address of memory to work in, of which each thread has its own; −1 without one. */
  scratch: 7,
  /** The bytes of it that a thread has. */
  scratchBytes: 8,
  /** The number of a worker in which a call has thrown; 0 while none has. */
  failed: 9,
} as const;

/** Numbers of a call in the table of calls, a Float64Array. */
export const MOST_ARGUMENTS = 24;

/** What a worker is told at its start. */
export interface WorkerData {
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  /** The exports of the modules that calls name by their place. */
  readonly names: readonly string[];
  readonly control: Int32Array;
  readonly table: Float64Array;
  /** From 1 on; the main thread is 0. */
  readonly thread: number;
}

/**
 * The program: takes one call after the other. Arguments are read after a call was taken, since the main thread writes others only when
 * all calls are finished. Between operations of a step a worker looks for calls for a moment, and then sleeps.
 */
export const program: string = `'use strict';
const serve = ({ memory, modules, names, control, table, thread }) => {
  const all = Object.assign({}, ...modules.map((module) => new WebAssembly.Instance(module, { env: { memory } }).exports));
  const functions = names.map((name) => all[name]);
  for (;;) {
    let remaining = 0;
    for (let look = 0; remaining === 0 && look < 50000; look++) remaining = Atomics.load(control, ${CONTROL.remaining});
    if (remaining === 0) {
      Atomics.add(control, ${CONTROL.sleepers}, 1);
      Atomics.wait(control, ${CONTROL.remaining}, 0);
      Atomics.sub(control, ${CONTROL.sleepers}, 1);
      continue;
    }
    if (Atomics.compareExchange(control, ${CONTROL.remaining}, remaining, remaining - 1) !== remaining) continue;
    try {
      const start = (remaining - 1) * ${MOST_ARGUMENTS};
      const values = Array.from(table.subarray(start, start + control[${CONTROL.arguments}]));
      if (control[${CONTROL.scratch}] >= 0) values[control[${CONTROL.scratch}]] += thread * control[${CONTROL.scratchBytes}];
      functions[control[${CONTROL.function}]](...values);
    } catch {
      Atomics.store(control, ${CONTROL.failed}, thread);
    }
    const calls = control[${CONTROL.calls}];
    if (Atomics.add(control, ${CONTROL.done}, 1) + 1 === calls && Atomics.load(control, ${CONTROL.isWaiting}) === 1)
      Atomics.notify(control, ${CONTROL.done});
  }
};
if (typeof require === 'function') serve(require('node:worker_threads').workerData);
else onmessage = ({ data }) => serve(data);
`;
