import { show } from '@tfjs-lrm/core/kit';

/** A tensor as it is stored. */
export interface Stored {
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly number[];
  /** In row-major order: Float32Array, Int32Array, or Uint8Array for bools. */
  readonly values: Float32Array | Int32Array | Uint8Array;
}

const NAMES = { float32: 'F32', int32: 'I32', bool: 'BOOL' } as const;
export const METADATA = '__metadata__';
const ALIGNMENT = 8;

/** The bytes of values in little-endian order, whatever the machine's order is. */
function bytesOf(values: Stored['values']): Uint8Array {
  if (values instanceof Uint8Array) return values;
  const bytes = new Uint8Array(values.byteLength);
  const view = new DataView(bytes.buffer);
  const isFloat = values instanceof Float32Array;
  for (let i = 0; i < values.length; i++) {
    if (isFloat) view.setFloat32(4 * i, values[i] as number, true);
    else view.setInt32(4 * i, values[i] as number, true);
  }
  return bytes;
}

/**
 * Tensors in the safetensors format: eight bytes for the length of the header, the header as JSON, then the values of
 * each tensor in little-endian order. The header is padded with spaces, so that the values begin at a multiple of 8.
 *
 * @param tensors by name, in the order in which they are stored; float32 is F32, int32 I32, bool BOOL (a byte each)
 * @param metadata any strings, by name
 * @returns the whole file
 * @throws RangeError for a tensor named `__metadata__`, or one with more or fewer values than its shape says
 * @see https://huggingface.co/docs/safetensors
 * @example
 * writeSafetensors(new Map([['w', { dtype: 'float32', shape: [2], values: new Float32Array([1, 2]) }]]));
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Stored>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries: [string, object][] = [];
  if (Object.keys(metadata).length > 0) entries.push([METADATA, metadata]);
  let size = 0;
  for (const [name, { dtype, shape, values }] of tensors) {
    const count = shape.reduce((product, length) => product * length, 1);
    if (name === METADATA) {
      throw new RangeError(
        `writeSafetensors: a tensor must not be named "${METADATA}", the name of the file's metadata. Try another.`,
      );
    }
    if (values.length !== count) {
      throw new RangeError(
        `writeSafetensors: tensor ${show(name)} must have the ${count} values of its shape [${shape}]. Received ${values.length}.`,
      );
    }
    const end = size + values.byteLength;
    entries.push([name, { dtype: NAMES[dtype], shape, data_offsets: [size, end] }]);
    size = end;
  }
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(header.length / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(8 + length + size);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, 8, 8 + length);
  file.set(header, 8);
  let at = 8 + length;
  for (const { values } of tensors.values()) {
    file.set(bytesOf(values), at);
    at += values.byteLength;
  }
  return file;
}
