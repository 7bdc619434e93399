import { show } from '@tfjs-lrm/core/kit';
import { fromBfloat16, fromFloat16 } from './half.ts';
import { headerOf, type Place, refusal } from './header.ts';
import type { Stored } from './write.ts';

/** The contents of a safetensors file. */
export interface TensorData {
  readonly tensors: ReadonlyMap<string, Stored>;
  readonly metadata: Readonly<Record<string, string>>;
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A copy of bytes that hold values of `size` bytes each, in this machine's byte order. */
function inOwnOrder(bytes: Uint8Array, size: number): ArrayBuffer {
  const copy = Uint8Array.from(bytes);
  if (!IS_LITTLE_ENDIAN) {
    for (let at = 0; at < copy.length; at += size) copy.subarray(at, at + size).reverse();
  }
  return copy.buffer;
}

/** Values of every dtype, as the arrays that tfjs takes. */
const READERS: Readonly<Record<string, (bytes: Uint8Array) => Omit<Stored, 'shape'>>> = {
  F32: (bytes) => ({ dtype: 'float32', values: new Float32Array(inOwnOrder(bytes, 4)) }),
  F64: (bytes) => ({
    dtype: 'float32',
    values: Float32Array.from(new Float64Array(inOwnOrder(bytes, 8))),
  }),
  F16: (bytes) => ({
    dtype: 'float32',
    values: fromFloat16(new Uint16Array(inOwnOrder(bytes, 2))),
  }),
  BF16: (bytes) => ({
    dtype: 'float32',
    values: fromBfloat16(new Uint16Array(inOwnOrder(bytes, 2))),
  }),
  I32: (bytes) => ({ dtype: 'int32', values: new Int32Array(inOwnOrder(bytes, 4)) }),
  BOOL: (bytes) => ({ dtype: 'bool', values: Uint8Array.from(bytes) }),
};

function storedAt(name: string, bytes: Uint8Array, place: Place): Stored {
  const read = READERS[place.dtype] as (bytes: Uint8Array) => Omit<Stored, 'shape'>;
  const stored = { ...read(bytes.subarray(place.start, place.end)), shape: place.shape };
  if (stored.dtype === 'bool' && stored.values.some((value) => value > 1)) {
    throw refusal(
      `tensor ${show(name)} must hold bools, bytes of 0 or 1`,
      'another byte',
      'Write the file again.',
    );
  }
  return stored;
}

/**
 * The tensors and metadata of a safetensors file. The whole header is checked before any value is read: its length, its
 * names, shapes and dtypes, and that every byte belongs to exactly one tensor.
 *
 * @param file its bytes; F32, I32 and BOOL are read as they are, F64, F16 and BF16 as float32
 * @throws RangeError for a file that violates the format, or of another dtype; TypeError for something that is not
 *   bytes
 * @example
 * const { tensors } = readSafetensors(await modelToSafetensors(model));
 * tensors.get('output/kernel').shape; // [4, 2]
 */
export function readSafetensors(file: Uint8Array | ArrayBuffer): TensorData {
  if (!(file instanceof ArrayBuffer || file instanceof Uint8Array)) {
    throw new TypeError(
      `readSafetensors: the file must be a Uint8Array or an ArrayBuffer. Received ${show(file)}. Try await readFile(path).`,
    );
  }
  const bytes = file instanceof ArrayBuffer ? new Uint8Array(file) : file;
  const { places, metadata } = headerOf(bytes);
  const tensors = new Map([...places].map(([name, place]) => [name, storedAt(name, bytes, place)]));
  return { tensors, metadata };
}
