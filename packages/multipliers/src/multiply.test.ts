import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { byHand, expectClose, numbers, type Scaling, sizeOf } from '../test/numbers.ts';
import { multiply } from './index.ts';

type Axes = { row: number; column: number };
const SUBSETS = [
  ['row'],
  ['column'],
  ['scalar'],
  ['row', 'column'],
  ['row', 'scalar'],
  ['column', 'scalar'],
  ['row', 'column', 'scalar'],
] as const;
type Subset = readonly ('row' | 'column' | 'scalar')[];

const LAYOUTS: readonly (readonly [string, number[], Axes | undefined])[] = [
  ['dense', [5, 3], undefined],
  ['dense, wide', [64, 176], undefined],
  ['convolution', [3, 2, 4, 5], undefined],
  ['transposed convolution', [3, 3, 4, 2], { row: 2, column: 3 }],
  ['leading axes', [2, 3, 4], { row: 0, column: 1 }],
  ['outer axes', [2, 3, 4], { row: 0, column: -1 }],
];

function problem(shape: number[], subset: Subset, axes: Axes, seed = 1) {
  const at = (axis: number): number => shape.at(axis) as number;
  const scaling: Scaling = {
    row: subset.includes('row') ? numbers(seed, at(axes.row)) : undefined,
    column: subset.includes('column') ? numbers(seed + 1, at(axes.column)) : undefined,
    scalar: subset.includes('scalar') ? 1.7 : undefined,
  };
  const kernel = numbers(seed + 2, sizeOf(shape), -1, 1);
  const gradient = numbers(seed + 3, sizeOf(shape), -1, 1);
  const positive = {
    row: (axes.row + shape.length) % shape.length,
    column: (axes.column + shape.length) % shape.length,
  };
  return {
    scaling,
    kernel,
    gradient,
    expected: byHand(kernel, shape, scaling, gradient, positive),
  };
}

/** The value and all gradients of multiply, for a given gradient of the effective kernel. */
function run(
  shape: number[],
  subset: Subset,
  axes: Axes | undefined,
  { scaling, kernel, gradient }: ReturnType<typeof problem>,
) {
  const inputs = [
    tf.tensor(kernel, shape),
    ...subset.map((factor) => {
      const value = scaling[factor];
      return typeof value === 'number' ? tf.scalar(value) : tf.tensor1d([...(value ?? [])]);
    }),
  ];
  const f = (w: tf.Tensor, ...given: tf.Tensor[]): tf.Tensor =>
    multiply(
      w,
      Object.fromEntries(subset.map((factor, i) => [factor, given[i] as tf.Tensor])),
      axes,
    );
  const { value, grads } = tf.valueAndGrads(f)(inputs, tf.tensor(gradient, shape));
  return { f, inputs, value, grads };
}

eachBackend((backend) => {
  describe.each(LAYOUTS)('%s', (_, shape, axes) => {
    const known = axes ?? { row: shape.length - 1, column: shape.length - 2 };
    test.each(SUBSETS.map((subset) => [subset.join(', '), subset] as const))(
      'the value and the gradients of %s are those of eq. 4',
      (_, subset) => {
        tf.tidy(() => {
          const given = problem(shape, subset, known);
          const { value, grads } = run(shape, subset, axes, given);
          expect(value.shape).toEqual(shape);
          expectClose(value, given.expected.effective);
          expectClose(grads[0] as tf.Tensor, given.expected.kernel);
          subset.forEach((factor, at) => {
            expectClose(grads[at + 1] as tf.Tensor, [given.expected[factor]].flat(), 3e-6);
          });
        });
      },
    );
  });

  test('finite differences agree; the loss is linear in each input, so a wide step is exact', () => {
    tf.tidy(() => {
      const shape = [4, 3];
      const subset = ['row', 'column', 'scalar'] as const;
      const given = problem(shape, subset, { row: 1, column: 0 });
      const { f, inputs, grads } = run(shape, subset, undefined, given);
      const loss = (xs: tf.Tensor[]): number =>
        tf
          .sum(tf.mul(f(...(xs as [tf.Tensor])), tf.tensor(given.gradient, shape)))
          .dataSync()[0] as number;
      inputs.forEach((input, which) => {
        const values = [...input.dataSync()];
        const slopes = values.map((value, at) => {
          const moved = (by: number): tf.Tensor[] =>
            inputs.with(which, tf.tensor(values.with(at, value + by), input.shape));
          return loss(moved(0.5)) - loss(moved(-0.5));
        });
        expectClose(grads[which] as tf.Tensor, slopes, 1e-5);
      });
    });
  });

  test('s·ds = Σ r·dr = Σ c·dc = ⟨W, dW⟩', () => {
    tf.tidy(() => {
      const given = problem([83, 64], ['row', 'column', 'scalar'], { row: 1, column: 0 });
      const { inputs, grads } = run([83, 64], ['row', 'column', 'scalar'], undefined, given);
      const products = inputs.map(
        (input, at) => tf.sum(tf.mul(input, grads[at] as tf.Tensor)).dataSync()[0],
      );
      for (const product of products) expect(product).toBeCloseTo(products[0] as number, 3);
      expect(Math.abs(products[0] as number)).toBeGreaterThan(1);
    });
  });

  test('second gradients are those of the same product written with tf.mul', () => {
    tf.tidy(() => {
      const shape = [4, 3];
      const given = problem(shape, ['row', 'column', 'scalar'], { row: 1, column: 0 });
      const weights = tf.tensor(given.gradient, shape);
      const plain = (w: tf.Tensor, r: tf.Tensor, c: tf.Tensor, s: tf.Tensor): tf.Tensor =>
        tf.mul(tf.mul(tf.mul(w, r), tf.reshape(c, [-1, 1])), s);
      const ours =
        (row: string[]) =>
        (w: tf.Tensor, r: tf.Tensor, c: tf.Tensor, s: tf.Tensor): tf.Tensor =>
          multiply(w, {
            ...(row.includes('row') ? { row: r } : {}),
            ...(row.includes('column') ? { column: c } : {}),
            scalar: s,
          });
      const { inputs } = run(shape, ['row', 'column', 'scalar'], undefined, given);
      for (const missing of [null, 'row', 'column'] as const) {
        const ones = (x: tf.Tensor, name: string): tf.Tensor =>
          name === missing ? tf.ones(x.shape) : x;
        const reference = (w: tf.Tensor, r: tf.Tensor, c: tf.Tensor, s: tf.Tensor): tf.Tensor =>
          plain(w, ones(r, 'row'), ones(c, 'column'), s);
        const f = ours(['row', 'column'].filter((name) => name !== missing));
        const active = [0, 1, 2, 3].filter(
          (at) => !(missing === 'row' && at === 1) && !(missing === 'column' && at === 2),
        );
        const pick =
          (g: (w: tf.Tensor, r: tf.Tensor, c: tf.Tensor, s: tf.Tensor) => tf.Tensor) =>
          (...xs: tf.Tensor[]): tf.Tensor => {
            const all = [...inputs];
            active.forEach((at, i) => {
              all[at] = xs[i] as tf.Tensor;
            });
            const [w, r, c, s] = all as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
            return tf.sum(tf.mul(tf.square(g(w, r, c, s)), weights));
          };
        const second = (
          g: (w: tf.Tensor, r: tf.Tensor, c: tf.Tensor, s: tf.Tensor) => tf.Tensor,
        ): tf.Tensor[] => {
          const first = tf.grads(pick(g));
          const norm = (...xs: tf.Tensor[]): tf.Tensor =>
            tf.addN(first(xs).map((gradient) => tf.sum(tf.square(gradient))));
          return tf.grads(norm)(active.map((at) => inputs[at] as tf.Tensor));
        };
        const expected = second(reference);
        second(f).forEach((gradient, at) => {
          expectClose(gradient, (expected[at] as tf.Tensor).dataSync(), 1e-5);
        });
      }
    });
  });

  test('gradients reach variables, under a scope named like an operation too', () => {
    const w = tf.variable(
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
    );
    const r = tf.variable(tf.tensor1d([2, 3]));
    const { value, grads } = tf.variableGrads(() =>
      tf.tidy('Add', () => tf.sum(multiply(w, { row: r })) as tf.Scalar),
    );
    expectClose(grads[r.name] as tf.Tensor, [4, 6]);
    expectClose(grads[w.name] as tf.Tensor, [2, 3, 2, 3]);
    tf.dispose([value, grads, w, r]);
  });

  test('one vector may be both factors', () => {
    tf.tidy(() => {
      const both = tf.tensor1d([1, 2, 3]);
      const gradient = tf.grad((x: tf.Tensor) => multiply(tf.ones([3, 3]), { row: x, column: x }))(
        both,
      );
      expectClose(gradient, [12, 12, 12]);
    });
  });

  test('no tensor is left behind', () => {
    const w = tf.ones([4, 3]);
    const [row, column, scalar] = [tf.ones([3]), tf.ones([4]), tf.scalar(2)];
    const before = tf.memory().numTensors;
    for (const factors of [{ row }, { column }, { scalar }, { row, column, scalar }])
      multiply(w, factors).dispose();
    expect(multiply(w, {})).toBe(w);
    tf.dispose(tf.grads((w: tf.Tensor, row: tf.Tensor) => multiply(w, { row, column }))([w, row]));
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([w, row, column, scalar]);
  });

  if (backend === 'cpu') {
    test('any rank, any axes, any factors', () => {
      const anything = fc
        .array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 })
        .chain((shape) =>
          fc.record({
            shape: fc.constant(shape),
            axes: fc.shuffledSubarray(
              shape.map((_, axis) => axis),
              { minLength: 2, maxLength: 2 },
            ),
            subset: fc.constantFrom(...SUBSETS),
            seed: fc.integer({ min: 0, max: 999 }),
          }),
        );
      fc.assert(
        fc.property(anything, ({ shape, axes: [row = 0, column = 0], subset, seed }) => {
          tf.tidy(() => {
            const given = problem(shape, subset, { row, column }, seed);
            const { value, grads } = run(shape, subset, { row, column }, given);
            expectClose(value, given.expected.effective);
            const expected = [
              given.expected.kernel,
              ...subset.map((factor) => [given.expected[factor]].flat()),
            ];
            // A factor's gradient is a sum that may cancel: its error is that of its largest terms.
            const terms = Math.max(
              ...given.expected.kernel.map((g, i) => Math.abs(g * (given.kernel[i] as number))),
            );
            grads.forEach((gradient, at) => {
              const wanted = expected[at] ?? [];
              const off = Math.max(
                ...[...gradient.dataSync()].map((g, i) => Math.abs(g - (wanted[i] as number))),
              );
              const largest = Math.max(...wanted.map(Math.abs));
              expect(gradient.size).toBe(wanted.length);
              expect(off / (at === 0 ? largest : Math.max(largest, terms))).toBeLessThan(1e-5);
            });
          });
        }),
        { numRuns: 100 },
      );
    });

    test('a vector kernel can have a row factor', () => {
      tf.tidy(() => {
        expectClose(
          multiply(tf.tensor1d([1, 2]), { row: tf.tensor1d([3, 4]), scalar: tf.scalar(2) }),
          [6, 16],
        );
      });
    });
  }
});

test.each([
  [
    () => multiply(tf.ones([4, 3]), { row: tf.ones([4]) }),
    /"row" must have shape \[3\].*axis 1.*\[4,3\].*Received shape \[4\].*"column"/,
  ],
  [
    () => multiply(tf.ones([4, 3]), { column: tf.ones([3]) }),
    /"column" must have shape \[4\].*axis 0/,
  ],
  [
    () => multiply(tf.ones([4, 3]), { row: tf.ones([1, 3]) }),
    /"row" must be a float32 tensor of rank 1/,
  ],
  [
    () => multiply(tf.ones([4, 3]), { scalar: tf.ones([1]) }),
    /"scalar" must be a float32 tensor of rank 0/,
  ],
  [
    () => multiply(tf.ones([4, 3]), { columns: tf.ones([4]) } as object),
    /unknown option "columns". Did you mean "column"/,
  ],
  [
    () => multiply(tf.ones([3]), { column: tf.ones([3]) }),
    /axes.column must be a whole number from -1 to 0/,
  ],
  [
    () => multiply(tf.ones([4, 3]), { row: tf.ones([3]) }, { row: 2, column: 0 }),
    /axes.row .* from -2 to 1 .* Received 2/,
  ],
  [
    () =>
      multiply(
        tf.ones([3, 3]),
        { row: tf.ones([3]), column: tf.ones([3]) },
        { row: 1, column: -1 },
      ),
    /must differ/,
  ],
  [() => multiply([1, 2] as unknown as tf.Tensor, {}), /the kernel must be a float32 tensor/],
  [() => multiply(tf.ones([4, 3], 'int32'), {}), /the kernel must be a float32 tensor/],
])('a mistake is named before anything is computed (%#)', (mistake, message) => {
  const leaked = tf.memory().numTensors;
  tf.tidy(() => {
    expect(mistake).toThrow(message);
  });
  expect(tf.memory().numTensors).toBe(leaked);
});
