/**
 * A checkpoint as bytes: magic, length of the header, header as JSON, the tensors' bytes one after the other,
 * and a SHA-256 of all that, by which a truncated or altered file is recognised.
 */
import { createHash } from 'node:crypto';
import type { SavedTensor } from '@tfjs-lrm/checkpoint';
import type { TextSource } from '../../text.ts';
import type { RunResult } from '../../training/finish.ts';
import type { RunSettings } from '../../training/settings.ts';
import type { RunState } from '../../training/state.ts';

/** What a comparison is: written once, and part of every checkpoint. */
export interface Settings {
  readonly version: number;
  readonly text: TextSource;
  readonly checkpointEvery: number;
  readonly runs: readonly RunSettings[];
}

/** All runs of a comparison at one moment. */
export interface Checkpoint {
  readonly settings: Settings;
  /** The length of metrics.ndjson, in bytes, that goes with the states. */
  readonly logBytes: number;
  /** Seconds of training so far. */
  readonly seconds: number;
  readonly runs: readonly { readonly state: RunState | null; readonly result: RunResult | null }[];
}

/** Raised when files of the former version can no longer be read. */
export const VERSION = 1;

const MAGIC = Buffer.from('tfjs-lrm demo\n');
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

/** The parts of a checkpoint file, in order. */
export function encode(checkpoint: Checkpoint): Uint8Array[] {
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
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const tensors = checkpoint.runs.flatMap(({ state }) =>
    state === null ? [] : [...state.weights, ...state.optimizer],
  );
  const parts = [
    MAGIC,
    length,
    json,
    ...tensors.map(
      ({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    ),
  ];
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return [...parts, hash.digest()];
}

/** The checkpoint in a file's bytes, or null where they are truncated or altered. */
export function decode(bytes: Buffer): Checkpoint | null {
  const end = bytes.length - DIGEST_BYTES;
  const start = MAGIC.length + 4;
  if (end < start || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) return null;
  let offset = start + bytes.readUInt32LE(MAGIC.length);
  const header = JSON.parse(bytes.toString('utf8', start, offset)) as Header;
  const fill = (shape: Shape): SavedTensor => {
    const make = ARRAYS[shape.dtype];
    const size = shape.shape.reduce((product, n) => product * n, 1);
    const length = size * make.BYTES_PER_ELEMENT;
    // Copied, since an array of floats must begin at a multiple of four bytes.
    const copy = new Uint8Array(bytes.subarray(offset, offset + length));
    offset += length;
    return { ...shape, values: new make(copy.buffer) };
  };
  return {
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
}
