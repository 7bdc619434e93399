import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** The most bytes written by one system call: some systems take no more than 2 GiB. */
const CHUNK = 2 ** 30;

/** Flushes the folder's entries to the disk; Windows does that by itself, and cannot open folders. */
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
 * Writes a file so that it is there completely or not at all, whenever the machine stops: written to `<path>.tmp`,
 * flushed to the disk, renamed, and the folder's entry flushed too. An existing file of that name is replaced; a
 * failure leaves it as it was.
 *
 * @param parts the bytes, one part after the other
 * @throws Error from the system, with its `code`: ENOSPC where the disk is full
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
