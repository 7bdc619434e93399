import { setFlagsFromString } from 'node:v8';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { batchMatMul } from './batch-mat-mul.ts';
import { disableTraining, enableTraining } from './index.ts';
import { packedCost, SIMD } from './product-cost.ts';
import { memoryOf, type WasmBackend } from './wasm-backend.ts';
import { connect, type Products } from './wasm-products.ts';
import { relaxedSimd } from './wasm-products-code.ts';

// Node 20 has relaxed SIMD behind a flag; later versions ignore the flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const backend = (): WasmBackend => tf.backend() as unknown as WasmBackend;
const stock = () => tf.getKernel('BatchMatMul', 'wasm').kernelFunc;
const isRelaxedCode = (bytes: BufferSource): boolean =>
  bytes.byteLength === atob(relaxedSimd).length;
const validate = WebAssembly.validate;

/** The module on the backend's memory, in an engine with or without relaxed SIMD. */
function module(isRelaxed: boolean, memory = memoryOf(backend())): Products {
  WebAssembly.validate = (bytes) =>
    isRelaxedCode(bytes) ? isRelaxed && validate(bytes) : validate(bytes);
  const products = connect(memory);
  WebAssembly.validate = validate;
  if (products?.isRelaxed !== isRelaxed) throw new Error('the engine lacks this kind of SIMD');
  return products;
}

const randomTensor = (shape: readonly number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape([...shape])), [...shape]);

/** a · b by a kernel: the module always, or tfjs always. */
function multiply(
  products: Products | undefined,
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA = false,
  transposeB = false,
): tf.Tensor {
  const kernel = batchMatMul(
    stock(),
    () => products,
    () => 0,
  );
  const inputs = { a, b };
  const info = kernel({ inputs, attrs: { transposeA, transposeB }, backend: backend() });
  return tf.engine().makeTensorFromTensorInfo(info as tf.TensorInfo);
}

/** The largest difference of two tensors, in units of 1e-5 of Σ|a·b|. */
function difference(actual: tf.Tensor, expected: tf.Tensor, scale: tf.Tensor): number {
  const [xs, ys, scales] = [values(actual), values(expected), values(scale)];
  expect(xs.length).toBe(ys.length);
  return xs.reduce((worst, x, i) => {
    const error = Math.abs(x - ys[i]!) / (1e-5 * scales[i]! + 1e-30);
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }, 0);
}

beforeAll(() => useBackend('wasm'));
afterEach(() => {
  disableTraining();
  vi.restoreAllMocks();
});

describe.each([false, true])('with relaxed SIMD: %s', (isRelaxed) => {
  test('products equal those of tfjs, for random sides on both sides of tiles and blocks', () => {
    const products = module(isRelaxed);
    const side = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(95, 96, 97, 192, 255, 256, 257, 300, 511, 512, 513),
    );
    fc.assert(
      fc.property(
        fc.tuple(side, side, side),
        fc.tuple(fc.boolean(), fc.boolean()),
        fc.constantFrom(
          [[], []],
          [[3], [3]],
          [[3], []],
          [[], [3]],
          [
            [2, 1],
            [1, 3],
          ],
        ),
        fc.nat(),
        ([m, k, n], [ta, tb], [outerA, outerB], seed) => {
          tf.tidy(() => {
            const a = randomTensor([...outerA!, ...(ta ? [k, m] : [m, k])], seed);
            const b = randomTensor([...outerB!, ...(tb ? [n, k] : [k, n])], seed + 1);
            const actual = multiply(products, a, b, ta, tb);
            const expected = multiply(undefined, a, b, ta, tb);
            expect(actual.shape).toEqual(expected.shape);
            const scale = multiply(undefined, tf.abs(a), tf.abs(b), ta, tb);
            expect(difference(actual, expected, scale)).toBeLessThan(1);
          });
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  test('a product of more columns than a block has is right', () => {
    const products = module(isRelaxed);
    for (const [ta, tb] of [
      [false, false],
      [true, true],
    ] as const) {
      tf.tidy(() => {
        const a = randomTensor(ta ? [300, 7] : [7, 300], 1);
        const b = randomTensor(tb ? [3111, 300] : [300, 3111], 2);
        const scale = multiply(undefined, tf.abs(a), tf.abs(b), ta, tb);
        const expected = multiply(undefined, a, b, ta, tb);
        expect(difference(multiply(products, a, b, ta, tb), expected, scale)).toBeLessThan(1);
      });
    }
  });

  test('NaN and Infinity reach exactly the elements that they are part of', () => {
    const products = module(isRelaxed);
    for (const [ta, tb] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      tf.tidy(() => {
        // Rows and columns 0 and 30; neither side is a multiple of a tile.
        const mark = (size: number, index: number, value: number) =>
          tf.tensor(Array.from({ length: size }, (_, i) => (i === index ? value : 0)));
        const a = tf.add(
          tf.reshape(mark(31 * 37, 30 * 37, Number.NaN), [31, 37]),
          randomTensor([31, 37], 1),
        );
        const b = tf.add(
          tf.reshape(mark(37 * 29, 28, Number.POSITIVE_INFINITY), [37, 29]),
          randomTensor([37, 29], 2),
        );
        const [left, right] = [ta ? tf.transpose(a) : a, tb ? tf.transpose(b) : b];
        const result = values(multiply(products, left, right, ta, tb));
        result.forEach((value, i) => {
          const [row, column] = [Math.floor(i / 29), i % 29];
          const expected = row === 30 ? 'NaN' : column === 28 ? 'Infinity' : 'finite';
          const actual = Number.isNaN(value)
            ? 'NaN'
            : Number.isFinite(value)
              ? 'finite'
              : 'Infinity';
          expect([row, column, actual]).toEqual([row, column, expected]);
        });
      });
    }
  });

  test('reads and writes nothing outside the matrices, which may end with the memory', () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 4 });
    const products = module(isRelaxed, memory);
    const floats = new Float32Array(memory.buffer);
    const before = new Float32Array(noise(random(1), floats.length));
    for (const [rows, inner, columns] of [
      [5, 7, 9],
      [13, 40, 11],
      [7, 300, 17],
      [97, 33, 66],
      [3, 5, 70],
      [70, 5, 3],
      [20, 260, 34],
    ] as const)
      for (const [last, transposeA, transposeB] of ['a', 'b', 'out'].flatMap((name) =>
        [0, 1].flatMap((ta) => [0, 1].map((tb) => [name, ta, tb] as const)),
      )) {
        const sizes = { a: rows * inner, b: inner * columns, out: rows * columns };
        const start = products.scratchFloats(inner, columns);
        let next = start;
        const positions = Object.fromEntries(
          Object.entries(sizes).map(([name, size]) => {
            next += size;
            return [name, name === last ? floats.length - size : next - size];
          }),
        ) as typeof sizes;
        floats.set(before);
        const addresses = [4 * positions.a, 4 * positions.b, 4 * positions.out] as const;
        const [strideA, strideB] = [transposeA ? rows : inner, transposeB ? inner : columns];
        products.multiply(
          ...addresses,
          ...([rows, inner, columns, transposeA, transposeB] as const),
          ...([strideA, strideB, columns, 0, 0, 0, 1, 0, 0, 0] as const),
        );
        const changed = floats.findIndex((value, i) => {
          const isOut = i >= positions.out && i < positions.out + sizes.out;
          return i >= start && !isOut && value !== before[i];
        });
        let error = 0;
        for (let i = 0; i < sizes.out; i++) {
          const [row, column] = [Math.floor(i / columns), i % columns];
          let sum = 0;
          for (let k = 0; k < inner; k++) {
            const [atA, atB] = [
              transposeA ? k * rows + row : row * inner + k,
              transposeB ? column * inner + k : k * columns + column,
            ];
            sum += before[positions.a + atA]! * before[positions.b + atB]!;
          }
          error = Math.max(error, Math.abs(floats[positions.out + i]! - sum));
        }
        const product = [rows, inner, columns, last, transposeA, transposeB];
        expect([...product, changed, error < 1e-4]).toEqual([...product, -1, true]);
      }
  });

  test('the same product has the same bits again, also after the heap has grown', () => {
    const products = module(isRelaxed);
    tf.tidy(() => {
      const [a, b] = [randomTensor([301, 97], 1), randomTensor([301, 53], 2)];
      const first = values(multiply(products, a, b, true, false));
      expect(values(multiply(products, a, b, true, false))).toEqual(first);
      const before = backend().wasm.HEAPU8.length;
      tf.zeros([before / 4]);
      expect(backend().wasm.HEAPU8.length).toBeGreaterThan(before);
      expect(values(multiply(products, a, b, true, false))).toEqual(first);
    });
  });

  test('a heap that grows for the scratch memory of a product holds its result', () => {
    const products = module(isRelaxed);
    const { wasm } = backend();
    tf.tidy(() => {
      const [a, b] = [randomTensor([40, 300], 1), randomTensor([300, 1500], 2)];
      const first = values(multiply(products, a, b));
      const allocate = wasm._malloc;
      const before = wasm.HEAPU8.length;
      vi.spyOn(wasm as { _malloc(bytes: number): number }, '_malloc').mockImplementation(
        (bytes) => {
          wasm._free(allocate(before)); // more than is free
          return allocate(bytes);
        },
      );
      expect(values(multiply(products, a, b))).toEqual(first);
      expect(wasm.HEAPU8.length).toBeGreaterThan(before);
    });
  });
});

test('without relaxed SIMD, bits equal those of XNNPACK', () => {
  const products = module(false);
  tf.tidy(() => {
    for (const [m, k, n] of [
      [64, 64, 64],
      [33, 700, 50],
      [5, 257, 129],
    ] as const) {
      const [a, b] = [randomTensor([m, k], 1), randomTensor([k, n], 2)];
      const stockBits = values(stockProduct(a, b));
      expect(values(multiply(products, a, b))).toEqual(stockBits);
      expect(values(multiply(products, tf.transpose(a), b, true))).toEqual(stockBits);
    }
  });
});

const stockProduct = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
  disableTraining();
  return tf.matMul(a, b);
};

test('in memory that threads share, the module works too', () => {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 3, shared: true });
  const products = connect(memory)!;
  const floats = new Float32Array(memory.buffer);
  floats.set([1, 2, 3, 4]);
  products.multiply(0, 0, 16, 2, 2, 2, 0, 0, 2, 2, 2, 64, 0, 0, 1, 0, 0, 0);
  expect([...floats.subarray(4, 8)]).toEqual([7, 10, 15, 22]);
});

describe('where there can be no module', () => {
  test.each<[string, () => WebAssembly.Memory | undefined]>([
    ['a backend that hides its memory', () => undefined],
    [
      'a policy that forbids to compile',
      () => {
        const Blocked = class {
          constructor() {
            throw new WebAssembly.CompileError('blocked by Content Security Policy');
          }
        };
        vi.spyOn(WebAssembly, 'Module').mockImplementation(Blocked as never);
        return new WebAssembly.Memory({ initial: 1 });
      },
    ],
  ])('%s: connect gives nothing, and products are those of tfjs', (_, memory) => {
    expect(connect(memory())).toBeUndefined();
    tf.tidy(() => {
      const [a, b] = [randomTensor([2, 64, 32], 1), randomTensor([2, 64, 32], 2)];
      const product = multiply(undefined, a, b, false, true);
      const terms = tf.mul(tf.reshape(a, [2, 64, 1, 32]), tf.reshape(b, [2, 1, 64, 32]));
      expect(difference(product, tf.sum(terms, 3), tf.sum(tf.abs(terms), 3))).toBeLessThan(1);
    });
  });
});

describe('the choice', () => {
  test('takes the module for weight gradients and attention', () => {
    for (const [shapeA, shapeB, ta, tb] of [
      [[2048, 128], [2048, 128], true, false],
      [[128, 64, 32], [128, 64, 32], false, true],
      [[128, 64, 64], [128, 64, 32], true, false],
    ] as const) {
      const products = module(false);
      const multiplications = vi.fn(products.multiply);
      const kernel = batchMatMul(stock(), () => ({ ...products, multiply: multiplications }));
      tf.tidy(() => {
        const inputs = { a: randomTensor(shapeA, 1), b: randomTensor(shapeB, 2) };
        const attrs = { transposeA: ta, transposeB: tb };
        tf.dispose(kernel({ inputs, attrs, backend: backend() }) as tf.TensorInfo as tf.Tensor);
      });
      expect(multiplications).toHaveBeenCalledOnce();
    }
  });

  test('with relaxed SIMD does not depend on how often an operand was multiplied', () => {
    const products = module(true);
    const kernel = batchMatMul(stock(), () => products);
    for (const [m, k, n] of [
      [1, 64, 64],
      [3, 300, 40],
      [16, 256, 256],
      [64, 64, 64],
      [2048, 83, 128],
    ] as const) {
      tf.tidy(() => {
        const inputs = { a: randomTensor([m, k], 1), b: randomTensor([k, n], 2) };
        const attrs = { transposeA: false, transposeB: false };
        const once = () => {
          const product = kernel({ inputs, attrs, backend: backend() }) as tf.TensorInfo;
          return values(tf.engine().makeTensorFromTensorInfo(product));
        };
        const first = once();
        for (let i = 0; i < 3; i++) expect(once()).toEqual(first);
      });
    }
  });

  test('costs more with more of everything', () => {
    const product = {
      ...{ batches: 2, rows: 50, inner: 50, columns: 50, matricesA: 2, matricesB: 2 },
      ...{ transposeA: false, transposeB: false },
    };
    const cost = packedCost(product, false, SIMD);
    for (const key of ['batches', 'rows', 'inner', 'columns'] as const) {
      expect(packedCost({ ...product, [key]: 2 * product[key] }, false, SIMD)).toBeGreaterThan(
        cost,
      );
    }
  });

  test('takes an A that is stored transposed for dearer only if it is too large to be read where it is', () => {
    const costOf = (rows: number, transposeA: boolean): number =>
      packedCost(
        {
          ...{ batches: 1, rows, inner: 50, columns: 50, matricesA: 1, matricesB: 1 },
          ...{ transposeA, transposeB: false },
        },
        false,
        SIMD,
      );
    expect(costOf(50, true)).toBe(costOf(50, false));
    expect(costOf(500, true)).toBeGreaterThan(costOf(500, false));
  });
});

test('disabling brings back the product of tfjs', () => {
  const before = tf.getKernel('BatchMatMul', 'wasm');
  enableTraining();
  expect(tf.getKernel('BatchMatMul', 'wasm')).not.toBe(before);
  disableTraining();
  expect(tf.getKernel('BatchMatMul', 'wasm')).toBe(before);
});
