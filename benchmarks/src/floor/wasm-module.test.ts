import { expect, it } from 'vitest';
import { wasmPeaks } from './wasm-module.ts';

it('adds arrays, to the last element', async () => {
  const { add, memory } = await wasmPeaks(3 * 256);
  const floats = new Float32Array(memory.buffer);
  floats.set(Array.from({ length: 64 }, (_, i) => i));
  floats.set(
    Array.from({ length: 64 }, (_, i) => 100 * i),
    64,
  );
  add(0, 256, 512, 256);
  expect([...floats.slice(128, 192)]).toEqual(Array.from({ length: 64 }, (_, i) => 101 * i));
  expect(floats[192]).toBe(0);
});

it('multiplies and adds as often as it is told', async () => {
  const { multiplyAdd, memory } = await wasmPeaks(1024);
  multiplyAdd(3);
  // x ← x / 2 + 1 from 0, three times.
  const sums = new Float32Array(memory.buffer).slice(4, 4 + 12 * 4);
  expect([...sums]).toEqual(Array(48).fill(1.75));
});
