/** What becomes of an operation of several workers that fails: an error that says which worker is to blame. */

import { show } from '@tfjs-lrm/core/kit';
import type { Addon, Output } from '@tfjs-lrm/native/kit';
import type { Cluster } from './cluster.ts';
import { taskName } from './server-def.ts';

/** How long another worker may take to say that it is there, in milliseconds. */
const CHECK = 3000;

// CANCELLED, DEADLINE_EXCEEDED, ABORTED and UNAVAILABLE of TensorFlow's codes.
const CODES = /^Invalid TF_Status: (1|4|10|14)\b/;

/** What the addon says of a call that is not in time. */
const LATE = /the call "(.+?)" has not ended within (\S+) s\./s;
/** How much of the name of a call is shown: some consist of the names of all variables. */
const LONGEST = 60;

const XLA = /No registered '(Collective\w+|LrmDeadline)' OpKernel for XLA/;

const shortened = (name: string): string =>
  name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name;

/** Whether an operation failed because of other workers. */
export function isOfWorkers(operation: string, { message }: Error): boolean {
  return /^Collective/.test(operation) || (CODES.test(message) && /[Cc]ollective/.test(message));
}

/** Asks all other workers whether they are there, and says in one error what has become of them. */
export function explained(addon: Addon, cluster: Cluster, error: Error): Error {
  const { workers, index } = cluster;
  const others = workers.map((_, i) => i).filter((i) => i !== index);
  const problems = addon.checkPeers(others.map(taskName), CHECK);
  const gone = others
    .filter((_, i) => problems[i] !== '')
    .map((i) => `worker ${i} (${workers[i]})`);
  const [, call, seconds] = LATE.exec(error.message) ?? [];
  const what =
    gone.length > 0
      ? `all workers must be there until the end. Received no answer from ${gone.join(', ')}, asked by worker ${index}`
      : `all workers must make the same call${seconds === undefined ? '' : ` within ${seconds} s`}. Received answers from all, asked by worker ${index}: one is late, or waits in another call${call === undefined ? '' : ` than "${shortened(call)}"`}`;
  const advice =
    gone.length > 0
      ? 'Try to start all workers again from the last checkpoint'
      : 'Try the same steps on all workers, or a longer timeout';
  return new Error(`distributed: ${what}. ${advice}.`, { cause: error });
}

/** The addon with errors of other workers explained. After the first one, TensorFlow refuses all operations of workers. */
export function explaining(addon: Addon, explain: (error: Error) => Error): Addon {
  let first: Error | null = null;
  const explainingCall =
    <A extends unknown[]>(call: (operation: string, ...rest: A) => Output[]) =>
    (operation: string, ...rest: A): Output[] => {
      try {
        return call(operation, ...rest);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(show(thrown));
        if (XLA.test(error.message)) {
          throw new Error(
            'distributed: a step of several workers must be compiled without XLA, which lacks operations between processes. Received compile(step, { xla: true }). Try compile(step).',
            { cause: error },
          );
        }
        if (!isOfWorkers(operation, error)) throw error;
        first ??= explain(error);
        throw first;
      }
    };
  return Object.create(addon, {
    executeOp: { value: explainingCall(addon.executeOp.bind(addon)) },
    callFunction: { value: explainingCall(addon.callFunction.bind(addon)) },
  }) as Addon;
}
