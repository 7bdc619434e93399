/**
 * npm run test:kills -- [COUNT] [SEED]: kills or stops one of four workers at a random moment of a run, COUNT times. Each
 * time all must end within the stated time and none may crash, and the resumed run must end with the weights of one that
 * nobody disturbed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [count = 40, seed = 1] = process.argv.slice(2).map(Number);
const WORKERS = 4;
const [TIMEOUT, START_TIMEOUT] = [5, 20];
// What the README states: the timeout, 3 s to see who is there, and what the launcher gives the others (2 s and 3 s).
const STATED = { started: TIMEOUT + 3 + 5, starting: START_TIMEOUT + 3 + 5 };
/** A busy machine. */
const SLACK = 3;

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

let state = seed >>> 0;
/** A linear congruential generator: any sequence that can be repeated will do. */
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

/** One run; `disturb` is called at its start with what it needs. */
async function run(disturb) {
  const folder = mkdtempSync(join(tmpdir(), 'kills-'));
  const args = [
    'run',
    '--workers',
    String(WORKERS),
    '--restarts',
    '1',
    path('train.js'),
    folder,
    '60',
  ];
  const env = {
    ...{ TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', TF_CPP_MIN_LOG_LEVEL: '3' },
    ...{ PACE: '30', TIMEOUT: String(TIMEOUT), START_TIMEOUT: String(START_TIMEOUT) },
  };
  const child = spawn(process.execPath, [path('../dist/main.js'), ...args], {
    env: { ...process.env, ...env },
  });
  const log = { text: '', start: Date.now(), again: null, processes: [] };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      log.text += text;
      if (log.again === null && log.text.includes('starting all workers again'))
        log.again = Date.now();
      log.processes = [...log.text.matchAll(/\[(\d)\] process (\d+)/g)].slice(0, WORKERS);
    });
  const cancel = disturb(log);
  const [code] = await once(child, 'close');
  cancel();
  rmSync(folder, { recursive: true });
  const digests = [...log.text.matchAll(/\[0\] \{.*"digest":"(\w+)"/g)].map(([, digest]) => digest);
  return { code, log, digest: digests.at(-1), end: Date.now() };
}

const pidOf = ({ processes }, victim) =>
  Number(processes.find(([, rank]) => Number(rank) === victim)[2]);

const whole = await run(() => () => {});
if (whole.code !== 0) throw new Error(whole.log.text);
const duration = whole.end - whole.log.start;
console.log(`undisturbed: ${duration} ms, ${whole.digest}`);

/** What ends a process by a fault in its memory or in an assertion. */
const CRASH = /worker \d was ended by SIG(SEGV|ABRT|BUS|FPE|ILL|TRAP)/;

let [failures, crashes, longest] = [0, 0, 0];
for (let i = 0; i < count; i++) {
  const signal = i % 2 === 0 ? 'SIGKILL' : 'SIGSTOP';
  const victim = Math.floor(random() * WORKERS);
  const moment = random() * duration;
  const fault = { at: null, phase: 'too late' };
  const result = await run((log) => {
    const timer = setTimeout(async () => {
      // A worker that has not been started yet cannot be disturbed: as soon as it is.
      const isHere = () => log.processes.some(([, rank]) => Number(rank) === victim);
      while (!isHere()) await new Promise((resolve) => setTimeout(resolve, 20));
      const others = [...log.text.matchAll(/\] connected/g)].length;
      fault.step = /digest/.test(log.text) ? 'ending' : others === WORKERS ? 'running' : 'starting';
      try {
        process.kill(pidOf(log, victim), signal);
        fault.at = Date.now();
        fault.phase = fault.step;
      } catch {} // It has ended.
    }, moment);
    // A worker that is stopped after its work is waited for: nobody needs it, and nobody knows.
    const wake = setInterval(() => {
      if (fault.phase !== 'ending' || Date.now() - fault.at < 20_000) return;
      fault.phase = 'ending, woken';
      try {
        process.kill(pidOf(log, victim), 'SIGCONT');
      } catch {}
    }, 1000);
    return () => {
      clearTimeout(timer);
      clearInterval(wake);
    };
  });
  const { code, log, digest } = result;
  const isSame = code === 0 && digest === whole.digest;
  const seconds = log.again === null ? null : (log.again - fault.at) / 1000;
  const stated = fault.phase === 'starting' ? STATED.starting : STATED.started;
  const isInTime =
    seconds === null ? /too late|ending/.test(fault.phase) : seconds <= stated + SLACK;
  const crash = CRASH.exec(log.text)?.[0] ?? null;
  if (crash !== null) crashes += 1;
  // Those that are disturbed while they start are waited for longer.
  if (fault.phase === 'running') longest = Math.max(longest, seconds ?? 0);
  if (!isSame || !isInTime || crash !== null) {
    failures += 1;
    console.log(log.text);
  }
  const from = [...log.text.matchAll(/\[0\] from step (\d+)/g)].map(([, step]) => step).at(-1);
  console.log(
    `${i + 1} ${signal} of worker ${victim} after ${Math.round(moment)} ms (${fault.phase}): ` +
      `${seconds === null ? 'no restart' : `all ended after ${seconds.toFixed(1)} s of at most ${stated}`}, ` +
      `resumed from step ${from}, ${isSame ? 'the same end' : 'ANOTHER END'}${isInTime ? '' : ', LATE'}${crash === null ? '' : `, A CRASH: ${crash}`}`,
  );
}
console.log(
  `${crashes} crashes; of those in a run, the slowest ended after ${longest.toFixed(1)} s`,
);
console.log(failures === 0 ? `all ${count} as they must be` : `${failures} of ${count} failed`);
process.exitCode = failures === 0 ? 0 : 1;
