/** Workers in processes of their own, which run a script of this folder with the built packages. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { build } from '../../../test/process.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Everything that the scripts import, built. */
export const built = (): Promise<void> =>
  build(['accumulation', 'adam', 'checkpoint', 'clipping', 'distributed', 'multipliers', 'muon']);

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly end: Promise<Ended>;
  /** Waits until a line of the output matches. */
  until(pattern: RegExp): Promise<RegExpMatchArray>;
}

/** One thread, and no lines of TensorFlow. */
const ENV = {
  TF_NUM_INTRAOP_THREADS: '1',
  TF_NUM_INTEROP_THREADS: '1',
  TF_CPP_MIN_LOG_LEVEL: '3',
};

/** A process of Node; it is ended after so many seconds, and `end` then rejects. */
export function run(
  args: readonly string[],
  { seconds = 120, env = {} as NodeJS.ProcessEnv } = {},
): Running {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...ENV, ...env } });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const listener of listeners) listener();
    });
  }
  const end = (async (): Promise<Ended> => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 5000).unref();
    }, seconds * 1000);
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    clearTimeout(timer);
    for (const listener of listeners) listener();
    if (isLate) throw new Error(`${args.join(' ')} did not end within ${seconds} s:\n${output}`);
    return { code, signal, output };
  })();
  end.catch(() => {});
  const until = (pattern: RegExp): Promise<RegExpMatchArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output);
        if (match !== null) resolve(match);
        else if (child.exitCode !== null || child.signalCode !== null)
          reject(new Error(`no ${pattern} in:\n${output}`));
        else return;
        listeners.delete(look);
      };
      listeners.add(look);
      look();
    });
  return { child, end, until };
}

/** The launcher with a script of this folder. */
export function launched(
  script: string,
  args: readonly string[] = [],
  {
    workers = 2,
    options = [] as readonly string[],
    seconds = 120,
    env = {} as NodeJS.ProcessEnv,
  } = {},
): Running {
  const command = ['run', '--workers', String(workers), ...options, path(script), ...args];
  return run([path('../dist/main.js'), ...command], { seconds, env });
}

/** The lines of JSON that a worker printed. */
export function jsonOf<T>({ output }: Ended, rank = 0): T[] {
  const prefix = `[${rank}] {`;
  return output
    .split('\n')
    .filter((line) => line.startsWith(prefix))
    .map((line) => JSON.parse(line.slice(prefix.length - 1)) as T);
}
