import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eachBackend, useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

interface Case {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
  readonly sizes: Readonly<Record<string, number>>;
  readonly seed: number;
}

const LETTERS = [...'abcdef'];

/** One or two operands of rank 0 to 4, and any of their letters in any order. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    operands: fc.array(fc.shuffledSubarray(LETTERS, { maxLength: 4 }), {
      minLength: 1,
      maxLength: 2,
    }),
    kept: fc.shuffledSubarray(LETTERS),
    sides: fc.array(fc.constantFrom(1, 2, 3, 4), { minLength: 6, maxLength: 6 }),
    seed: fc.nat(),
  })
  .map(({ operands, kept, sides, seed }) => ({
    operands,
    result: kept.filter((letter) => operands.some((own) => own.includes(letter))),
    sizes: Object.fromEntries(LETTERS.map((letter, i) => [letter, sides[i]!])),
    seed,
  }));

const equationOf = ({ operands, result }: Case): string =>
  `${operands.map((letters) => letters.join('')).join(',')}->${result.join('')}`;

const shapeOf = (letters: readonly string[], { sizes }: Case): number[] =>
  letters.map((letter) => sizes[letter]!);

const randomTensor = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const operandsOf = (c: Case): tf.Tensor[] =>
  c.operands.map((letters, i) => randomTensor(shapeOf(letters, c), c.seed + i));

/** The definition: the sum over every value of every letter, in float64. */
function define(c: Case, data: readonly (readonly number[])[]): number[] {
  const letters = LETTERS.filter((letter) => c.operands.some((own) => own.includes(letter)));
  const out = new Array<number>(tf.util.sizeFromShape(shapeOf(c.result, c))).fill(0);
  const at: Record<string, number> = {};
  const offset = (own: readonly string[]): number =>
    own.reduce((sum, letter) => sum * c.sizes[letter]! + at[letter]!, 0);
  const loop = (depth: number): void => {
    const letter = letters[depth];
    if (letter === undefined) {
      out[offset(c.result)]! += c.operands.reduce(
        (value, own, i) => value * data[i]![offset(own)]!,
        1,
      );
      return;
    }
    for (at[letter] = 0; at[letter] < c.sizes[letter]!; at[letter]++) loop(depth + 1);
  };
  loop(0);
  return out;
}

/**
 * tfjs' cpu kernel goes wrong where two operands do not share all summed letters, and gives back its argument where
 * there is nothing to do, whose gradient then counts twice.
 */
function isRightOnCpu({ operands, result }: Case): boolean {
  const summed = operands.flat().filter((letter) => !result.includes(letter));
  if (operands.length === 1) return operands[0]!.join('') !== result.join('');
  return summed.every((letter) => operands.every((own) => own.includes(letter)));
}

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  test('one or two operands give what the definition says', () => {
    fc.assert(
      fc.property(cases, (c) => {
        tf.tidy(() => {
          const operands = operandsOf(c);
          const out = tf.einsum(equationOf(c), ...operands);
          expect(out.shape).toEqual(shapeOf(c.result, c));
          expectClose(values(out), define(c, operands.map(values)), 1e-5, 1);
        });
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  const common = [
    {
      equation: 'ij,jk->ik',
      shapes: [
        [20, 30],
        [30, 40],
      ],
    },
    {
      equation: 'ij,kj->ik',
      shapes: [
        [20, 30],
        [40, 30],
      ],
    },
    {
      equation: 'ji,jk->ki',
      shapes: [
        [30, 20],
        [30, 40],
      ],
    },
    {
      equation: 'abc,cde->abde',
      shapes: [
        [4, 9, 16],
        [16, 3, 8],
      ],
    },
    {
      equation: 'abde,cde->abc',
      shapes: [
        [4, 9, 3, 8],
        [16, 3, 8],
      ],
    },
    {
      equation: 'aecd,abcd->acbe',
      shapes: [
        [2, 9, 4, 8],
        [2, 7, 4, 8],
      ],
    },
    {
      equation: 'acbe,aecd->abcd',
      shapes: [
        [2, 4, 7, 9],
        [2, 9, 4, 8],
      ],
    },
    {
      equation: 'bij,bjk->bik',
      shapes: [
        [5, 6, 7],
        [5, 7, 8],
      ],
    },
    { equation: 'i,j->ij', shapes: [[5], [7]] },
    { equation: 'i,i->', shapes: [[50], [50]] },
    { equation: 'i,i->i', shapes: [[50], [50]] },
    { equation: 'ij->ji', shapes: [[5, 6]] },
    { equation: 'ijk->k', shapes: [[5, 6, 7]] },
    { equation: ' ij -> ij ', shapes: [[5, 6]] },
  ];

  test('products, attention and projections equal those of the cpu backend', async () => {
    const compute = () =>
      common.map(({ equation, shapes }) =>
        tf.tidy(() =>
          values(tf.einsum(equation, ...shapes.map((shape, i) => randomTensor(shape, i)))),
        ),
      );
    const ours = compute();
    await useBackend('cpu');
    const cpu = compute();
    await useBackend('wasm');
    for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 1);
  });

  test('einsums that are right on cpu equal those of cpu', async () => {
    const samples = fc.sample(cases.filter(isRightOnCpu), { numRuns: 200, seed: 3 });
    const compute = () =>
      samples.map((c) => tf.tidy(() => values(tf.einsum(equationOf(c), ...operandsOf(c)))));
    const ours = compute();
    await useBackend('cpu');
    const cpu = compute();
    await useBackend('wasm');
    for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 1);
  });

  test('a letter repeated within an operand is refused in the words of the cpu backend', async () => {
    const refusal = () => {
      try {
        tf.tidy(() => void tf.einsum('ii->i', tf.ones([2, 2])));
      } catch (error) {
        return (error as Error).message;
      }
      return 'no error';
    };
    const ours = refusal();
    await useBackend('cpu');
    const cpu = refusal();
    await useBackend('wasm');
    expect([ours, cpu]).toEqual(new Array(2).fill(expect.stringContaining('duplicate axes')));
  });

  test('a result that is its operand outlives it', () => {
    const operand = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const same = tf.einsum('ij->ij', operand);
    operand.dispose();
    expect(values(same)).toEqual([1, 2, 3, 4]);
    same.dispose();
  });

  test('empty axes sum to zero', () => {
    tf.tidy(() => {
      const out = tf.einsum('ij,jk->ik', tf.zeros([2, 0]), tf.zeros([0, 3]));
      expect([out.shape, values(out)]).toEqual([[2, 3], new Array(6).fill(0)]);
      expect(tf.einsum('ij,jk->ik', tf.zeros([0, 2]), tf.zeros([2, 3])).shape).toEqual([0, 3]);
    });
  });

  test('what is no einsum is refused', () => {
    tf.tidy(() => {
      const x = tf.ones([2, 3]);
      expect(() => tf.einsum('ij,jk->ik', x, x)).toThrow('Expected dimension 3');
      expect(() => tf.einsum('ij', x)).toThrow('Equations without an arrow are not supported');
      expect(() => tf.einsum('ij->iji', x)).toThrow(
        'kernels/einsum: the letters of the result must be letters of operands, each once. Received "ij->iji". Try a result without "i", and broadcast or mask it.',
      );
      expect(() => tf.einsum('i->i', x)).toThrow(
        'kernels/einsum: each operand must have one axis for each of its letters. Received an operand of shape [2,3] for "i". Try the equation for rank 2.',
      );
      expect(() => tf.einsum('ij->ji', tf.cast(x, 'int32'))).toThrow(
        "kernels/einsum: operands must be float32. Received int32. Try tf.cast(operand, 'float32').",
      );
    });
  });

  test('100 einsums and their gradients leave no tensor, no data and no heap', async () => {
    const { wasm } = tf.backend() as unknown as WasmBackend;
    const once = () => {
      for (const { equation, shapes } of common) {
        tf.tidy(() => {
          const operands = shapes.map((shape, i) => randomTensor(shape, i));
          tf.grads((...xs) => tf.sum(tf.square(tf.einsum(equation, ...xs))))(operands);
        });
      }
      // Errors, too.
      tf.tidy(() => {
        const x = tf.ones([2, 2]);
        expect(() => tf.einsum('ij,jk->ikk', x, x)).toThrow('kernels/einsum');
      });
    };
    once();
    const heap = wasm.HEAPU8.length;
    const data = tf.backend().numDataIds();
    expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
    expect(tf.backend().numDataIds()).toBe(data);
    expect(wasm.HEAPU8.length).toBe(heap);
  });

  test('stock tfjs has no such kernel', () => {
    disableTraining();
    tf.tidy(() => {
      expect(() => tf.einsum('ij->ji', tf.ones([2, 2]))).toThrow(
        "Kernel 'Einsum' not registered for backend 'wasm'",
      );
    });
  });
});

eachBackend((backend) => {
  const sound = backend === 'wasm' ? cases : cases.filter(isRightOnCpu);

  test('gradients are those of the definition', () => {
    fc.assert(
      fc.property(sound, (c) => {
        tf.tidy(() => {
          const operands = operandsOf(c);
          const weights = randomTensor(shapeOf(c.result, c), c.seed + 2);
          const gradients = tf.grads((...xs) =>
            tf.sum(tf.mul(weights, tf.einsum(equationOf(c), ...xs))),
          )(operands);
          const data = operands.map(values);
          const slope = values(weights);
          for (const [i, gradient] of gradients.entries()) {
            // Linear in each operand: the derivative along a direction is the loss there.
            const direction = noise(random(c.seed + 3), gradient.size);
            const moved = define(c, data.with(i, direction));
            const expected = moved.reduce((sum, value, at) => sum + value * slope[at]!, 0);
            const actual = values(gradient).reduce((sum, g, at) => sum + g * direction[at]!, 0);
            const scale = Math.max(1, Math.hypot(...moved) * Math.hypot(...slope));
            expect(gradient.shape).toEqual(operands[i]!.shape);
            expect(Math.abs(actual - expected) / scale).toBeLessThan(1e-5);
          }
        });
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  test('gradients have gradients', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([1, 2, 3, 4], [2, 2]);
      // Σ (x·x)² differentiated twice, against a product written with matMul.
      const second = (square: (t: tf.Tensor) => tf.Tensor) =>
        values(tf.grad((y) => tf.sum(tf.grad((z) => tf.sum(tf.square(square(z))))(y)))(x));
      const expected = second((t) => tf.matMul(t as tf.Tensor2D, t as tf.Tensor2D));
      expectClose(
        second((t) => tf.einsum('ij,jk->ik', t, t)),
        expected,
        1e-5,
      );
    });
  });

  test('stock tfjs has no gradient', () => {
    disableTraining();
    if (backend === 'wasm') return void expect(tf.getGradient('Einsum')).toBeUndefined();
    tf.tidy(() => {
      const grad = tf.grad((x) => tf.sum(tf.einsum('ij->ji', x)));
      expect(() => grad(tf.ones([2, 2]))).toThrow('gradient function not found for Einsum');
    });
  });
});
