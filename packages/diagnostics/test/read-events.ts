/** Reads the event files of TensorBoard, by their format alone: records with checksums, which hold protocol buffers. */

export interface Scalar {
  readonly name: string;
  readonly step: number;
  readonly value: number;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C, masked as TensorFlow masks it. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = ((crc >>> 8) ^ (TABLE[(crc ^ byte) & 255] as number)) >>> 0;
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Length, its checksum, the data, its checksum. */
function records(file: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    const sums = [file.readUInt32LE(at + 8), file.readUInt32LE(at + 12 + length)];
    if (sums[0] !== maskedCrc(file.subarray(at, at + 8)) || sums[1] !== maskedCrc(data)) {
      throw new Error(`the record at byte ${at} has a wrong checksum`);
    }
    all.push(data);
    at += 16 + length;
  }
  return all;
}

/** The fields of a message by number; lengths and numbers as they stand. */
function fields(bytes: Buffer): Map<number, (Buffer | bigint)[]> {
  const all = new Map<number, (Buffer | bigint)[]>();
  let at = 0;
  const varint = (): bigint => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
      if (byte < 128) return value;
    }
  };
  const slice = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const kind = tag & 7;
    const value = kind === 0 ? varint() : slice(kind === 1 ? 8 : kind === 5 ? 4 : Number(varint()));
    all.set(tag >> 3, [...(all.get(tag >> 3) ?? []), value]);
  }
  return all;
}

const message = (
  of: Map<number, (Buffer | bigint)[]>,
  field: number,
): Map<number, (Buffer | bigint)[]> => fields((of.get(field)?.[0] ?? Buffer.alloc(0)) as Buffer);

/** Event { 2: step, 5: Summary { 1: Value { 1: tag, 2: float } } } */
export function readEvents(file: Buffer): Scalar[] {
  return records(file).flatMap((record) => {
    const event = fields(record);
    return (message(event, 5).get(1) ?? []).map((each): Scalar => {
      const value = fields(each as Buffer);
      const [float] = value.get(2) as [Buffer];
      return {
        name: String(value.get(1)?.[0]),
        step: Number(event.get(2)?.[0] ?? 0n),
        value: float.readFloatLE(0),
      };
    });
  });
}
