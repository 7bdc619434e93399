/** The arguments of a command: its flags as a table of what they take, what --help says and how they are read. */
import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import { Mistake } from './mistake.ts';

export interface Flag<T> {
  /** What follows the flag in --help; absent for a flag without a value. */
  readonly value?: string;
  /** True where the value may be left out; `read` gets '' for it. */
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

/** Some of the given words with commas between, each only once. */
export const someOf = <T extends string>(
  allowed: readonly T[],
  help: string,
): Flag<readonly T[]> => ({
  value: 'A,…',
  help,
  read: (text, flag) => {
    const words = new Set(text.split(','));
    for (const word of words)
      if (!allowed.includes(word as T)) throw refuse(flag, `some of ${allowed.join(', ')}`, word);
    return [...words] as T[];
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

/** True where it is given. */
export const present = (help: string): Flag<true> => ({ help, read: () => true as const });

/** The names that a command takes beside its flags, and what each is. */
export interface Names<N extends string> {
  readonly what: string;
  readonly allowed: readonly N[];
}

/** The mistake of a name that is not among the allowed ones. */
export const unknownName = (word: string, { what, allowed }: Names<string>): Mistake =>
  new Mistake(
    `there is no ${what} "${word}". Did you mean "${closest(word, [...allowed])}"? Try --help.`,
  );

const strayWord = (word: string): Mistake =>
  new Mistake(`"${word}" stands alone: every option begins with --. Try --help.`);

/**
 * Reads the arguments of a command that takes names and flags.
 *
 * @throws Mistake for an unknown flag or name (with the nearest one), a missing or a wrong value
 */
export function readArguments<T extends object, N extends string>(
  args: readonly string[],
  table: Flags<T>,
  names: Names<N>,
): { readonly values: Partial<T>; readonly names: readonly N[] } {
  const flags = table as Record<string, Flag<unknown>>;
  const isAlone = (i: number): boolean => args[i + 1] === undefined || args[i + 1]!.startsWith('-');
  const { tokens } = parseArgs({
    // The parser has no optional values: an empty one is written out.
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
  const words: N[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (!names.allowed.includes(token.value as N))
        throw names.allowed.length === 0 ? strayWord(token.value) : unknownName(token.value, names);
      words.push(token.value as N);
    }
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
  return { values: values as Partial<T>, names: words };
}

/**
 * Reads the arguments of a command that takes flags alone.
 *
 * @throws Mistake as {@link readArguments}, and for a word that stands alone
 */
export const readFlags = <T extends object>(args: readonly string[], table: Flags<T>): Partial<T> =>
  readArguments(args, table, { what: 'name', allowed: [] }).values;

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
