import type { FolderStore } from '@tfjs-lrm/checkpoint/node';
import { type Checkpoint, decode, encode } from './format.ts';

const KEPT = 2;

/** Writes the next checkpoint, and removes all but the last two. */
export function append(store: FolderStore, checkpoint: Checkpoint): void {
  const numbers = store.list();
  store.write((numbers.at(-1) ?? 0) + 1, encode(checkpoint));
  for (const number of numbers.slice(0, 1 - KEPT)) store.remove(number);
}

/** The latest intact checkpoint, and the files after it that are not intact. */
export function latest(store: FolderStore): { checkpoint: Checkpoint | null; broken: string[] } {
  const broken: string[] = [];
  for (const number of store.list().toReversed()) {
    const checkpoint = decode(Buffer.from(store.read(number).buffer));
    if (checkpoint !== null) return { checkpoint, broken };
    broken.push(store.fileOf(number));
  }
  return { checkpoint: null, broken };
}
