/** Starts several workers on this machine, and ends them all when one fails. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { localCluster } from './local-cluster.ts';

export interface Launch {
  readonly workers: number;
  readonly script: string;
  readonly args: readonly string[];
  /** How often all are started anew after one has failed. */
  readonly restarts: number;
}

/** How long the others may take to see by themselves that one has failed, in milliseconds. */
const NOTICE = 2000;
/** How long they may take to end when they are asked to. */
const FAREWELL = 3000;
/** How long all may take after a signal to the launcher: as long as Kubernetes gives. */
const SHUTDOWN = 30_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

interface End {
  readonly rank: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const codeOf = ({ code, signal }: End): number =>
  code ?? 128 + (signal === null ? 1 : constants.signals[signal]);

/** Whether a worker may have ended by what it was sent from here. */
const isOurs = (signal: NodeJS.Signals): boolean =>
  signal === 'SIGKILL' || SIGNALS.some((each) => each === signal);

const say = (text: string): void => void process.stderr.write(`[launcher] ${text}\n`);

/** Writes what comes line by line, each with the worker that wrote it. */
function prefixed(from: Readable, to: Writable, rank: number): void {
  createInterface({ input: from }).on('line', (line) => to.write(`[${rank}] ${line}\n`));
}

async function start({ workers, script, args }: Launch): Promise<ChildProcess[]> {
  const configs = await localCluster(workers);
  const threads = String(Math.max(1, Math.floor(availableParallelism() / workers)));
  return configs.map((config, rank) => {
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      env: {
        // Without these, every worker would take all cores.
        TF_NUM_INTRAOP_THREADS: threads,
        TF_NUM_INTEROP_THREADS: threads,
        ...process.env,
        TF_CONFIG: config,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a group of its own, so that Ctrl-C reaches it once: from here.
      detached: true,
    });
    prefixed(child.stdout as Readable, process.stdout, rank);
    prefixed(child.stderr as Readable, process.stderr, rank);
    return child;
  });
}

/** Ends those that still run. SIGKILL ends one that is stopped, too. */
function kill(children: readonly ChildProcess[], signal: NodeJS.Signals): void {
  for (const child of children)
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
}

/** Runs all workers to their end. Returns the first that failed; null where all have succeeded. */
async function runOnce(
  options: Launch,
  stop: { signal: Signal | null; onStop: (signal: Signal) => void },
): Promise<End | null> {
  const children = await start(options);
  const timers: NodeJS.Timeout[] = [];
  const later = (milliseconds: number, signal: NodeJS.Signals): void => {
    timers.push(setTimeout(() => kill(children, signal), milliseconds));
  };
  stop.onStop = (signal) => {
    kill(children, signal);
    later(SHUTDOWN, 'SIGKILL');
  };
  if (stop.signal !== null) stop.onStop(stop.signal);
  let first: End | null = null;
  const ends = children.map(async (child, rank) => {
    // After 'close' all of its lines have come.
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (code === 0) return;
    if (first !== null) {
      if (signal !== null && !isOurs(signal)) say(`worker ${rank} was ended by ${signal}, too`);
      return;
    }
    first = { rank, code, signal };
    if (stop.signal !== null) return;
    say(
      `worker ${rank} ${signal === null ? `failed with exit code ${code}` : `was ended by ${signal}`}; ending the others`,
    );
    later(NOTICE, 'SIGTERM');
    later(NOTICE + FAREWELL, 'SIGKILL');
  });
  await Promise.all(ends);
  for (const timer of timers) clearTimeout(timer);
  return first;
}

/**
 * Runs a script in several workers.
 *
 * @returns the exit code: 0 where all have succeeded, else that of the first that failed
 */
export async function launch(options: Launch): Promise<number> {
  const stop: { signal: Signal | null; onStop: (signal: Signal) => void } = {
    signal: null,
    onStop: () => {},
  };
  const onSignal = (signal: Signal): void => {
    stop.onStop(stop.signal === null ? signal : ('SIGKILL' as Signal));
    stop.signal ??= signal;
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    for (let restart = 0; ; restart++) {
      const failed = await runOnce(options, stop);
      if (stop.signal !== null) return 128 + constants.signals[stop.signal];
      if (failed === null) return 0;
      if (restart === options.restarts) return codeOf(failed);
      say(`starting all workers again, ${restart + 1} of ${options.restarts}`);
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
