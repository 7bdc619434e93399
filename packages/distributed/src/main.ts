#!/usr/bin/env node
/** The command line: `npx @tfjs-lrm/distributed run`. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Launch, launch } from './launch.ts';

const HELP = `npx @tfjs-lrm/distributed run --workers N [options] script.js [arguments of the script]

  runs the script in N processes on this machine, which connect() joins; one fails: all end
    --workers N   how many
    --restarts K  start all again, at most K times, when one has failed (default 0): the script continues
                  from its last checkpoint`;

class UsageError extends Error {}

function whole(name: string, text: string | undefined, min: number): number {
  const value = Number(text);
  if (text !== undefined && Number.isInteger(value) && value >= min) return value;
  throw new UsageError(
    `distributed: --${name} must be a whole number >= ${min}. Received ${text ?? 'none'}. Try --${name} 2.`,
  );
}

/** Where the script stands among the arguments: after the options of the launcher, which take a value each. */
function scriptAt(args: readonly string[]): number {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (!arg.startsWith('-')) return i;
    if (arg.startsWith('--') && !arg.includes('=') && arg !== '--help') i++;
  }
  return args.length;
}

/** What to run; null to show the help. */
function read(argv: readonly string[]): Launch | null {
  const at = scriptAt(argv.slice(1)) + 1;
  const { values } = parseArgs({
    args: argv.slice(1, at),
    options: {
      workers: { type: 'string' },
      restarts: { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command] = argv;
  const script = argv[at];
  if (command === undefined || command === '-h' || command === '--help' || values.help) return null;
  if (command !== 'run') {
    throw new UsageError(`distributed: unknown command ${command}. Try run --workers 2 script.js.`);
  }
  const workers = whole('workers', values.workers, 1);
  const restarts = whole('restarts', values.restarts, 0);
  if (script === undefined || !existsSync(script)) {
    throw new UsageError(
      `distributed: the script must be a file. Received ${script ?? 'none'}. Try run --workers 2 script.js.`,
    );
  }
  return { workers, restarts, script, args: argv.slice(at + 1) };
}

try {
  const wanted = read(process.argv.slice(2));
  if (wanted === null) console.log(HELP);
  else process.exitCode = await launch(wanted);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
