/** What every backend's kernels in one pass must do, whoever registers them. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectClose, noise, random, tensorsLeftBy, values } from './tensors.ts';

export type Inputs = Record<string, tf.Tensor>;
type Numbers = Readonly<Record<string, number>>;

type Lists = Readonly<Record<string, tf.Tensor | readonly tf.Tensor[]>>;

/** Runs a kernel of the current backend. */
export const runOnePassKernel = (name: string, inputs: Lists, attrs: Numbers = {}): tf.Tensor[] =>
  tf.engine().runKernel(name, inputs as unknown as Inputs, attrs) as unknown as tf.Tensor[];

/** Runs a kernel on one tensor for each input; Adam takes lists of them. */
function run(name: string, inputs: Inputs, attrs: Numbers = {}): tf.Tensor[] {
  if (name !== 'LrmAdam') return runOnePassKernel(name, inputs, attrs);
  const { value, gradient, m, v, ...scalars } = inputs;
  const lists = { value: [value!], gradient: [gradient!], m: [m!], v: [v!] };
  return runOnePassKernel(name, { ...scalars, ...lists }, attrs);
}

export interface OnePassCase {
  /** Shapes that have to do with two sides. */
  readonly inputs: (rows: number, width: number) => Readonly<Record<string, number[]>>;
  readonly attrs?: Numbers;
  /** Which input holds columns, as int32. */
  readonly ids?: string;
  /** The formula, by operations of tfjs. */
  readonly formula: (inputs: Inputs, rows: number, width: number) => tf.Tensor[];
}

const matrix = (rows: number, width: number): number[] => [rows, width];
const column = (u: tf.Tensor): tf.Tensor => tf.reshape(u, [-1, 1]);
const square = (x: tf.Tensor): tf.Tensor => tf.mul(x, x);

const factors = { u: ({ u }: Inputs) => column(u!), v: ({ v }: Inputs) => v! };
const scalesOf = (inputs: Inputs, names: readonly ('u' | 'v')[]): tf.Tensor =>
  names.map((name) => factors[name](inputs)).reduce((a, b) => tf.mul(a, b));

/** Scaling with these factors, and its gradients. */
const scaling = (names: readonly ('u' | 'v')[]): [string, OnePassCase][] => {
  const vectors = (rows: number, width: number) => ({
    ...(names.includes('u') ? { u: [rows] } : {}),
    ...(names.includes('v') ? { v: [width] } : {}),
  });
  return [
    [
      'LrmScale',
      {
        inputs: (rows, width) => ({ w: matrix(rows, width), ...vectors(rows, width) }),
        formula: (inputs) => [tf.mul(inputs['w']!, scalesOf(inputs, names))],
      },
    ],
    [
      'LrmScaleGradient',
      {
        inputs: (rows, width) => ({
          ...{ dy: matrix(rows, width), w: matrix(rows, width) },
          ...vectors(rows, width),
        }),
        formula: (inputs) => {
          const product = tf.mul(inputs['dy']!, inputs['w']!);
          const [byU, byV] = [names.includes('u'), names.includes('v')];
          return [
            tf.mul(inputs['dy']!, scalesOf(inputs, names)),
            ...(byU ? [tf.sum(byV ? tf.mul(product, inputs['v']!) : product, 1)] : []),
            ...(byV ? [tf.sum(byU ? tf.mul(product, column(inputs['u']!)) : product, 0)] : []),
          ];
        },
      },
    ],
  ];
};

const GROUPS = 2;
const EPSILON = 1e-3;
const grouped = (x: tf.Tensor, width: number): tf.Tensor =>
  tf.reshape(x, [-1, GROUPS, width / GROUPS]);
const scaleOf = (x: tf.Tensor, width: number): tf.Tensor =>
  tf.rsqrt(tf.add(tf.mean(square(grouped(x, width)), -1, true), EPSILON));

/** Normalisation with a gain or without, and its gradients. */
const norm = (hasGain: boolean): [string, OnePassCase][] => {
  const gain = (width: number) => (hasGain ? { gain: [2 * width] } : {});
  return [
    [
      'LrmRmsNorm',
      {
        inputs: (rows, width) => ({ x: [rows, 1, 2 * width], ...gain(width) }),
        attrs: { groups: GROUPS, epsilon: EPSILON },
        formula: ({ x, gain }, _, half) => {
          const scale = scaleOf(x!, 2 * half);
          const y = tf.reshape(tf.mul(grouped(x!, 2 * half), scale), x!.shape);
          return [gain === undefined ? y : tf.mul(y, gain), scale];
        },
      },
    ],
    [
      'LrmRmsNormGradient',
      {
        inputs: (rows, width) => ({
          ...{ dy: [rows, 1, 2 * width], x: [rows, 1, 2 * width], scale: [rows, GROUPS, 1] },
          ...gain(width),
        }),
        attrs: { groups: GROUPS },
        formula: ({ dy, x, scale, gain }, _, half) => {
          const unit = tf.mul(grouped(x!, 2 * half), scale!);
          const slope = grouped(gain === undefined ? dy! : tf.mul(dy!, gain), 2 * half);
          const along = tf.mean(tf.mul(slope, unit), -1, true);
          const dx = tf.mul(tf.sub(slope, tf.mul(unit, along)), scale!);
          const dgain = tf.sum(tf.mul(dy!, tf.reshape(unit, dy!.shape)), [0, 1]);
          return [tf.reshape(dx, x!.shape), ...(gain === undefined ? [] : [dgain])];
        },
      },
    ],
  ];
};

const TIME = 3;
const rotation = (isHalves: boolean, sign: number): [string, OnePassCase] => [
  'LrmRotate',
  {
    inputs: (rows, width) => ({
      ...{ x: [rows, TIME, 2 * width], cosine: [TIME, 2 * width], sine: [TIME, 2 * width] },
    }),
    attrs: { isHalves: Number(isHalves), sign },
    formula: ({ x, cosine, sine }, rows, half) => {
      const pairs = isHalves ? [rows, TIME, 2, half] : [rows, TIME, half, 2];
      const partners = tf.reshape(tf.reverse(tf.reshape(x!, pairs), isHalves ? 2 : 3), x!.shape);
      return [tf.add(tf.mul(x!, cosine!), tf.mul(tf.mul(partners, sine!), sign))];
    },
  },
];

const ADAM = { beta1: 0.9, beta2: 0.99 };
/** Every kernel, with its inputs and its formula. */
export const ONE_PASS_CASES: readonly (readonly [string, OnePassCase])[] = [
  ...scaling(['u']),
  ...scaling(['v']),
  ...scaling(['u', 'v']),
  ...norm(true),
  ...norm(false),
  rotation(true, 1),
  rotation(true, -1),
  rotation(false, 1),
  rotation(false, -1),
  [
    'LrmGatedSilu',
    {
      inputs: (rows, width) => ({
        ...{ gate: matrix(rows, width), sigmoid: matrix(rows, width), up: matrix(rows, width) },
      }),
      formula: ({ gate, sigmoid, up }) => [tf.mul(tf.mul(gate!, sigmoid!), up!)],
    },
  ],
  [
    'LrmGatedSiluGradient',
    {
      inputs: (rows, width) => ({
        ...{ dy: matrix(rows, width), gate: matrix(rows, width) },
        ...{ sigmoid: matrix(rows, width), up: matrix(rows, width) },
      }),
      formula: ({ dy, gate, sigmoid, up }) => {
        const silu = tf.mul(gate!, sigmoid!);
        const slope = tf.add(sigmoid!, tf.mul(silu, tf.sub(1, sigmoid!)));
        return [tf.mul(tf.mul(dy!, up!), slope), tf.mul(dy!, silu)];
      },
    },
  ],
  [
    'LrmAdam',
    {
      inputs: (rows, width) => ({
        ...{ value: [rows, width], gradient: [rows, width], m: [rows, width], v: [rows, width] },
        ...{ step: [], epsilon: [] },
      }),
      attrs: ADAM,
      formula: ({ value, gradient, m, v, step, epsilon }) => {
        const mean = tf.add(tf.mul(m!, ADAM.beta1), tf.mul(gradient!, 1 - ADAM.beta1));
        const ofSquare = tf.mul(square(gradient!), 1 - ADAM.beta2);
        const newV = tf.add(tf.mul(v!, ADAM.beta2), ofSquare);
        const change = tf.mul(tf.div(mean, tf.add(tf.sqrt(newV), epsilon!)), step!);
        return [tf.sub(value!, change), mean, newV];
      },
    },
  ],
];

/** Random inputs; second moments and scales are positive. */
export function onePassInputs(
  { inputs, ids }: OnePassCase,
  rows: number,
  width: number,
  seed: number,
): Inputs {
  const next = random(seed);
  return Object.fromEntries(
    Object.entries(inputs(rows, width)).map(([name, shape]) => {
      const data = noise(next, tf.util.sizeFromShape(shape));
      if (name === ids)
        return [
          name,
          tf.tensor(
            data.map(() => next() * width),
            shape,
            'int32',
          ),
        ];
      const isPositive = ['v', 'scale', 'epsilon', 'sigmoid'].includes(name);
      return [name, tf.tensor(isPositive ? data.map((x) => Math.abs(x) + 0.01) : data, shape)];
    }),
  );
}

/** What is true of every kernel. */
export function onePassCaseTests(cases: readonly (readonly [string, OnePassCase])[]): void {
  describe.each(cases)('%s', (name, at) => {
    test('equals its formula, for any sides', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(0, 1, 2, 5, 33),
          fc.constantFrom(1, 2, 3, 4, 7, 8, 31, 70),
          fc.nat(),
          (rows, width, seed) => {
            tf.tidy(() => {
              const inputs = onePassInputs(at, rows, width, seed);
              const actual = run(name, inputs, at.attrs);
              // On wasm, tfjs' sum over no rows is whatever was in its memory.
              const expected = at
                .formula(inputs, rows, width)
                .map((x) => (rows === 0 ? tf.zerosLike(x) : x));
              expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
              actual.forEach((tensor, i) => {
                expectClose(values(tensor), values(expected[i]!), 2e-5, 0.1);
              });
            });
          },
        ),
        { numRuns: 30, seed: 1 },
      );
    });

    test('NaN and Infinity get where the formula has them, and nowhere else', () => {
      const kind = (x: number): string => (Number.isFinite(x) ? 'finite' : String(x));
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const marked of Object.keys(at.inputs(5, 7)).filter((key) => key !== at.ids)) {
          tf.tidy(() => {
            const inputs = onePassInputs(at, 5, 7, 1);
            const { shape } = inputs[marked]!;
            const data = values(inputs[marked]!);
            data[Math.floor(data.length / 2)] = value;
            inputs[marked] = tf.tensor(data, shape);
            const expected = at.formula(inputs, 5, 7);
            run(name, inputs, at.attrs).forEach((tensor, i) => {
              expect(values(tensor).map(kind), marked).toEqual(values(expected[i]!).map(kind));
            });
          });
        }
      }
    });

    test('takes one tensor for several inputs, and changes none', () => {
      tf.tidy(() => {
        const inputs = onePassInputs(at, 6, 6, 2);
        const byShape = new Map<string, tf.Tensor>();
        for (const [key, tensor] of Object.entries(inputs)) {
          if (key === at.ids) continue;
          const same = byShape.get(tensor.shape.join());
          byShape.set(tensor.shape.join(), same ?? tf.abs(tensor));
          inputs[key] = byShape.get(tensor.shape.join())!;
        }
        const before = Object.values(inputs).map(values);
        const expected = at.formula(inputs, 6, 6);
        run(name, inputs, at.attrs).forEach((tensor, i) => {
          expectClose(values(tensor), values(expected[i]!), 2e-5, 0.1);
        });
        expect(Object.values(inputs).map(values)).toEqual(before);
      });
    });

    test('has the same bits each time, and leaves nothing behind', async () => {
      const inputs = onePassInputs(at, 9, 13, 3);
      const once = () => tf.tidy(() => run(name, inputs, at.attrs).map(values));
      const first = once();
      expect(await tensorsLeftBy(() => expect(once()).toEqual(first))).toBe(0);
      tf.dispose(inputs);
    });
  });
}

/** Tests of the kernels of the current backend. */
export function onePassTests(): void {
  onePassCaseTests(ONE_PASS_CASES);

  test('Adam updates a list of variables of any shapes, and an empty one', () => {
    const at = ONE_PASS_CASES.find(([name]) => name === 'LrmAdam')![1];
    tf.tidy(() => {
      const sizes = [
        [7, 3],
        [0, 4],
        [1, 1],
        [40, 129],
      ] as const;
      const { step, epsilon } = onePassInputs(at, 1, 1, 7) as {
        step: tf.Tensor;
        epsilon: tf.Tensor;
      };
      const items = sizes.map(([rows, width], i) => ({
        ...onePassInputs(at, rows, width, i),
        ...{ step, epsilon },
      }));
      const listed = (key: string) => items.map((item) => (item as Inputs)[key]!);
      const lists = Object.fromEntries(['value', 'gradient', 'm', 'v'].map((k) => [k, listed(k)]));
      const outputs = runOnePassKernel('LrmAdam', { step, epsilon, ...lists }, at.attrs);
      expect(outputs).toHaveLength(3 * items.length);
      items.forEach((item, i) => {
        at.formula(item, 0, 0).forEach((expected, part) => {
          const actual = outputs[part * items.length + i]!;
          expect(actual.shape).toEqual(expected.shape);
          expectClose(values(actual), values(expected), 2e-5, 0.1);
        });
      });
    });
  });

  // Otherwise channels that start the same drift apart by themselves: a product that is rounded on its own in the last
  // elements of a loop, and fused with a sum in the others, is enough.
  test.each(ONE_PASS_CASES.filter(([name]) => name !== 'LrmRotate'))(
    '%s gives equal elements equal bits, wherever they are',
    (name, at) => {
      for (let seed = 0; seed < 20; seed++) {
        tf.tidy(() => {
          const next = random(seed);
          const inputs = Object.fromEntries(
            Object.entries(at.inputs(7, 45)).map(([key, shape]) => [key, tf.fill(shape, next())]),
          );
          for (const output of run(name, inputs, at.attrs))
            expect(new Set(values(output)).size).toBe(1);
        });
      }
    },
  );

  // One float32 after the other, the first is off by 5e-6.
  describe('sums over many rows are right to the last bits:', () => {
    const ROWS = 20_000;
    const WIDTH = 6;
    const next = random(5);
    const positive = (size: number): number[] => noise(next, size).map((x) => Math.fround(x + 3));
    const [dy, x] = [positive(ROWS * WIDTH), positive(ROWS * WIDTH)];
    const factor = positive(ROWS);
    /** Σ dy · x · factor of each row, over rows. */
    const expected = Array.from({ length: WIDTH }, (_, i) =>
      factor.reduce((sum, u, j) => sum + dy[j * WIDTH + i]! * x[j * WIDTH + i]! * u, 0),
    );
    const matrix = (data: number[]) => tf.tensor2d(data, [ROWS, WIDTH]);
    const last = (name: string, inputs: Inputs, attrs?: Numbers): number[] =>
      values(run(name, inputs, attrs).at(-1)!);

    test.each<[string, () => number[]]>([
      [
        'the gradient of the multipliers of columns',
        () => {
          const [u, v] = [tf.tensor1d(factor), tf.ones([WIDTH])];
          return last('LrmScaleGradient', { dy: matrix(dy), w: matrix(x), u, v });
        },
      ],
      [
        'the gradient of the gain of a norm',
        () => {
          const [scale, gain] = [tf.tensor3d(factor, [ROWS, 1, 1]), tf.ones([WIDTH])];
          const inputs = { dy: matrix(dy), x: matrix(x), scale, gain };
          return last('LrmRmsNormGradient', inputs, { groups: 1 });
        },
      ],
    ])('%s', (_, compute) => {
      const errors = tf.tidy(compute).map((sum, i) => Math.abs(sum / expected[i]! - 1));
      expect(Math.max(...errors)).toBeLessThan(2 ** -22);
    });
  });
}
