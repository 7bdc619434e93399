/** The flags of a command as a table: what they take, what they say in --help, and how they are read. */
import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import { Mistake } from './mistake.ts';

export interface Flag<T> {
  /** What stands behind the flag in --help; absent for a flag without a value. */
  readonly value?: string;
  /** True where the value may be left out; then `read` gets ''. */
  readonly optional?: boolean;
  readonly help: string;
  readonly read: (text: string, flag: string) => T;
}

/** A flag for each key of T, which reads a value of that type. */
export type Flags<T> = { readonly [K in keyof T]-?: Flag<NonNullable<T[K]>> };

const refuse = (flag: string, must: string, text: string): Mistake =>
  new Mistake(`${flag} must be ${must}. Received "${text}". Try --help.`);

/** A whole number of at least `least`. */
export const whole = (least: number, help: string): Flag<number> => ({
  value: 'N',
  help,
  read: (text, flag) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least)
      throw refuse(flag, `a whole number >= ${least}`, text);
    return value;
  },
});

const inRange = (text: string, flag: string, least: number, below: number): number => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value < least || value >= below)
    throw refuse(flag, `a number >= ${least}${below < Infinity ? ` and < ${below}` : ''}`, text);
  return value;
};

/** A number of at least `least` and below `below`. */
export const number = (
  help: string,
  least: number = 0,
  below: number = Infinity,
): Flag<number> => ({
  value: 'X',
  help,
  read: (text, flag) => inRange(text, flag, least, below),
});

/** One number or several with commas between, each only once. */
export const numbers = (help: string): Flag<readonly number[]> => ({
  value: 'X,…',
  help,
  read: (text, flag) => [
    ...new Set(text.split(',').map((part) => inRange(part, flag, 0, Infinity))),
  ],
});

/** One of the given words. */
export const oneOf = <T extends string>(allowed: readonly T[], help: string): Flag<T> => ({
  value: allowed.join('|'),
  help,
  read: (text, flag): T => {
    if (!allowed.includes(text as T)) throw refuse(flag, `one of ${allowed.join(', ')}`, text);
    return text as T;
  },
});

/** A file or folder. */
export const path = (value: string, help: string): Flag<string> => ({
  value,
  help,
  read: (text, flag) => {
    if (text === '' || text.includes('\0')) throw refuse(flag, 'a path', text);
    return text;
  },
});

/** On when it is there. */
export const present = (help: string): Flag<true> => ({ help, read: () => true as const });

/**
 * Reads the arguments of a command.
 *
 * @throws Mistake for an unknown flag (it names the nearest), a missing or wrong value, a stray word
 */
export function readFlags<T extends object>(args: readonly string[], table: Flags<T>): Partial<T> {
  const flags = table as Record<string, Flag<unknown>>;
  const isAlone = (i: number): boolean => args[i + 1] === undefined || args[i + 1]!.startsWith('-');
  const { tokens } = parseArgs({
    // The parser knows no optional values: an empty one is written out.
    args: args.map((arg, i) =>
      flags[arg.replace(/^--/, '')]?.optional && arg.startsWith('--') && isAlone(i)
        ? `${arg}=`
        : arg,
    ),
    options: Object.fromEntries(
      Object.entries(flags).map(([name, { value }]) => [
        name,
        { type: value === undefined ? 'boolean' : 'string' } as const,
      ]),
    ),
    strict: false,
    tokens: true,
  });
  const values: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new Mistake(`"${token.value}" stands alone: every option begins with --. Try --help.`);
    if (token.kind !== 'option') continue;
    const { name, rawName } = token;
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined || rawName !== `--${name}`)
      throw new Mistake(
        `there is no option ${rawName}. Did you mean --${closest(name, Object.keys(flags))}? Try --help.`,
      );
    if (flag.value === undefined && token.inlineValue)
      throw new Mistake(`--${name} takes no value. Received "${token.value}". Try --help.`);
    const isMissing = flag.value !== undefined && (token.value ?? '--').startsWith('--');
    if (isMissing) throw new Mistake(`--${name} needs a value, ${flag.value}. Try --help.`);
    values[name] = flag.read(token.value ?? '', rawName);
  }
  return values as Partial<T>;
}

const WIDTH = 96;
const INDENT = 31;

/** The lines of --help for some flags, help texts wrapped beside them. */
export function describeFlags(flags: object): string {
  return Object.entries(flags as Record<string, Flag<unknown>>)
    .map(([name, { value, optional, help }]) => {
      const shown = value === undefined ? '' : optional ? ` [${value}]` : ` ${value}`;
      const head = `  --${name}${shown}`;
      const lines: string[] = [''];
      for (const word of help.split(' ')) {
        const line = lines.at(-1) as string;
        if (line !== '' && INDENT + line.length + 1 + word.length > WIDTH) lines.push(word);
        else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
      }
      const body = lines.join(`\n${' '.repeat(INDENT)}`);
      return head.length < INDENT - 1
        ? `${head.padEnd(INDENT)}${body}`
        : `${head}\n${' '.repeat(INDENT)}${body}`;
    })
    .join('\n');
}
