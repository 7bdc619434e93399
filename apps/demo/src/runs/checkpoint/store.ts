import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from './durable.ts';
import { type Checkpoint, decode, encode } from './format.ts';

const KEPT = 2;
const NAME = /^(\d{6,})\.checkpoint$/;

const numbersIn = (folder: string): number[] =>
  readdirSync(folder)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);

const fileOf = (folder: string, number: number): string =>
  join(folder, `${String(number).padStart(6, '0')}.checkpoint`);

/** The numbered checkpoints of a folder, of which the last two are kept. */
export class CheckpointStore {
  readonly #folder: string;
  #next: number;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    for (const name of readdirSync(folder))
      if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
    this.#next = (numbersIn(folder)[0] ?? 0) + 1;
  }

  write(checkpoint: Checkpoint): void {
    writeDurably(fileOf(this.#folder, this.#next), encode(checkpoint));
    this.#next++;
    for (const number of numbersIn(this.#folder).slice(KEPT))
      rmSync(fileOf(this.#folder, number), { force: true });
  }
}

/** The latest intact checkpoint, and the files after it that are not intact. */
export function latest(folder: string): { checkpoint: Checkpoint | null; broken: string[] } {
  const broken: string[] = [];
  let numbers: number[];
  try {
    numbers = numbersIn(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    numbers = [];
  }
  for (const number of numbers) {
    const file = fileOf(folder, number);
    const checkpoint = decode(readFileSync(file));
    if (checkpoint !== null) return { checkpoint, broken };
    broken.push(file);
  }
  return { checkpoint: null, broken };
}
