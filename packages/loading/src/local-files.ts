/** Files on disk, where this runs in Node; bundles for browsers need no stand-in for it. */

/** The part of `node:fs/promises` that is used. */
interface FileSystem {
  readFile(path: string | URL): Promise<Uint8Array<ArrayBuffer>>;
}

interface NodeProcess {
  getBuiltinModule?(name: string): unknown;
}

function fileSystem(): FileSystem | null {
  const { process, document } = globalThis as { process?: NodeProcess; document?: unknown };
  // With a document, as in the window of Electron, addresses are relative to its own.
  if (document !== undefined) return null;
  return (process?.getBuiltinModule?.('node:fs/promises') ?? null) as FileSystem | null;
}

/** Whether a source is a path on this machine rather than an address on the web. */
export const isLocal = (source: string): boolean =>
  (source.startsWith('file://') || !/^[a-z][a-z\d+.-]+:/i.test(source)) && fileSystem() !== null;

const locationOf = (path: string): string | URL =>
  path.startsWith('file://') ? new URL(path) : path;

/** The bytes of a file. */
export async function readLocal(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return await (fileSystem() as FileSystem).readFile(locationOf(path));
}

/** The path of a file in the folder of another one, and in no other folder. */
export function beside(path: string, name: string): string {
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part === '..') || /[\\:\0]/.test(name)) {
    throw new RangeError(
      `loadModel: model.json must name files in its own folder. Received ${JSON.stringify(name)}. Try a relative path without "..".`,
    );
  }
  return path.replace(/[^/\\]*$/, name);
}
