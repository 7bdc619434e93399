/** Runs a command and returns its output; where it fails, the output is the error's message. */
import { spawnSync } from 'node:child_process';

export function run(command, args, { cwd, env = {} }) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`$ ${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`.trim());
  }
  return result.stdout;
}
