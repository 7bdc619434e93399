import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Writes all bytes; one call of the system may take fewer. */
export function writeAll(handle: number, bytes: Uint8Array, position: number | null = null): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(
      handle,
      bytes,
      done,
      bytes.length - done,
      position === null ? null : position + done,
    );
}

/**
 * Writes a file that is there as a whole or not at all, whenever the machine stops: into a temporary file, to the
 * disk, renamed, and the folder to the disk. A failure leaves what was there before.
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
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  renameSync(partial, path);
  sync(dirname(path));
}
