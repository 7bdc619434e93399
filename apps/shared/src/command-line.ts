import { Failure, Mistake } from './mistake.ts';

/** What the machine refuses, in words. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'a file would be larger than allowed here',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  ENAMETOOLONG: 'the name is too long',
};

/** The line that is printed, and the exit code. */
function explain(error: unknown): [line: string, code: number] {
  if (error instanceof Mistake) return [error.message, 2];
  if (error instanceof Failure) return [error.message, 1];
  const { message = String(error), code = '', path } = (error ?? {}) as NodeJS.ErrnoException;
  if (code in SYSTEM) return [`${SYSTEM[code]}: ${path ?? message}.`, 2];
  return [message, 1];
}

/**
 * Runs a program to its exit code. What it throws becomes one line on stderr: 2 for a mistake at the keyboard or of the
 * machine, 1 for everything else. A reader that has gone away, as in `| head`, is not an error.
 */
export async function runCommand(
  name: string,
  command: (args: readonly string[]) => Promise<number>,
): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  try {
    process.exitCode = await command(process.argv.slice(2));
  } catch (error) {
    const [line, code] = explain(error);
    console.error(`${name}: ${line.replaceAll(/\s*\n\s*/g, ' ')}`);
    process.exitCode = code;
  }
}
