/** The checked header of a safetensors file: anything in it may be wrong, by accident or on purpose. */
import { show } from '@tfjs-lrm/core/kit';
import { METADATA } from './write.ts';

/** Where a tensor lies. */
export interface Place {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In bytes from the beginning of the file. */
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly places: ReadonlyMap<string, Place>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes per value. */
export const SIZES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I32: 4,
  BOOL: 1,
};

/** As in the reference reader of Hugging Face. */
const LONGEST_HEADER = 100_000_000;

export const refusal = (must: string, received: string, hint: string): RangeError =>
  new RangeError(`readSafetensors: ${must}. Received ${received}. ${hint}`);

const AGAIN = 'Write the file again, or check that it was copied whole.';

function textOf(bytes: Uint8Array): { text: string; length: number } {
  if (bytes.length < 8) {
    throw refusal(
      'the file must begin with 8 bytes, the length of its header',
      `${bytes.length}`,
      AGAIN,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  const most = BigInt(Math.min(bytes.length - 8, LONGEST_HEADER));
  if (length > most) {
    throw refusal(
      `the header must have at most ${most} bytes, which the file has left for it`,
      `a length of ${length}`,
      AGAIN,
    );
  }
  const end = 8 + Number(length);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(8, end),
    );
    return { text, length: end };
  } catch {
    throw refusal('the header must be UTF-8', 'other bytes', AGAIN);
  }
}

/** The brackets and strings of a JSON text; a string before a colon, which is a key, is matched with the colon. */
const TOKENS = /[{}[\]]|"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?/g;

/**
 * A key that appears twice in an object of a valid JSON text, of which JSON.parse keeps the last; null where there is
 * none.
 */
function keyThereTwice(text: string): string | null {
  const open: Set<string>[] = [];
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, token.lastIndexOf('"') + 1)) as string;
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    }
  }
  return null;
}

function objectIn(text: string): Record<string, unknown> {
  if (!text.startsWith('{')) {
    throw refusal('the header must begin with {', show(text.slice(0, 20)), AGAIN);
  }
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw refusal('the header must be JSON', (error as Error).message, AGAIN);
  }
  const twice = keyThereTwice(text);
  if (twice !== null) {
    throw refusal('no name may be there twice in an object', `${show(twice)} twice`, AGAIN);
  }
  return header as Record<string, unknown>;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function placeOf(name: string, entry: unknown, dataStart: number, size: number): Place {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const label = `tensor ${show(name)}`;
  const bytes = typeof dtype === 'string' && Object.hasOwn(SIZES, dtype) ? SIZES[dtype] : undefined;
  if (bytes === undefined) {
    throw refusal(
      `${label} must have a dtype that tfjs can hold: ${Object.keys(SIZES).join(', ')}`,
      show(dtype),
      'Convert it before saving.',
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw refusal(`${label} must have a shape of whole numbers >= 0`, show(shape), AGAIN);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw refusal(`${label} must have two data_offsets, whole numbers >= 0`, show(offsets), AGAIN);
  }
  const [start, end] = offsets as [number, number];
  if (start > end || end > size) {
    throw refusal(
      `${label} must lie within the ${size} bytes of data`,
      `the range ${start} to ${end}`,
      AGAIN,
    );
  }
  const expected = shape.reduce((product: number, length: number) => product * length, bytes);
  if (expected !== end - start) {
    throw refusal(
      `${label} must have ${expected} bytes, as its shape [${shape}] of ${dtype} says`,
      `${end - start}`,
      AGAIN,
    );
  }
  return { dtype: dtype as string, shape, start: dataStart + start, end: dataStart + end };
}

function metadataIn(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  const isTexts =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string');
  if (!isTexts) throw refusal(`${METADATA} must be an object of texts`, show(value), AGAIN);
  return value as Record<string, string>;
}

/** Checks that every byte of the data belongs to exactly one tensor. */
function checkCover(places: ReadonlyMap<string, Place>, dataStart: number, fileSize: number): void {
  let at = dataStart;
  // An empty tensor comes before the one that begins at the same place.
  const sorted = [...places].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  for (const [name, { start, end }] of sorted) {
    if (start !== at) {
      throw refusal(
        `tensor ${show(name)} must begin where the one before it ends, at ${at - dataStart}`,
        `${start - dataStart}, ${start < at ? 'which overlaps it' : 'which leaves a gap'}`,
        AGAIN,
      );
    }
    at = end;
  }
  if (at !== fileSize) {
    throw refusal(
      `the tensors must cover the ${fileSize - dataStart} bytes of data`,
      `tensors of ${at - dataStart}`,
      AGAIN,
    );
  }
}

/** @throws RangeError for anything that violates the format */
export function headerOf(bytes: Uint8Array): Header {
  const { text, length: dataStart } = textOf(bytes);
  const { [METADATA]: metadata, ...entries } = objectIn(text);
  const size = bytes.length - dataStart;
  const places = new Map(
    Object.entries(entries).map(([name, entry]) => [name, placeOf(name, entry, dataStart, size)]),
  );
  checkCover(places, dataStart, bytes.length);
  return { places, metadata: metadataIn(metadata) };
}
