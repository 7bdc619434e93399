/** Ends this process where it hangs, so that a test fails rather than never ends. */
import { Worker } from 'node:worker_threads';

const WATCH = `
const { parentPort, workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
let timer;
parentPort.on('message', (what) => {
  clearTimeout(timer);
  if (what === null) return;
  timer = setTimeout(() => {
    writeSync(2, 'hangs: ' + what + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, workerData);
});
`;

export interface Watchdog {
  /** Runs it; where it does not return in time, this process ends, after the name was printed. */
  watch<T>(what: string, run: () => Promise<T>): Promise<T>;
  stop(): Promise<unknown>;
}

export function startWatchdog(milliseconds: number): Watchdog {
  const worker = new Worker(WATCH, { eval: true, workerData: milliseconds });
  return {
    async watch(what, run) {
      worker.postMessage(what);
      try {
        return await run();
      } finally {
        worker.postMessage(null);
      }
    },
    stop: () => worker.terminate(),
  };
}
