/**
 * Kills a small comparison with SIGKILL again and again, goes on each time, and compares the result with that of an
 * uninterrupted run:
 *
 *   npm run test:kill -w @tfjs-lrm/demo          100 moments spread evenly over a run, and 3 in the middle of a write
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkpointsOf } from './runs/checkpoint/run-folder.ts';
import { latest } from './runs/checkpoint/store.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const SETTINGS =
  '--backend wasm --optimizer adamw --decay 8 --width 8 --heads 2 --mlp 8 --blocks 1 --context 8 --batch 2 --steps 40 --checkpoint-every 3'.split(
    ' ',
  );

/** Runs the demo; `kill` may be called at any time, and ends it with all its processes. */
function start(args: readonly string[]): { ended: Promise<number | null>; kill: () => void } {
  // A group of its own, so that the children die in the same moment.
  const child = spawn(process.execPath, [MAIN, ...args], { detached: true, stdio: 'ignore' });
  return {
    ended: new Promise((resolve) => child.once('exit', resolve)),
    kill: () => {
      try {
        process.kill(-(child.pid as number), 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    },
  };
}

/** Goes on with an interrupted run, and begins anew where the kill came before there was one. */
const argumentsFor = (settings: readonly string[], out: string): string[] => {
  try {
    readFileSync(join(out, 'settings.json'));
    return ['--resume', out];
  } catch {
    return [...settings, '--out', out];
  }
};

/** The steps of all runs in their order: equal for equal runs, whichever came first in the log. */
const steps = (out: string): string =>
  readFileSync(join(out, 'metrics.ndjson'), 'utf8').trimEnd().split('\n').sort().join('\n');

const partial = (out: string): boolean => {
  try {
    return readdirSync(join(out, 'checkpoints')).some((name) => name.endsWith('.tmp'));
  } catch {
    return false;
  }
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Outcome {
  readonly kills: number;
  /** Kills that interrupted the writing of a checkpoint. */
  readonly inWrites: number;
  readonly seconds: number;
}

/** @throws Error at the first kill after which something is wrong */
export async function killTest(moments: number, inWrites: number): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'demo-kill-'));
  const began = performance.now();
  try {
    const whole = join(folder, 'whole');
    // A short text, since every process reads it.
    const text = join(folder, 'text.txt');
    writeFileSync(text, 'The whale, the ship and the sea. '.repeat(40));
    const settings = [...SETTINGS, '--text', text];
    if ((await start([...settings, '--out', whole]).ended) !== 0) throw new Error('the run fails.');
    const duration = performance.now() - began;
    const expected = steps(whole);
    let killedInWrites = 0;
    const check = async (out: string): Promise<void> => {
      const { broken } = latest(checkpointsOf(out));
      if (broken.length > 0) throw new Error(`not readable: ${broken.join(', ')}`);
      if (partial(out)) killedInWrites++;
      const code = await start(argumentsFor(settings, out)).ended;
      if (code !== 0) throw new Error(`going on in ${out} ends with ${code}.`);
      if (steps(out) !== expected) throw new Error(`${out} has other losses than a whole run.`);
      rmSync(out, { recursive: true });
    };
    for (let i = 0; i < moments; i++) {
      const out = join(folder, `moment${i}`);
      const run = start([...settings, '--out', out]);
      await Promise.race([pause((duration * (i + 0.5)) / moments), run.ended]);
      run.kill();
      await run.ended;
      await check(out);
    }
    let kills = moments;
    for (; killedInWrites < inWrites && kills < moments + 20 * inWrites; kills++) {
      const out = join(folder, `write${kills}`);
      const run = start([...settings, '--out', out]);
      let isOver = false;
      void run.ended.then(() => {
        isOver = true;
      });
      while (!isOver && !partial(out)) await new Promise((resolve) => setImmediate(resolve));
      run.kill();
      await run.ended;
      await check(out);
    }
    if (killedInWrites < inWrites)
      throw new Error(`only ${killedInWrites} kills met a checkpoint being written.`);
    return { kills, inWrites: killedInWrites, seconds: (performance.now() - began) / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { kills, inWrites, seconds } = await killTest(Number(process.argv[2] ?? 100), 3);
    console.log(
      `${kills} kills, ${inWrites} of them while a checkpoint was being written: every checkpoint readable, all losses equal (${seconds.toFixed(0)} s).`,
    );
  } catch (error) {
    console.error(`kill-test: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
