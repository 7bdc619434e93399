/** Files that Hugging Face's safetensors wrote, and files with faults; fixtures/safetensors/make.py made them. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSafetensors, type Stored, writeSafetensors } from './index.ts';

const folder = new URL('../../../fixtures/safetensors/', import.meta.url);
const written = new Uint8Array(readFileSync(new URL('written.safetensors', folder)));
const json = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));

interface Values {
  readonly metadata: Record<string, string>;
  readonly tensors: Record<string, { dtype: string; shape: number[]; values: (number | string)[] }>;
}
const known = json('values') as Values;
const refused = json('refused') as { files: Record<string, string>; taken: string[] };

const KINDS: Readonly<Record<string, string>> = { int32: 'int32', bool: 'bool' };

test('every tensor that Python wrote has its values, in float32 where it was of 16 or 64 bits', () => {
  const { tensors, metadata } = readSafetensors(written);
  expect(metadata).toEqual(known.metadata);
  expect([...tensors.keys()].sort()).toEqual(Object.keys(known.tensors).sort());
  for (const [name, { dtype, shape, values }] of Object.entries(known.tensors)) {
    const tensor = tensors.get(name) as Stored;
    const numbers = values.map((value) =>
      typeof value === 'number' ? value : Number(value.replace('inf', 'Infinity')),
    );
    expect([name, tensor.dtype, tensor.shape]).toEqual([name, KINDS[dtype] ?? 'float32', shape]);
    const expected = tensor.dtype === 'float32' ? numbers.map(Math.fround) : numbers;
    expect([name, ...tensor.values]).toEqual([name, ...expected]);
  }
});

test.each(Object.entries(refused.files))('%s is refused', (_, file) => {
  expect(() => readSafetensors(new Uint8Array(Buffer.from(file, 'base64')))).toThrow(
    /^readSafetensors: .* must .* Received .*|^readSafetensors: no name may/s,
  );
});

test('Python takes only two of these: a space before the header, and the last of two equal names', () => {
  expect(refused.taken).toEqual(['a space before the header', 'a name twice']);
});

test('a file cut off anywhere is refused, and so is one with another byte in its header or a random one', () => {
  for (let length = 0; length < written.length; length++) {
    expect(() => readSafetensors(written.subarray(0, length))).toThrow(/^readSafetensors: /);
  }
  fc.assert(
    fc.property(fc.nat(written.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const file = Uint8Array.from(written);
      file[at] = (file[at] as number) ^ change;
      try {
        readSafetensors(file);
      } catch (error) {
        expect((error as Error).message).toMatch(/^readSafetensors: /);
      }
    }),
    { numRuns: 2000 },
  );
});

test('what is written is read, from any place in a buffer, names like __proto__ among them', () => {
  const tensors = new Map<string, Stored>([
    ['__proto__', { dtype: 'float32', shape: [2, 1], values: new Float32Array([1.5, -0]) }],
    ['7', { dtype: 'int32', shape: [], values: new Int32Array([-3]) }],
    ['flags', { dtype: 'bool', shape: [3], values: new Uint8Array([1, 0, 1]) }],
    ['none', { dtype: 'float32', shape: [0, 2], values: new Float32Array() }],
  ]);
  const file = writeSafetensors(tensors, { note: 'ü' });
  const shifted = new Uint8Array(file.length + 3);
  shifted.set(file, 3);
  for (const bytes of [file, file.buffer, shifted.subarray(3)]) {
    const read = readSafetensors(bytes);
    expect(new Map([...read.tensors].sort())).toEqual(new Map([...tensors].sort()));
    expect(read.metadata).toEqual({ note: 'ü' });
  }
  const length = new DataView(file.buffer).getUint32(0, true);
  expect((8 + length) % 8).toBe(0);
});

test('a bool of another byte, no bytes, and tensors that contradict themselves are refused', () => {
  const one = { dtype: 'bool', shape: [1], values: new Uint8Array([2]) } as const;
  expect(() => readSafetensors(writeSafetensors(new Map([['a', one]])))).toThrow('must hold bools');
  expect(() => readSafetensors('a' as never)).toThrow('Received "a". Try await readFile(path).');
  expect(() => writeSafetensors(new Map([['a', { ...one, shape: [2] }]]))).toThrow(
    'writeSafetensors: tensor "a" must have the 2 values of its shape [2]. Received 1.',
  );
  expect(() => writeSafetensors(new Map([['__metadata__', one]]))).toThrow('must not be named');
});
