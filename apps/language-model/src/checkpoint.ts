/**
 * A checkpoint of a comparison as bytes: magic, length of the header, header as JSON, the tensors' bytes one after the
 * other, what else is kept with it, and a SHA-256 of all that, by which a truncated or altered file is recognised.
 */
import type { SavedTensor } from '@tfjs-lrm/checkpoint';
import type { RunResult } from './training/finish.ts';
import type { RunSettings } from './training/settings.ts';
import type { RunState } from './training/state.ts';

/** Which text a comparison learns; the digest shows whether a file has changed. */
export interface TextSource {
  /** Null for Moby Dick. */
  readonly file: string | null;
  readonly sha256: string;
}

/** What a comparison is: written once, and part of every checkpoint. */
export interface Settings {
  readonly version: number;
  readonly text: TextSource;
  readonly checkpointEvery: number;
  /** A folder for the log in the form that TensorBoard reads; none by default. */
  readonly tensorboard?: string;
  readonly runs: readonly RunSettings[];
}

/** All runs of a comparison at one moment. */
export interface Checkpoint {
  readonly settings: Settings;
  /** The length of the log, in bytes, that goes with the states. */
  readonly logBytes: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  readonly runs: readonly { readonly state: RunState | null; readonly result: RunResult | null }[];
}

/** Raised when files of the former version can no longer be read. */
export const VERSION = 1;

const MAGIC: Uint8Array = new TextEncoder().encode('tfjs-lrm demo\n');
const DIGEST_BYTES = 32;
const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

type Shape = Omit<SavedTensor, 'values'>;
type Header = Omit<Checkpoint, 'runs'> & {
  readonly runs: readonly {
    readonly state:
      | (Omit<RunState, 'weights' | 'optimizer'> & { weights: Shape[]; optimizer: Shape[] })
      | null;
    readonly result: RunResult | null;
  }[];
};

const shapeOf = ({ name, shape, dtype }: SavedTensor): Shape => ({ name, shape, dtype });

/**
 * The parts of a checkpoint file, in order, except for the digest of them, which comes last. Node and browsers compute
 * it in different ways.
 *
 * @param rest what else is kept in the file, such as the log
 */
export function encodeCheckpoint(
  checkpoint: Checkpoint,
  rest: readonly Uint8Array[] = [],
): Uint8Array[] {
  const header: Header = {
    ...checkpoint,
    runs: checkpoint.runs.map(({ state, result }) => ({
      state: state && {
        ...state,
        weights: state.weights.map(shapeOf),
        optimizer: state.optimizer.map(shapeOf),
      },
      result,
    })),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length, true);
  const tensors = checkpoint.runs.flatMap(({ state }) =>
    state === null ? [] : [...state.weights, ...state.optimizer],
  );
  return [
    MAGIC,
    length,
    json,
    ...tensors.map(
      ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    ),
    ...rest,
  ];
}

/** A file's content and the digest that it should have, or null where the file is none of ours. */
export function splitDigest(bytes: Uint8Array): { content: Uint8Array; digest: Uint8Array } | null {
  const end = bytes.length - DIGEST_BYTES;
  if (end < MAGIC.length + 4 || MAGIC.some((byte, i) => bytes[i] !== byte)) return null;
  return { content: bytes.subarray(0, end), digest: bytes.subarray(end) };
}

/** The checkpoint in a file's content, whose digest is right, and what else is kept with it. */
export function decodeCheckpoint(content: Uint8Array): {
  checkpoint: Checkpoint;
  rest: Uint8Array;
} {
  const start = MAGIC.length + 4;
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let offset = start + view.getUint32(MAGIC.length, true);
  const header = JSON.parse(new TextDecoder().decode(content.subarray(start, offset))) as Header;
  const fill = (shape: Shape): SavedTensor => {
    const make = ARRAYS[shape.dtype];
    const size = shape.shape.reduce((product, n) => product * n, 1);
    const length = size * make.BYTES_PER_ELEMENT;
    // Copied, since an array of floats must begin at a multiple of four bytes.
    const copy = new Uint8Array(content.subarray(offset, offset + length));
    offset += length;
    return { ...shape, values: new make(copy.buffer) };
  };
  const checkpoint = {
    ...header,
    runs: header.runs.map(({ state, result }) => ({
      state: state && {
        ...state,
        weights: state.weights.map(fill),
        optimizer: state.optimizer.map(fill),
      },
      result,
    })),
  };
  return { checkpoint, rest: content.subarray(offset) };
}
