import { describe, expect, it } from 'vitest';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, splitDigest } from './checkpoint.ts';
import { comparison } from './comparison.ts';
import { PRESETS } from './presets.ts';

const runs = comparison({ preset: PRESETS.tiny, backend: 'cpu', compile: 'off', decays: [8] });
const tensor = (name: string, values: Float32Array | Int32Array | Uint8Array, dtype: string) =>
  ({ name, shape: [values.length], dtype, values }) as never;

const CHECKPOINT: Checkpoint = {
  settings: {
    version: 1,
    text: { file: 'Bücher/🐋.txt', sha256: 'ab' },
    checkpointEvery: 50,
    runs,
  },
  logBytes: 5,
  seconds: 1.5,
  runs: [
    {
      state: {
        step: 3,
        random: [1, -2, 3, 4],
        validationLoss: null,
        weights: [
          tensor('flag', Uint8Array.of(1, 0, 1), 'bool'),
          tensor('w', Float32Array.of(1.5, -0), 'float32'),
        ],
        optimizer: [tensor('iter', Int32Array.of(3), 'int32')],
      },
      result: null,
    },
    { state: null, result: null },
  ],
};

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

describe('a checkpoint', () => {
  const rest = new TextEncoder().encode('lines');
  const digest = Uint8Array.from({ length: 32 }, (_, i) => i);

  it('comes back from its bytes, with what is kept beside it', () => {
    const split = splitDigest(joined([...encodeCheckpoint(CHECKPOINT, [rest]), digest]));
    expect(split?.digest).toEqual(digest);
    const decoded = decodeCheckpoint(split?.content as Uint8Array);
    expect(decoded.checkpoint).toEqual(CHECKPOINT);
    expect(new TextDecoder().decode(decoded.rest)).toBe('lines');
  });

  it('is not found in other bytes', () => {
    expect(splitDigest(new Uint8Array(200))).toBeNull();
    expect(splitDigest(new Uint8Array(0))).toBeNull();
    expect(splitDigest(encodeCheckpoint(CHECKPOINT)[0] as Uint8Array)).toBeNull();
  });
});
