/**
 * Wasm code whose memory threads can share. tfjs brings a build for threads only for browsers, and in Node its other build has memory of
 * its own. Loads and stores are the same instructions on either kind of memory, so that the limits of the memory make the difference.
 */

/** Sections of a module, by their number. */
const IMPORTS = 2;
const MEMORIES = 5;
/** Kinds of imports. */
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
/** Bits before the limits of a memory. */
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;
/** 4 GiB, the most that an address of 32 bits reaches, in pages of 64 KiB. */
const MOST_PAGES = 65536;
const HEADER_BYTES = 8;

/** Reads a module from a place on. */
class Reader {
  private readonly code: Uint8Array;
  at: number;

  constructor(code: Uint8Array, at: number) {
    this.code = code;
    this.at = at;
  }

  byte(): number {
    return this.code[this.at++] as number;
  }

  /** An unsigned number in LEB128. */
  number(): number {
    for (let value = 0, unit = 1; ; unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  }

  skipName(): void {
    const length = this.number();
    this.at += length;
  }

  /** Skips the limits of a table or a memory. */
  skipLimits(): void {
    const hasMaximum = (this.byte() & HAS_MAXIMUM) !== 0;
    this.number();
    if (hasMaximum) this.number();
  }
}

function leb128(value: number): number[] {
  return value < 128 ? [value] : [128 | (value % 128), ...leb128(Math.floor(value / 128))];
}

/** Where the limits of the memory stand in a section of imports or of memories; undefined where it has none. */
function placeOfLimits(reader: Reader, section: number): number | undefined {
  for (let count = reader.number(); count > 0; count--) {
    if (section === MEMORIES) return reader.at;
    reader.skipName();
    reader.skipName();
    const kind = reader.byte();
    if (kind === MEMORY) return reader.at;
    if (kind === FUNCTION) reader.number();
    else if (kind === TABLE) {
      reader.byte();
      reader.skipLimits();
    } else reader.at += 2; // a global: its type, and whether it changes
  }
  return undefined;
}

/**
 * The same module for memory that threads share, of at most 4 GiB where it names no maximum: its own or the one that it imports.
 * A module without memory, or whose memory is shared already, stays as it is.
 */
export function withSharedMemory(code: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new Reader(code, HEADER_BYTES);
  while (reader.at < code.length) {
    const start = reader.at;
    const section = reader.byte();
    const length = reader.number();
    const [body, end] = [reader.at, reader.at + length];
    const place =
      section === IMPORTS || section === MEMORIES ? placeOfLimits(reader, section) : undefined;
    if (place !== undefined) {
      reader.at = place;
      const flags = reader.byte();
      const initial = reader.number();
      const most = (flags & HAS_MAXIMUM) === 0 ? MOST_PAGES : reader.number();
      const limits = [...[flags | HAS_MAXIMUM | IS_SHARED], ...leb128(initial), ...leb128(most)];
      const size = place - body + limits.length + (end - reader.at);
      const parts = [
        code.subarray(0, start),
        [section, ...leb128(size)],
        code.subarray(body, place),
        limits,
        code.subarray(reader.at),
      ];
      const shared = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      let to = 0;
      for (const part of parts) {
        shared.set(part, to);
        to += part.length;
      }
      return shared;
    }
    reader.at = end;
  }
  return new Uint8Array(code);
}
