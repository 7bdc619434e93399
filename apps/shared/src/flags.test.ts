import { describe, expect, it } from 'vitest';
import { type Flags, path, readArguments, readFlags, someOf, whole } from './flags.ts';

interface Chosen {
  rounds: number;
  only: readonly ('a' | 'b')[];
  out: string;
}
const FLAGS: Flags<Chosen> = {
  rounds: whole(1, 'rounds'),
  only: someOf(['a', 'b'], 'some'),
  out: path('FILE', 'a file'),
};
const NAMES = { what: 'benchmark', allowed: ['muon', 'adam'] };

describe('readArguments', () => {
  it('reads names and flags in any order', () => {
    expect(readArguments(['muon', '--rounds', '3', 'adam', '--only=b,a,b'], FLAGS, NAMES)).toEqual({
      values: { rounds: 3, only: ['b', 'a'] },
      names: ['muon', 'adam'],
    });
  });

  it.each([
    [['moun'], 'there is no benchmark "moun". Did you mean "muon"? Try --help.'],
    [['--rounds', '0'], '--rounds must be a whole number >= 1. Received "0". Try --help.'],
    [['--only', 'a,c'], '--only must be some of a, b. Received "c". Try --help.'],
    [['--roundz', '1'], 'there is no option --roundz. Did you mean --rounds? Try --help.'],
    [['--out'], '--out needs a value, FILE. Try --help.'],
  ])('refuses %j', (args, message) => {
    expect(() => readArguments(args, FLAGS, NAMES)).toThrow(message);
  });

  it('takes no names where a command has none', () => {
    expect(() => readFlags(['muon'], FLAGS)).toThrow(
      '"muon" stands alone: every option begins with --. Try --help.',
    );
  });
});
