import { describe, expect, it } from 'vitest';
import { checkSize, checkText } from './text-source.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a file', () => {
  it('with enough text passes, whatever it says', () => {
    const hostile = '<script>alert(1)</script>\u0000\u202e\u2028🐋'.repeat(40);
    expect(() => checkText('a.txt', bytes(hostile), 64)).not.toThrow();
  });

  it.each([
    ['', '“a.txt” is empty. Choose a file with text in it.'],
    ['short', '“a.txt” has 5 characters, and 650 are needed'],
    [
      Array.from({ length: 6000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join(''),
      'more than 5,000 different characters',
    ],
  ])('that cannot be learned is told why: %#', (text, message) => {
    expect(() => checkText('a.txt', bytes(text), 64)).toThrow(message);
  });

  it('that is no text is told where', () => {
    const binary = Uint8Array.from({ length: 2000 }, (_, i) => i % 256);
    expect(() => checkText('a.bin', binary, 64)).toThrow(
      '“a.bin” is not UTF-8 text: byte 128 is 0x80. Save it as plain text in UTF-8.',
    );
  });

  it('that is too large is refused before it is read', () => {
    expect(() => checkSize('a.txt', 50e6)).toThrow('“a.txt” has 50 MB, and at most 16 MB');
    expect(() => checkSize('a.txt', 16e6)).not.toThrow();
  });
});
