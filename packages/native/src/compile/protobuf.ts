/**
 * The few protocol buffer messages of TensorFlow that a function consists of, written; and the fields of any message,
 * read. Field numbers are those of tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto.
 */

/** A message, or a field of one. */
export type Bytes = Uint8Array;

const encoder = new TextEncoder();

function varint(value: number | bigint): Bytes {
  const out: number[] = [];
  // Negative numbers are written as 64 bits of two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

/** Messages, or fields of one, one after the other. */
export const concat = (parts: readonly Bytes[]): Bytes => Buffer.concat(parts);

/** A whole number, or an enum; fractions are cut off, as where the addon takes a whole number. */
export function integer(field: number, value: number | boolean): Bytes {
  return concat([varint(field << 3), varint(Math.trunc(Number(value)))]);
}

export function float(field: number, value: number): Bytes {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return concat([varint((field << 3) | 5), bytes]);
}

/** A string, bytes, or a message inside another. */
export function bytes(field: number, value: Bytes | string): Bytes {
  const content = typeof value === 'string' ? encoder.encode(value) : value;
  return concat([varint((field << 3) | 2), varint(content.length), content]);
}

export function shape(dimensions: readonly number[]): Bytes {
  return concat(dimensions.map((size) => bytes(2, integer(1, size))));
}

/** A tensor of numbers; one that repeats a number is written as this number. */
export function tensor(
  dtype: number,
  dimensions: readonly number[],
  values: ArrayBufferView,
): Bytes {
  const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const head = [integer(1, dtype), bytes(2, shape(dimensions))];
  const size = dimensions.reduce((a, b) => a * b, 1);
  const width = content.length / Math.max(size, 1);
  // A tensor's content begins with its first element again one element later only where all are the same.
  const repeats =
    size > 1 &&
    Buffer.compare(content.subarray(width), content.subarray(0, content.length - width)) === 0;
  if (!repeats || !(values instanceof Float32Array)) return concat([...head, bytes(4, content)]);
  return concat([...head, float(5, values[0] as number)]);
}

/** One entry of a map from names to messages. */
export function entry(field: number, key: string, value: Bytes): Bytes {
  return bytes(field, concat([bytes(1, key), bytes(2, value)]));
}

/** A field of a message: its number, and its content where that is a string, bytes, or a message. */
export interface Field {
  readonly number: number;
  readonly bytes: Bytes;
}

const decoder = new TextDecoder();

export const text = ({ bytes: content }: Field): string => decoder.decode(content);

/** The fields of a message, in their order; numbers are skipped. */
export function fields(message: Bytes): Field[] {
  const read: Field[] = [];
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at] as number;
      at += 1;
      // Not by <<, which ends at 32 bits.
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = next();
    const wire = key & 7;
    if (wire === 0) next();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = next();
      read.push({ number: key >>> 3, bytes: message.subarray(at, at + length) });
      at += length;
    }
  }
  return read;
}
