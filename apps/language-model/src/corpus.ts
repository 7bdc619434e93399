/** A text as numbers, and the batches that training draws from it. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** A text as numbers: ids into the vocabulary, which is the sorted list of its characters. */
export interface Corpus {
  readonly vocabulary: readonly string[];
  readonly training: Int32Array;
  readonly validation: Int32Array;
}

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

/** The text that bytes are in UTF-8, or where they are not and what stands there. */
export function decodeText(
  bytes: Uint8Array,
): { readonly text: string } | { readonly at: number; readonly byte: string } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    const at = firstBadByte(bytes);
    return { at, byte: `0x${(bytes[at] as number).toString(16).padStart(2, '0')}` };
  }
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

/** How many characters a text needs, so that its last tenth holds `context` of them and the one after. */
export const charactersFor = (context: number): number => 10 * (context + 1);

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
