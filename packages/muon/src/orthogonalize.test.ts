import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { iterationOf } from './coefficients.ts';
import { orthogonalize, type Preset } from './index.ts';
import { orthogonalizeBy, orthogonalizeEach } from './orthogonalize.ts';

const PRESETS: Preset[] = ['jordan', 'quintic', 'polar-express-5', 'polar-express-8', 'hybrid-10'];
const SHAPES = [
  [1, 7],
  [7, 1],
  [1, 1],
  [9, 4],
  [4, 9],
  [6, 6],
];

/** The elements of what `make` returns, without leaving a tensor behind. */
const read = (make: () => tf.Tensor): number[] => tf.tidy(() => values(make()));

const matrix = (seed: number, shape: number[], scale = 1): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape), scale), shape);

/** I − 2·v·vᵀ / ‖v‖². */
function reflection(seed: number, size: number): tf.Tensor2D {
  const v = matrix(seed, [size, 1]);
  return tf.sub(
    tf.eye(size),
    tf.mul(tf.matMul(v, tf.transpose(v)), tf.div(2, tf.sum(tf.square(v)))),
  );
}

interface Product {
  readonly a: tf.Tensor;
  readonly b: tf.Tensor;
  readonly output: number[];
  readonly isTransposed: boolean;
}

/** The matrix products that `action` computes. */
function productsOf(action: () => void): { products: Product[]; transposes: number } {
  const products: Product[] = [];
  let transposes = 0;
  const engine = tf.engine();
  const run = engine.runKernel.bind(engine);
  const spy = vi.spyOn(engine, 'runKernel').mockImplementation((name, inputs, attributes) => {
    const result = run(name, inputs, attributes);
    if (name === 'Transpose') transposes += 1;
    if (name === 'BatchMatMul') {
      const { a, b } = inputs as unknown as { a: tf.Tensor; b: tf.Tensor };
      const { transposeA, transposeB } = attributes as Record<string, boolean>;
      const isTransposed = transposeA === true || transposeB === true;
      products.push({ a, b, output: (result as tf.Tensor).shape, isTransposed });
    }
    return result as never;
  });
  try {
    tf.tidy(action);
  } finally {
    spy.mockRestore();
  }
  return { products, transposes };
}

afterEach(() => {
  vi.restoreAllMocks();
});

eachBackend((backend) => {
  test('the transpose of a matrix gives the transpose of the result, bit for bit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer(),
        fc.constantFrom(...PRESETS),
        (rows, columns, seed, coefficients) => {
          fc.pre(rows !== columns);
          const direct = read(() => orthogonalize(matrix(seed, [rows, columns]), { coefficients }));
          const around = read(() =>
            tf.transpose(
              orthogonalize(tf.transpose(matrix(seed, [rows, columns])), { coefficients }),
            ),
          );
          expect(around).toEqual(direct);
        },
      ),
      { numRuns: 50, seed: 1 },
    );
  });

  test('rotating or permuting rows and columns rotates or permutes the result', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 10 }),
        fc.integer({ min: 2, max: 10 }),
        fc.integer(),
        (rows, columns, seed) => {
          // Far from square, where no singular value is so small that rounding shows.
          fc.pre(Math.abs(rows - columns) > 1);
          const x = (): tf.Tensor => matrix(seed, [rows, columns]);
          const [left, right] = [reflection(seed + 1, rows), reflection(seed + 2, columns)];
          const turned = (m: tf.Tensor): tf.Tensor => tf.matMul(tf.matMul(left, m), right);
          expectClose(
            read(() => orthogonalize(turned(x()))),
            read(() => turned(orthogonalize(x()))),
            1e-4,
            1,
          );
          const order = Array.from({ length: rows }, (_, i) => (i * 7 + 3) % rows);
          if (new Set(order).size < rows) return;
          const permuted = (m: tf.Tensor): tf.Tensor =>
            tf.concat(order.map((i) => tf.slice(m, [i, 0], [1, columns])));
          expectClose(
            read(() => orthogonalize(permuted(x()))),
            read(() => permuted(orthogonalize(x()))),
            1e-4,
            1,
          );
        },
      ),
      { numRuns: 30, seed: 2 },
    );
  });

  test('the scale of the matrix does not matter, from 1e-30 to 1e30', () => {
    for (const shape of SHAPES) {
      for (const coefficients of PRESETS) {
        const plain = read(() => orthogonalize(matrix(3, shape), { coefficients }));
        for (const power of [-100, -3, 1, 99]) {
          const scaled = read(() => orthogonalize(matrix(3, shape, 2 ** power), { coefficients }));
          expect(scaled).toEqual(plain);
        }
        for (const scale of [1e-30, 1e-12, 1e12, 1e30]) {
          const scaled = read(() => orthogonalize(matrix(3, shape, scale), { coefficients }));
          expectClose(scaled, plain, 1e-4, 1);
        }
      }
    }
  });

  test('zero gives exactly zero, and one element that is no number makes all of them none', () => {
    for (const shape of [...SHAPES, [2, 3, 4]]) {
      for (const coefficients of PRESETS) {
        const found = read(() => orthogonalize(tf.zeros(shape), { coefficients }));
        expect(found.every((x) => x === 0)).toBe(true);
        for (const broken of [Number.NaN, Infinity]) {
          const data = noise(random(4), tf.util.sizeFromShape(shape));
          data[0] = broken;
          const [first] = read(() => orthogonalize(tf.tensor(data, shape), { coefficients }));
          expect(first).toBeNaN();
        }
      }
    }
  });

  test('leading axes are a batch: each matrix gets what it gets alone, bit for bit', () => {
    for (const shape of [
      [3, 4, 5],
      [2, 2, 5, 3],
      [1, 4, 4],
    ]) {
      const [rows, columns] = shape.slice(-2) as [number, number];
      const together = read(() => orthogonalize(matrix(5, shape)));
      const alone = tf.tidy(() =>
        tf
          .unstack(tf.reshape(matrix(5, shape), [-1, rows, columns]))
          .flatMap((one) => values(orthogonalize(one))),
      );
      expect(together).toEqual(alone);
      expect(tf.tidy(() => orthogonalize(matrix(5, shape)).shape)).toEqual(shape);
    }
  });

  test('matrices of equal sides give together what each gives alone, in their order', () => {
    const shapes = [
      [4, 6],
      [5, 5],
      [6, 4],
      [2, 4, 6],
      [5, 5],
      [7, 1],
      [2, 3],
    ];
    const results = (isEach: boolean): number[][] =>
      tf.tidy(() => {
        const all = shapes.map((shape, i) => matrix(10 + i, shape));
        const iteration = iterationOf('quintic');
        const found = isEach
          ? orthogonalizeEach(all, iteration)
          : all.map((one) => orthogonalizeBy(one, iteration));
        expect(found.map(({ shape }) => shape)).toEqual(shapes);
        return found.map(values);
      });
    const [alone, together] = [results(false), results(true)];
    together.forEach((found, i) => {
      for (const [j, value] of found.entries()) {
        expect(Math.abs(value - ((alone[i] as number[])[j] as number))).toBeLessThan(1e-6);
      }
    });
  });

  test('an iteration is three products on the smaller side, and on wasm one explicit transpose', () => {
    const isWasm = tf.getBackend() === 'wasm';
    for (const [shape, around] of [
      [[20, 6], 0],
      [[6, 20], 2],
      [[8, 8], 0],
    ] as const) {
      const smaller = Math.min(...shape);
      const { products, transposes } = productsOf(() => {
        orthogonalize(matrix(6, [...shape]));
      });
      expect(products.length).toBe(15);
      expect(transposes).toBe((isWasm ? 5 : 0) + around);
      products.forEach(({ output, isTransposed }, i) => {
        expect(isTransposed).toBe(!isWasm && i % 3 === 0);
        expect(output).toEqual([i % 3 === 2 ? Math.max(...shape) : smaller, smaller]);
      });
    }
  });

  test('a tuple without a fifth power costs one product less', () => {
    const { products } = productsOf(() => {
      orthogonalize(matrix(6, [4, 6]), { coefficients: [[1.5, -0.5, 0]] });
    });
    expect(products.length).toBe(2);
  });

  test('no buffer is a right operand under two shapes, which wasm would confuse', () => {
    for (const shape of [...SHAPES, [3, 1, 5], [3, 5, 1]]) {
      const { products } = productsOf(() => {
        orthogonalize(matrix(7, shape));
      });
      const shapes = new Map<object, string>();
      for (const { b } of products) {
        expect(shapes.get(b.dataId) ?? String(b.shape)).toBe(String(b.shape));
        shapes.set(b.dataId, String(b.shape));
        if (backend === 'wasm') expect(b.rank).toBe(2);
      }
    }
  });

  test('what half precision cannot hold counts as zero there', () => {
    vi.spyOn(tf.backend(), 'floatPrecision').mockReturnValue(16);
    const largest = (scale: number): number =>
      Math.max(...read(() => orthogonalize(matrix(8, [4, 4], scale))).map(Math.abs));
    expect(largest(1e-4)).toBeGreaterThan(0.5);
    expect(largest(1e-14)).toBeLessThan(1e-3);
    expect(largest(0)).toBe(0);
  });

  test('only the result is left, and the input is untouched', async () => {
    for (const shape of [...SHAPES, [2, 3, 4], [0, 3]]) {
      const input = matrix(9, shape);
      const before = values(input);
      orthogonalize(input).dispose();
      let result: tf.Tensor | undefined;
      expect(
        await tensorsLeftBy(() => {
          result = orthogonalize(input);
        }),
      ).toBe(1);
      expect(result?.shape).toEqual(shape);
      result?.dispose();
      expect(values(input)).toEqual(before);
      input.dispose();
    }
  });

  test.each([
    [() => orthogonalize(tf.ones([3])), TypeError, 'Received float32 of shape [3].'],
    [() => orthogonalize(tf.ones([3, 3], 'int32')), TypeError, 'Received int32 of shape [3, 3].'],
    [() => orthogonalize([[1]] as never), TypeError, 'rank 2 or more. Received an array of 1.'],
    [
      () => orthogonalize(tf.ones([2, 2]), { coefficients: 'quintik' as never }),
      RangeError,
      `orthogonalize: "coefficients" must be one of 'jordan', 'quintic', 'polar-express-5', 'polar-express-8', 'hybrid-10', or a list of at least one [a, b, c] of finite numbers. Received "quintik". Try 'quintic'.`,
    ],
    [
      () => orthogonalize(tf.ones([2, 2]), { steps: 5 } as never),
      RangeError,
      'orthogonalize: unknown option "steps". It takes coefficients.',
    ],
  ])('%s is refused', (call, type, message) => {
    expect(() => tf.tidy(call)).toThrow(type);
    expect(() => tf.tidy(call)).toThrow(message);
  });
});
