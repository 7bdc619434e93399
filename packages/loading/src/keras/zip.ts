/**
 * Reads zip archives that may be damaged or hostile. fflate inflates; its own reader of archives does not verify the
 * checksums, and takes the last of two entries with one name.
 */
import { inflateSync } from 'fflate';
import { preview } from '../load-error.ts';
import { crc32 } from './crc32.ts';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const [END_SIZE, CENTRAL_SIZE, LOCAL_SIZE] = [22, 46, 30];
const LONGEST_COMMENT = 0xffff;
/** A larger size or place is in the format for archives above 4 GB. */
const LARGEST = 0xffffffff;
const MOST_ENTRIES = 10_000;
/** As Keras does: it stores without compression, and what repacks its files gains far less. */
const MOST_EXPANSION = 100;
const STORED = 0;
const DEFLATED = 8;

const AGAIN = 'Save the model again, or check that it was copied whole.';

const refusal = (must: string, received: string): RangeError =>
  new RangeError(`loadModel: the .keras file must ${must}. Received ${received}. ${AGAIN}`);

/** An entry as the directory at the end of the archive describes it. */
interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Where its own header begins. */
  readonly start: number;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where the directory ends: the last place from which a comment reaches exactly to the end of the file. */
function endOf(view: DataView): number {
  const last = view.byteLength - END_SIZE;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === last - at) return at;
  }
  throw refusal('end with the directory of a zip archive', `${view.byteLength} bytes without one`);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refusal('have names in UTF-8', 'other bytes');
  }
}

/** Rejects names that lead out of the archive. */
function checkName(name: string): void {
  const parts = name.replace(/\/$/, '').split('/');
  const isInside = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (isInside && !/[\\:\0]/.test(name)) return;
  throw refusal('have entries with relative paths inside the archive', preview(name));
}

function entryAt(bytes: Uint8Array, at: number, end: number): { entry: Entry; next: number } {
  const view = viewOf(bytes);
  if (at + CENTRAL_SIZE > end || view.getUint32(at, true) !== CENTRAL) {
    throw refusal('have a directory that lists its entries', `other bytes at ${at}`);
  }
  const short = (offset: number): number => view.getUint16(at + offset, true);
  const long = (offset: number): number => view.getUint32(at + offset, true);
  const nameEnd = at + CENTRAL_SIZE + short(28);
  const next = nameEnd + short(30) + short(32);
  if (next > end) throw refusal('have a directory that lists its entries', 'one that is cut off');
  const name = textOf(bytes.subarray(at + CENTRAL_SIZE, nameEnd));
  checkName(name);
  const entry: Entry = {
    name,
    method: short(10),
    crc: long(16),
    compressed: long(20),
    size: long(24),
    start: long(42),
  };
  if ((short(8) & 1) !== 0) throw refusal('be without encryption', `${preview(name)} encrypted`);
  if ([entry.compressed, entry.size, entry.start].includes(LARGEST)) {
    throw refusal('have at most 4 GB', `more in ${preview(name)}`);
  }
  return { entry, next };
}

/** The entries in the directory, which must be as many as it says, each under a name of its own. */
function directoryOf(bytes: Uint8Array): { entries: readonly Entry[]; start: number } {
  const view = viewOf(bytes);
  const end = endOf(view);
  const count = view.getUint16(end + 10, true);
  const start = view.getUint32(end + 16, true);
  if (count > MOST_ENTRIES) throw refusal(`have at most ${MOST_ENTRIES} entries`, `${count}`);
  const entries: Entry[] = [];
  const names = new Set<string>();
  let at = start;
  for (let i = 0; i < count; i++) {
    const { entry, next } = entryAt(bytes, at, end);
    if (names.has(entry.name)) {
      throw refusal('have each entry once', `${preview(entry.name)} twice`);
    }
    names.add(entry.name);
    entries.push(entry);
    at = next;
  }
  if (at !== end) {
    throw refusal('have a directory of the length that it says', `${at - start} of ${end - start}`);
  }
  return { entries, start };
}

/** Where the data of an entry lies; its own header must have the same name. */
function rangeOf(bytes: Uint8Array, entry: Entry, most: number): readonly [number, number] {
  const view = viewOf(bytes);
  const { start, name, compressed } = entry;
  const what = preview(name);
  if (start + LOCAL_SIZE > most || view.getUint32(start, true) !== LOCAL) {
    throw refusal(`have ${what} where its directory says`, `other bytes at ${start}`);
  }
  const nameEnd = start + LOCAL_SIZE + view.getUint16(start + 26, true);
  const from = nameEnd + view.getUint16(start + 28, true);
  const to = from + compressed;
  if (to > most) throw refusal(`hold all of ${what}`, `${most - from} of ${compressed} bytes`);
  if (textOf(bytes.subarray(start + LOCAL_SIZE, nameEnd)) !== name) {
    throw refusal(`have ${what} where its directory says`, 'an entry with another name');
  }
  return [from, to];
}

/** Rejects entries that share bytes, with which a small archive can describe any amount of data. */
function checkOverlaps(entries: readonly Entry[], ranges: readonly (readonly [number, number])[]) {
  const spans = entries
    .map(({ start, name }, i) => ({ start, name, end: ranges[i]?.[1] as number }))
    .sort((a, b) => a.start - b.start);
  spans.forEach(({ start, name }, i) => {
    if (start >= (spans[i - 1]?.end ?? 0)) return;
    throw refusal('have entries that share no bytes', `${preview(name)} within another one`);
  });
}

function inflated(data: Uint8Array, { name, size, compressed }: Entry): Uint8Array {
  const what = preview(name);
  if (size > MOST_EXPANSION * compressed) {
    throw refusal(`have entries that grow at most ${MOST_EXPANSION} times`, `${what} of ${size}`);
  }
  try {
    return inflateSync(data, { out: new Uint8Array(size) });
  } catch (error) {
    throw refusal(`have ${what} in the format of deflate`, (error as Error).message);
  }
}

function contentsOf(data: Uint8Array, entry: Entry): Uint8Array {
  const what = preview(entry.name);
  if (entry.method !== STORED && entry.method !== DEFLATED) {
    throw refusal(`have ${what} stored or deflated`, `method ${entry.method}`);
  }
  const contents = entry.method === STORED ? data : inflated(data, entry);
  if (contents.length !== entry.size) {
    throw refusal(`have ${what} of ${entry.size} bytes`, `${contents.length}`);
  }
  if (crc32(contents) !== entry.crc) {
    throw refusal(`have the checksum that was saved with ${what}`, 'changed bytes');
  }
  return contents;
}

/** Whether a file begins as a zip archive does. */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && viewOf(bytes).getUint32(0, true) === LOCAL;

/**
 * Some entries of a zip archive, by name. The whole directory is checked; the contents are read only of the entries
 * that are asked for, and held to their checksums.
 *
 * @param names the entries to read; those that the archive lacks are left out
 * @throws RangeError for an archive that is damaged, encrypted or hostile: two entries of one name or with the same bytes,
 *   paths that lead out of it, and sizes that are wrong, or more than 100 times the compressed one
 */
export function unzip(
  bytes: Uint8Array,
  names: readonly string[],
): ReadonlyMap<string, Uint8Array> {
  const { entries, start } = directoryOf(bytes);
  const ranges = entries.map((entry) => rangeOf(bytes, entry, start));
  checkOverlaps(entries, ranges);
  return new Map(
    entries.flatMap((entry, i) => {
      if (!names.includes(entry.name)) return [];
      return [[entry.name, contentsOf(bytes.subarray(...(ranges[i] as [number, number])), entry)]];
    }),
  );
}
