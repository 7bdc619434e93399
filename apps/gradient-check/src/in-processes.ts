/** Judges cases on a backend of Node or of a browser, in processes of their own. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Backend, isOfBrowser } from './backends.ts';
import type { Growth } from './growth.ts';
import type { Judgement } from './judge.ts';
import type { Mode } from './results.ts';

const here = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Judges `names` until the process ends, by itself or by a crash. */
function judgeUntilEnd(
  backend: Backend,
  mode: Mode,
  names: readonly string[],
  onJudgement: (judgement: Judgement) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const child = here(isOfBrowser(backend) ? '../browser.js' : './child.js');
    const running = fork(child, [backend, mode, JSON.stringify(names)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    running.stderr!.on('data', (data: Buffer) => {
      errors = (errors + data).slice(-2000);
    });
    running.on('message', (message) => onJudgement(message as Judgement));
    running.on('close', (code, signal) => {
      const lastLine = errors.trim().split('\n').at(-1) ?? '';
      resolve(`the process ends with ${signal ?? code}: ${lastLine}`);
    });
  });
}

export async function judgeInProcesses(
  backend: Backend,
  mode: Mode,
  names: readonly string[],
  onProgress: (done: number) => void,
): Promise<Judgement[]> {
  const judgements: Judgement[] = [];
  while (judgements.length < names.length) {
    const rest = names.slice(judgements.length);
    const end = await judgeUntilEnd(backend, mode, rest, (judgement) => {
      judgements.push(judgement);
      onProgress(judgements.length);
    });
    if (judgements.length === names.length) break;
    const crash = { refused: end };
    judgements.push({
      name: names[judgements.length]!,
      forward: crash,
      gradient: crash,
      second: crash,
    });
  }
  return judgements;
}

/** The gradients whose kernels grow, on cpu; all backends run the same operations. */
export function growthInProcess(mode: Mode, names: readonly string[]): Promise<Growth[]> {
  return new Promise((resolve, reject) => {
    const running = fork(here('./growth-child.js'), [mode, JSON.stringify(names)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    running.on('message', (message) => resolve(message as Growth[]));
    running.on('close', (code) => reject(new Error(`counting kernels ends with ${code}`)));
  });
}
