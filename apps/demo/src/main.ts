/** `npm run demo -- [command] [options]`: finds the command and tells what went wrong in one line. */
import { closest } from 'fastest-levenshtein';
import { COMMANDS, DEFAULT_COMMAND } from './commands/index.ts';
import { Failure, Mistake } from './mistake.ts';

const list = (): string =>
  Object.entries(COMMANDS)
    .map(
      ([name, { summary }]) =>
        `  ${name.padEnd(12)} ${summary}${name === DEFAULT_COMMAND ? ' (without a command: this)' : ''}`,
    )
    .join('\n');

async function main(args: readonly string[]): Promise<number> {
  const isNamed = args[0] !== undefined && !args[0].startsWith('-');
  const name = isNamed ? (args[0] as string) : DEFAULT_COMMAND;
  if (!Object.hasOwn(COMMANDS, name))
    throw new Mistake(
      `there is no command "${name}". Did you mean "${closest(name, Object.keys(COMMANDS))}"? Try --help.`,
    );
  const { command } = await (COMMANDS[name] as (typeof COMMANDS)[string]).load();
  const rest = isNamed ? args.slice(1) : args;
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(
      `${command.help()}\n\ncommands: npm run demo -- COMMAND --help tells about one\n${list()}`,
    );
    return 0;
  }
  return command.run(rest);
}

/** Whom a failed write concerns: the machine, not the program. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'a file would be larger than allowed here',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of the path is no folder',
  ENAMETOOLONG: 'the name is too long',
};

/** The line that is told, and the exit code. */
function explain(error: unknown): [string, number] {
  if (error instanceof Mistake) return [error.message, 2];
  if (error instanceof Failure) return [error.message, 1];
  const { message = String(error), code = '', path } = (error ?? {}) as NodeJS.ErrnoException;
  if (code in SYSTEM) return [`${SYSTEM[code]}: ${path ?? message}.`, 2];
  return [message, 1];
}

// A reader that has gone, as in `| head`, is no error; the command hears of it on its own stream.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const [message, code] = explain(error);
  console.error(`demo: ${message.replaceAll(/\s*\n\s*/g, ' ')}`);
  process.exitCode = code;
}
