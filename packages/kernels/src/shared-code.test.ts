import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withSharedMemory } from './shared-code.ts';
import { passesCode, productsCode } from './wasm-codes.ts';

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const name = (text: string): number[] => [text.length, ...[...text].map((c) => c.charCodeAt(0))];
const section = (id: number, body: readonly number[]): number[] => [id, body.length, ...body];
const module = (...sections: readonly number[][]): Uint8Array<ArrayBuffer> =>
  new Uint8Array([...HEADER, ...sections.flat()]);
const imported = (kind: readonly number[]): number[] => [...name('a'), ...name('b'), ...kind];

const shared = (initial: number, maximum: number): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial, maximum, shared: true });
const instantiate = (code: Uint8Array<ArrayBuffer>, memory?: WebAssembly.Memory) =>
  new WebAssembly.Instance(new WebAssembly.Module(code), {
    ...(memory === undefined ? {} : { env: { memory }, a: { b: memory } }),
  });

const EXPORT = section(7, [1, ...name('memory'), 2, 0]);
const memoryOf = (code: Uint8Array<ArrayBuffer>): WebAssembly.Memory =>
  instantiate(code).exports['memory'] as WebAssembly.Memory;

describe('memory of its own', () => {
  test('with a maximum keeps it', () => {
    const memory = memoryOf(withSharedMemory(module(section(5, [1, 1, 1, 3]), EXPORT)));
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    memory.grow(2);
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  test('without a maximum can grow, and starts as large as before', () => {
    // 200 pages: a number of two bytes.
    const memory = memoryOf(withSharedMemory(module(section(5, [1, 0, 200, 1]), EXPORT)));
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(memory.buffer.byteLength).toBe(200 * 65536);
    memory.grow(100);
  });

  test('of a module that was not changed is not shared', () => {
    const memory = memoryOf(module(section(5, [1, 1, 1, 3]), EXPORT));
    expect(memory.buffer).not.toBeInstanceOf(SharedArrayBuffer);
  });
});

test('memory that is imported after a function, a table and a global', () => {
  const type = section(1, [1, 0x60, 0, 0]);
  const imports = [
    imported([0, 0]), // a function of type 0
    imported([1, 0x70, 1, 1, 1]), // a table of functions, with a maximum
    imported([3, 0x7f, 0]), // a number that does not change
    imported([2, 0, 1]),
  ];
  const plain = module(type, section(2, [imports.length, ...imports.flat()]), section(7, [0]));
  const [before, after] = [plain, withSharedMemory(plain)].map((code) =>
    WebAssembly.Module.imports(new WebAssembly.Module(code)),
  );
  expect(after).toEqual(before);
  expect(after!.map(({ kind }) => kind)).toEqual(['function', 'table', 'global', 'memory']);
  // The flags, the pages that it starts with, and 65536 in three bytes.
  expect([...withSharedMemory(plain)].join()).toContain([2, 3, 1, 0x80, 0x80, 4].join());
});

test('what has no memory, or shared memory, stays as it is', () => {
  for (const code of [module(), module(section(5, [1, 3, 1, 2]), EXPORT)])
    expect(withSharedMemory(code)).toEqual(code);
});

test('our modules work in shared memory then, and only then', () => {
  const codes = [passesCode(), productsCode().code];
  for (const code of codes) {
    const memory = shared(2, 65536);
    expect(() => instantiate(code, memory)).toThrow(WebAssembly.LinkError);
    expect(instantiate(withSharedMemory(code), memory)).toBeInstanceOf(WebAssembly.Instance);
  }
});

test('the module of tfjs has a shared memory of at most 4 GiB then', () => {
  const backend = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  const code = readFileSync(join(dirname(backend), 'tfjs-backend-wasm-simd.wasm'));
  const sharing = withSharedMemory(code);
  expect(sharing.length).toBe(code.length);
  expect([...sharing].filter((byte, i) => byte !== code[i])).toEqual([3]);
  expect(WebAssembly.validate(sharing)).toBe(true);
});
