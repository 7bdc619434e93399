import { expect, test } from 'vitest';
import { standardWriter } from './writer.ts';

const terminal = { write: () => true, isTTY: true, columns: 100 };

test('a terminal has colours unless NO_COLOR has a value; a dumb one and a pipe get plain lines', () => {
  const kinds = [
    { env: {}, stderr: terminal },
    { env: { NO_COLOR: '1' }, stderr: terminal },
    { env: { NO_COLOR: '' }, stderr: terminal },
    { env: { TERM: 'dumb' }, stderr: terminal },
    { env: {}, stderr: { write: () => true } },
  ].map((each) => standardWriter(each));
  expect(kinds.map((writer) => [writer?.isTerminal, writer?.hasColors])).toEqual([
    [true, true],
    [true, false],
    [true, true],
    [false, false],
    [false, false],
  ]);
});

test('the width is that of the moment, and what is written arrives', () => {
  const written: string[] = [];
  const stderr = { write: (text: string) => written.push(text), isTTY: true, columns: 100 };
  const writer = standardWriter({ stderr });
  stderr.columns = 40;
  writer?.write('a');
  expect([writer?.columns, written]).toEqual([40, ['a']]);
});

test('a browser has none', () => {
  expect(standardWriter({})).toBeNull();
});
