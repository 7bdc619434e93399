/** `npm run demo -- [command] [options]`: finds the command and runs it. */
import { runCommand, unknownName } from '@tfjs-lrm/shared';
import { COMMANDS, DEFAULT_COMMAND } from './commands/index.ts';

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
    throw unknownName(name, { what: 'command', allowed: Object.keys(COMMANDS) });
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

await runCommand('demo', main);
