/** The texts that can be learned: two that come with the page, and a file, which never leaves the browser. */
import { charactersFor, decodeText } from '@tfjs-lrm/language-model';
import { Mistake } from '@tfjs-lrm/shared/portable';

export type TextName = 'moby-dick' | 'brown' | 'file';

export const TEXTS: Readonly<Record<TextName, string>> = {
  'moby-dick': 'Moby Dick',
  brown: 'Brown corpus',
  file: 'your own file',
};

/** What a file may be: larger ones would not fit into the memory of both workers. */
const MOST_MEGABYTES = 16;
const MOST_CHARACTERS = 5000;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 0);

/**
 * Looks at the bytes of a file before anything is trained on it.
 *
 * @throws Mistake that says what is wrong with it
 */
export function checkText(name: string, bytes: Uint8Array, context: number): void {
  if (bytes.length === 0) throw new Mistake(`“${name}” is empty. Choose a file with text in it.`);
  checkSize(name, bytes.length);
  const decoded = decodeText(bytes);
  if (!('text' in decoded))
    throw new Mistake(
      `“${name}” is not UTF-8 text: byte ${decoded.at.toLocaleString('en')} is ${decoded.byte}. Save it as plain text in UTF-8.`,
    );
  let length = 0;
  const characters = new Set<string>();
  for (const character of decoded.text) {
    length++;
    if (characters.size <= MOST_CHARACTERS) characters.add(character);
  }
  if (length < charactersFor(context))
    throw new Mistake(
      `“${name}” has ${length} characters, and ${charactersFor(context)} are needed: the last tenth is kept for validation. Choose a longer text.`,
    );
  if (characters.size > MOST_CHARACTERS)
    throw new Mistake(
      `“${name}” has more than ${MOST_CHARACTERS.toLocaleString('en')} different characters, each of which the models would have to guess. Choose a text in one language.`,
    );
}

/** @throws Mistake for a file that is too large, before it is read */
export function checkSize(name: string, bytes: number): void {
  if (bytes > MOST_MEGABYTES * 1e6)
    throw new Mistake(
      `“${name}” has ${megabytes(bytes)} MB, and at most ${MOST_MEGABYTES} MB can be learned here. Choose a part of it.`,
    );
}

/** The address of a text that comes with the page, below the page. */
const ADDRESS = { 'moby-dick': 'texts/moby-dick.txt', brown: 'texts/brown.txt' } as const;

/** @throws Mistake when the text is not served */
export async function fetchText(name: keyof typeof ADDRESS): Promise<Uint8Array> {
  const response = await fetch(ADDRESS[name]).catch(() => null);
  if (!response?.ok)
    throw new Mistake(
      `${TEXTS[name]} could not be loaded from this site. Try again, or choose a file.`,
    );
  return new Uint8Array(await response.arrayBuffer());
}
