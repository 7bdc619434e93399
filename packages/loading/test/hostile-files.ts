/** Files of Keras with damage, the same for a seed in every run, and files that were made to harm. */

import { random } from '../../../test/tensors.ts';
import { crc32 } from '../src/keras/crc32.ts';
import { hdf5Library } from '../src/keras/hdf5-library.ts';

/** A file with some of its bytes changed, cut off, moved or repeated. */
export function damagedBytes(whole: Uint8Array, seed: number): Uint8Array {
  const next = random(seed);
  const index = (end: number): number => Math.floor(next() * end);
  const bytes = Uint8Array.from(whole);
  const [from, to] = [index(bytes.length), index(bytes.length)];
  const length = 1 + index(Math.min(256, bytes.length - Math.max(from, to)));
  const kind = next();
  if (kind < 0.45) {
    for (let count = 1 + index(12); count > 0; count--) {
      const at = index(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << index(8));
    }
  } else if (kind < 0.6) return bytes.subarray(0, from);
  else if (kind < 0.75) bytes.set(whole.subarray(to, to + length), from);
  else if (kind < 0.85) bytes.fill(next() < 0.5 ? 0 : 0xff, from, from + length);
  else if (kind < 0.95) {
    bytes.set(whole.subarray(to, to + length), from);
    bytes.set(whole.subarray(from, from + length), to);
  } else return Uint8Array.from([...bytes.subarray(0, from), ...bytes.subarray(from + length)]);
  return bytes;
}

export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the archive says in place of the truth. */
  readonly claims?: {
    readonly size?: number;
    readonly compressed?: number;
    readonly crc?: number;
    readonly method?: number;
    readonly flags?: number;
    readonly localName?: string;
    /** The place of the entry with this index. */
    readonly startOf?: number;
  };
}

/** A zip archive of stored entries that can lie about them. */
export function zipOf(entries: readonly ZipEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const starts: number[] = [];
  let length = 0;
  const push = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
  };
  const fields = (sizes: readonly (readonly [value: number, bytes: 2 | 4])[]): Uint8Array =>
    Uint8Array.from(
      sizes.flatMap(([value, count]) =>
        Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** i) % 256),
      ),
    );
  const encoder = new TextEncoder();
  const shared = ({ data, claims = {} }: ZipEntry) =>
    [
      [claims.flags ?? 0, 2],
      [claims.method ?? 0, 2],
      [0, 4],
      [claims.crc ?? crc32(data), 4],
      [claims.compressed ?? data.length, 4],
      [claims.size ?? data.length, 4],
    ] as const;
  for (const entry of entries) {
    starts.push(length);
    const name = encoder.encode(entry.claims?.localName ?? entry.name);
    push(fields([[0x04034b50, 4], [20, 2], ...shared(entry), [name.length, 2], [0, 2]]));
    push(name);
    push(entry.data);
  }
  const directory = length;
  entries.forEach((entry, i) => {
    const name = encoder.encode(entry.name);
    push(
      fields([
        [0x02014b50, 4],
        [20, 2],
        [20, 2],
        ...shared(entry),
        [name.length, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [0, 4],
        [starts[entry.claims?.startOf ?? i] as number, 4],
      ]),
    );
    push(name);
  });
  push(
    fields([
      [0x06054b50, 4],
      [0, 4],
      [entries.length, 2],
      [entries.length, 2],
      [length - directory, 4],
      [directory, 4],
      [0, 2],
    ]),
  );
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The whole of h5wasm's class for files, more than this package uses. */
export interface Hdf5Writer {
  create_group(name: string): Hdf5Writer;
  create_attribute(name: string, value: string | string[]): void;
  create_dataset(args: {
    name: string;
    data: Float32Array | Int32Array;
    shape?: number[];
    chunks?: number[];
    compression?: number;
    maxshape?: (number | null)[];
  }): { resize(shape: number[]): void };
  create_soft_link(target: string, name: string): void;
  create_hard_link(target: string, name: string): void;
  create_external_link(file: string, target: string, name: string): void;
}

/** An HDF5 file with what `write` puts into it. */
export async function hdf5With(write: (file: Hdf5Writer) => void): Promise<Uint8Array> {
  const { module, File } = await hdf5Library();
  const file = new File('/hostile.h5', 'w');
  write(file as unknown as Hdf5Writer);
  file.close();
  const bytes = Uint8Array.from(module.FS.readFile('/hostile.h5'));
  module.FS.unlink('/hostile.h5');
  return bytes;
}
