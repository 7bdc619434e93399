/** h5wasm, the HDF5 library in WebAssembly: an optional peer, loaded when the first HDF5 file is read or written. */
import type { File, Metadata, Module, Stream } from 'h5wasm';

export type { Metadata, Module };

export interface Library {
  readonly module: Module;
  readonly File: typeof File;
}

async function load(): Promise<Library> {
  let h5wasm: typeof import('h5wasm');
  try {
    // Within `try`, a bundler accepts that it is not installed.
    h5wasm = await import('h5wasm');
  } catch (cause) {
    throw new Error(
      '@tfjs-lrm/loading: files of Keras need the package h5wasm, which is not installed. Try npm install h5wasm.',
      { cause },
    );
  }
  return { module: await h5wasm.ready, File: h5wasm.File };
}

let library: Promise<Library> | null = null;

/**
 * The library, the same for every call.
 *
 * @throws Error where h5wasm is not installed, with the command that installs it
 */
export function hdf5Library(): Promise<Library> {
  library ??= load().catch((error: unknown) => {
    // It may be installed by the next call.
    library = null;
    throw error;
  });
  return library;
}

/** What `run` returns; what the library prints about a failure meanwhile, which it also reports by its status, is left out. */
export function quietly<T>({ FS }: Module, run: () => T): T {
  const stderr: Stream | undefined = FS.streams[2];
  if (stderr === undefined) return run();
  const { stream_ops: former } = stderr;
  stderr.stream_ops = { ...former, write: (_stream, _bytes, _offset, length) => length };
  try {
    return run();
  } finally {
    stderr.stream_ops = former;
  }
}
