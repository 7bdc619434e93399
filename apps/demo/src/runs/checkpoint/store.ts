import { createHash } from 'node:crypto';
import type { FolderStore } from '@tfjs-lrm/checkpoint/node';
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  splitDigest,
} from '@tfjs-lrm/language-model';

const KEPT = 2;

function digestOf(parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Writes the next checkpoint, and removes all but the last two. */
export function append(store: FolderStore, checkpoint: Checkpoint): void {
  const numbers = store.list();
  const parts = encodeCheckpoint(checkpoint);
  store.write((numbers.at(-1) ?? 0) + 1, [...parts, digestOf(parts)]);
  for (const number of numbers.slice(0, 1 - KEPT)) store.remove(number);
}

/** The checkpoint in a file's bytes, or null where they are truncated or altered. */
function decode(bytes: Uint8Array): Checkpoint | null {
  const split = splitDigest(bytes);
  if (split === null || !digestOf([split.content]).equals(split.digest)) return null;
  return decodeCheckpoint(split.content).checkpoint;
}

/** The latest intact checkpoint, and the files after it that are not intact. */
export function latest(store: FolderStore): { checkpoint: Checkpoint | null; broken: string[] } {
  const broken: string[] = [];
  for (const number of store.list().toReversed()) {
    const checkpoint = decode(store.read(number));
    if (checkpoint !== null) return { checkpoint, broken };
    broken.push(store.fileOf(number));
  }
  return { checkpoint: null, broken };
}
