/** Starts programs by a list of arguments, never through a shell. */
import { spawnSync } from 'node:child_process';

export interface Result {
  /** False also when the program could not be started. */
  readonly ok: boolean;
  readonly output: string;
  /** The error code when the program could not be started: `ENOENT` means that it was not found. */
  readonly code: string | undefined;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function run(program: string, args: readonly string[], options: RunOptions = {}): Result {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    ok: status === 0,
    output: `${stdout ?? ''}${stderr ?? ''}`.trim(),
    code: (error as NodeJS.ErrnoException | undefined)?.code,
  };
}
