/**
 * A checkpoint as bytes, all numbers little-endian:
 *
 *   "tfjs-lrm checkpoint\n"    20 bytes
 *   version                     4 bytes
 *   length of the header        4 bytes
 *   SHA-256 of version, length and header
 *   header                      JSON: step, extra, and of each tensor its name, shape, type and SHA-256
 *   the tensors' values, one after the other, to the end
 *
 * The first four fields stay the same in every version, so that a file of a later version can be told from a damaged
 * one.
 */
import type { CheckpointContent, SavedTensor } from './content.ts';

const VERSION = 1;
const MAGIC: Uint8Array = new TextEncoder().encode('tfjs-lrm checkpoint\n');
const DIGEST_AT: number = MAGIC.length + 8;
const HEADER_AT: number = DIGEST_AT + 32;
const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

type Described = Omit<SavedTensor, 'values'> & { readonly sha256: string };

interface Header {
  readonly step: number;
  readonly extra: unknown;
  readonly weights: readonly Described[];
  readonly optimizer: readonly Described[] | null;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  if (globalThis.crypto?.subtle === undefined)
    throw new Error(
      'checkpoint: SHA-256 is missing, which browsers give to secure pages alone. Serve the page by https, or from localhost.',
    );
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes));
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const bytesOf = ({ values }: SavedTensor): Uint8Array<ArrayBuffer> =>
  new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);

async function describe(tensor: SavedTensor): Promise<Described> {
  const { name, shape, dtype } = tensor;
  return { name, shape, dtype, sha256: hex(await sha256(bytesOf(tensor))) };
}

/** The SHA-256 of everything before the tensors. */
function digestOfHeader(start: Uint8Array, header: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(8 + header.length);
  bytes.set(start.subarray(MAGIC.length, DIGEST_AT));
  bytes.set(header, 8);
  return sha256(bytes);
}

/** The parts of a checkpoint, in order. */
export async function encode(content: CheckpointContent): Promise<Uint8Array[]> {
  const { step, extra, weights, optimizer } = content;
  const header: Header = {
    step,
    extra,
    weights: await Promise.all(weights.map(describe)),
    optimizer: optimizer && (await Promise.all(optimizer.map(describe))),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(HEADER_AT);
  start.set(MAGIC);
  const view = new DataView(start.buffer);
  view.setUint32(MAGIC.length, VERSION, true);
  view.setUint32(MAGIC.length + 4, json.length, true);
  start.set(await digestOfHeader(start, json), DIGEST_AT);
  return [start, json, ...[...weights, ...(optimizer ?? [])].map(bytesOf)];
}

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/**
 * The checkpoint in a file's bytes; null where they are truncated or altered.
 *
 * @param name of the file, for the error message
 * @throws Error for an intact one that a later version of this package wrote
 */
export async function decode(
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
): Promise<CheckpointContent | null> {
  if (bytes.length < HEADER_AT || !same(bytes.subarray(0, MAGIC.length), MAGIC)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint32(MAGIC.length, true);
  const end = HEADER_AT + view.getUint32(MAGIC.length + 4, true);
  if (bytes.length < end) return null;
  const json = bytes.subarray(HEADER_AT, end);
  const digest = await digestOfHeader(bytes, json);
  if (!same(digest, bytes.subarray(DIGEST_AT, HEADER_AT))) return null;
  if (version !== VERSION)
    throw new Error(
      `checkpoint: ${name} was written by another version of @tfjs-lrm/checkpoint (its form is ${version}, this one reads ${VERSION}). Install the latest version.`,
    );
  const header = JSON.parse(new TextDecoder().decode(json)) as Header;
  let offset = end;
  const fill = async ({ sha256: expected, ...rest }: Described): Promise<SavedTensor | null> => {
    const make = ARRAYS[rest.dtype];
    const size = rest.shape.reduce((product, n) => product * n, 1) * make.BYTES_PER_ELEMENT;
    // Copied, since an array of floats must begin at a multiple of four bytes.
    const copy = bytes.slice(offset, offset + size);
    offset += size;
    if (copy.length !== size || hex(await sha256(copy)) !== expected) return null;
    return { ...rest, values: new make(copy.buffer) };
  };
  const fillAll = async (all: readonly Described[]): Promise<SavedTensor[] | null> => {
    const tensors = await Promise.all(all.map(fill));
    return tensors.every((tensor) => tensor !== null) ? tensors : null;
  };
  const weights = await fillAll(header.weights);
  const optimizer = header.optimizer && (await fillAll(header.optimizer));
  const isWhole =
    weights !== null &&
    (optimizer === null) === (header.optimizer === null) &&
    offset === bytes.length;
  return isWhole ? { step: header.step, extra: header.extra, weights, optimizer } : null;
}
