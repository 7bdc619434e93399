import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** The most bytes that one call of the system is given: some systems take no more than 2 GiB. */
const CHUNK = 2 ** 30;

/** Writes the folder's entries to the disk; Windows does that by itself, and opens no folders. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(handle, bytes, done, Math.min(CHUNK, bytes.length - done));
}

/**
 * Writes a file that is there as a whole or not at all, whenever the machine stops: into `<path>.tmp`, to the disk,
 * renamed, and the folder's entry to the disk. A file of that name is replaced; a failure leaves it as it was.
 *
 * @param parts the bytes, one part after the other
 * @throws Error of the system, with its `code`: ENOSPC where the disk is full
 * @example
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeDurably } from '@tfjs-lrm/checkpoint/node';
 * writeDurably(join(tmpdir(), 'settings.json'), [new TextEncoder().encode('{}')]);
 */
export function writeDurably(path: string, parts: readonly Uint8Array[]): void {
  const partial = `${path}.tmp`;
  const handle = openSync(partial, 'w');
  try {
    try {
      for (const part of parts) writeAll(handle, part);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}
