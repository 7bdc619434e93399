import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { show } from '@tfjs-lrm/core/kit';
import { writeDurably } from './durable.ts';
import type { CheckpointStore } from './store.ts';

const NAME = /^(\d{6,})\.checkpoint$/;
const PARTIAL = /^\d{6,}\.checkpoint\.tmp$/;
/** The most bytes requested by one system call. */
const CHUNK = 2 ** 30;

/** A store in a folder; its functions return once the data is on the disk. */
export interface FolderStore extends CheckpointStore {
  /** The file of a checkpoint, which may not exist. */
  fileOf(number: number): string;
  list(): readonly number[];
  read(number: number): Uint8Array<ArrayBuffer>;
  write(number: number, parts: readonly Uint8Array[]): void;
  remove(number: number): void;
}

/** The system's error, with what was attempted and its code. */
function failure(what: string, error: unknown, advice: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  return Object.assign(new Error(`folderStore: ${what}: ${message}. ${advice}`, { cause: error }), {
    code,
  });
}

function readWhole(file: string): Uint8Array<ArrayBuffer> {
  const handle = openSync(file, 'r');
  try {
    const bytes = new Uint8Array(fstatSync(handle).size);
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(handle, bytes, done, Math.min(CHUNK, bytes.length - done), null);
      if (count === 0) return bytes.slice(0, done);
      done += count;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

/**
 * Keeps checkpoints as files in a folder, `000001.checkpoint` and so on. The first write creates the folder.
 *
 * A file is written under a temporary name, flushed to the disk (`fsync`), and renamed, so a killed process, a power
 * failure or a full disk leaves earlier checkpoints as they were. Only one process may write to a folder at a time.
 *
 * @throws TypeError for something that is not a path; its functions throw an Error, with the system's `code`, where the
 *   folder cannot be read or written
 * @example
 * import { mkdtempSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { folderStore } from '@tfjs-lrm/checkpoint/node';
 * const store = folderStore(mkdtempSync(join(tmpdir(), 'run-')));
 * await saveCheckpoint(store, { model, optimizer, step: 0 });
 */
export function folderStore(path: string): FolderStore {
  if (typeof path !== 'string' || path === '')
    throw new TypeError(
      `folderStore: the path must be a string. Received ${show(path)}. Try folderStore('runs/first').`,
    );
  const fileOf = (number: number): string =>
    join(path, `${String(number).padStart(6, '0')}.checkpoint`);
  return {
    name: path,
    fileOf,
    list() {
      try {
        return readdirSync(path)
          .flatMap((name) => NAME.exec(name)?.[1] ?? [])
          .map(Number)
          .sort((a, b) => a - b);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw failure(`cannot read ${path}`, error, 'Give the path of a folder.');
      }
    },
    read(number) {
      try {
        return readWhole(fileOf(number));
      } catch (error) {
        throw failure('cannot read a checkpoint', error, 'Check who may read the file.');
      }
    },
    write(number, parts) {
      try {
        mkdirSync(path, { recursive: true });
        // Left behind by a process that was killed while writing.
        for (const name of readdirSync(path))
          if (PARTIAL.test(name)) rmSync(join(path, name), { force: true });
        writeDurably(fileOf(number), parts);
      } catch (error) {
        throw failure(
          `cannot write a checkpoint into ${path}`,
          error,
          'The checkpoints before are as they were. Free some space, or give a folder that this process may write into.',
        );
      }
    },
    remove(number) {
      try {
        rmSync(fileOf(number), { force: true });
      } catch (error) {
        throw failure('cannot remove a checkpoint', error, 'Check who may write into the folder.');
      }
    },
  };
}
