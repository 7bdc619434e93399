import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { assignRoles, setRole } from '@tfjs-lrm/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { noise, random, step, values, variable } from '../../../test/tensors.ts';
import { muon } from './index.ts';

/** x·W with W [inputs, heads, size], and outputs [batch, heads · size]. */
class Heads extends layers.layers.Layer {
  static readonly className: string = 'LayoutHeads';
  readonly kernelPlaces: readonly object[] = [
    { property: 'split', axes: { row: [-2, -1], column: [-3] } },
  ];
  declare split: layers.LayerVariable;

  override build(): void {
    this.split = this.addWeight('split', [4, 2, 3], 'float32', layers.initializers.ones());
    this.built = true;
  }

  override computeOutputShape(): [null, number] {
    return [null, 6];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = [inputs].flat()[0] as tf.Tensor2D;
    return tf.tidy(() => tf.matMul(x, tf.reshape(this.split.read(), [4, 6]) as tf.Tensor2D));
  }
}

type Options = NonNullable<Parameters<typeof muon>[0]>;
const SCALES = ['match-rms-adamw', 'original', 'rms-to-rms', 'none'] as const;

const sizeOf = (shape: readonly number[]): number => tf.util.sizeFromShape([...shape]);

/** The kernel after some steps of gradients that `gradientAt` gives. */
function trained(
  shape: number[],
  options: Options,
  gradientAt: (t: number) => number[],
  start = noise(random(1), sizeOf(shape)),
): number[] {
  const kernel = variable(start, shape, 'hidden/kernel');
  setRole(kernel, 'matrix');
  const optimizer = muon({ learningRate: 0.3, ...options });
  for (let t = 0; t < 4; t++) step(optimizer, [[kernel, gradientAt(t)]]);
  const after = values(kernel);
  kernel.dispose();
  optimizer.dispose();
  return after;
}

const noiseAt =
  (size: number) =>
  (t: number): number[] =>
    noise(random(50 + t), size);

/** The elements of a tensor with other axes: `order` as in tf.transpose. */
const moved = (data: number[], shape: readonly number[], order: number[]): number[] =>
  tf.tidy(() => values(tf.transpose(tf.tensor(data, [...shape]), order)));

eachBackend(() => {
  test('the kernel of a transposed convolution has its outputs before its inputs, whatever the layer is called', () => {
    const model = layers.sequential({
      layers: [
        layers.layers.conv2dTranspose({
          ...{ name: 'up', filters: 5, kernelSize: [2, 3], inputShape: [4, 4, 2], useBias: false },
        }),
        layers.layers.conv2d({ name: 'out', filters: 1, kernelSize: 1 }),
      ],
    });
    assignRoles(model);
    const kernel = model.layers[0]!.weights[0]!.read() as tf.Variable;
    const copy = variable(values(kernel), [2, 3, 5, 2], 'hidden/kernel');
    setRole(copy, 'matrix');
    const [byLayer, byView] = [muon(), muon({ view: () => ({ in: [0, 1, 3], out: [2] }) })];
    for (let t = 0; t < 3; t++) {
      const gradient = noise(random(t), 60);
      step(byLayer, [[kernel, gradient]]);
      step(byView, [[copy, gradient]]);
    }
    expect(values(kernel)).toEqual(values(copy));
  });

  test('outputs of several axes are one axis of the matrix, where a layer says that its kernel has them', () => {
    const model = layers.sequential({
      layers: [new Heads({ inputShape: [4] }), layers.layers.dense({ units: 1 })],
    });
    assignRoles(model);
    const kernel = model.layers[0]!.weights[0]!.read() as tf.Variable;
    const copy = variable(values(kernel), [4, 2, 3], 'hidden/kernel');
    setRole(copy, 'matrix');
    const [byLayer, byView] = [muon(), muon({ view: () => ({ in: [0], out: [1, 2] }) })];
    const gradient = noise(random(3), 24);
    step(byLayer, [[kernel, gradient]]);
    step(byView, [[copy, gradient]]);
    expect(values(kernel)).toEqual(values(copy));
  });

  test('a kernel of any rank is the matrix of its last axis and all others, bit for bit', () => {
    for (const scale of SCALES) {
      for (const [shape, matrix] of [
        [
          [3, 3, 2, 4],
          [18, 4],
        ],
        [
          [2, 3, 20],
          [6, 20],
        ],
        [
          [1, 1, 5, 4],
          [5, 4],
        ],
        [
          [2, 1, 2, 2, 3],
          [8, 3],
        ],
      ] as const) {
        const gradientAt = noiseAt(sizeOf(shape));
        expect(trained([...shape], { scale }, gradientAt)).toEqual(
          trained([...matrix], { scale }, gradientAt),
        );
      }
    }
  });

  test('a view is the matrix that it names, with a scale by its inputs and outputs', () => {
    for (const scale of SCALES) {
      // Conv2DTranspose keeps [kh, kw, out, in].
      const shape = [2, 3, 4, 5];
      const gradientAt = noiseAt(120);
      const found = trained(
        shape,
        { scale, view: () => ({ in: [0, 1, 3], out: [2] }) },
        gradientAt,
      );
      const order = [0, 1, 3, 2];
      const expected = trained(
        [30, 4],
        { scale },
        (t) => moved(gradientAt(t), shape, order),
        moved(noise(random(1), 120), shape, order),
      );
      expect(moved(found, shape, order)).toEqual(expected);
      const negative = () => ({ in: [0, -3, -1], out: [-2] });
      expect(trained(shape, { scale, view: negative }, gradientAt)).toEqual(found);
    }
  });

  test('axes that a view does not name are a batch of separate matrices', () => {
    for (const scale of SCALES) {
      const shape = [3, 4, 5];
      const gradientAt = noiseAt(60);
      const start = noise(random(1), 60);
      const part = (data: number[], i: number): number[] => data.slice(i * 20, (i + 1) * 20);
      const together = trained(shape, { scale, view: () => ({ in: [1], out: [2] }) }, gradientAt);
      for (let i = 0; i < 3; i++) {
        expect(part(together, i)).toEqual(
          trained([4, 5], { scale }, (t) => part(gradientAt(t), i), part(start, i)),
        );
      }
    }
  });

  test('where a view is null the layout is the usual one', () => {
    const gradientAt = noiseAt(24);
    expect(trained([2, 3, 4], { view: () => null }, gradientAt)).toEqual(
      trained([2, 3, 4], {}, gradientAt),
    );
  });

  test('a split kernel equals separate variables, bit for bit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 2, max: 6 }),
        fc.boolean(),
        fc.constantFrom(...SCALES),
        (sizes, other, alongOutputs, scale) => {
          const total = sizes.reduce((sum, size) => sum + size, 0);
          const [shape, axis] = alongOutputs ? [[other, total], 1] : [[total, other], 0];
          const gradientAt = noiseAt(total * other);
          const start = noise(random(1), total * other);
          const pieces = (data: number[]): number[][] =>
            tf.tidy(() => tf.split(tf.tensor(data, shape), sizes, axis).map(values));
          const options = { scale, coefficients: 'hybrid-10' } as const;
          const together = trained(
            shape,
            { ...options, split: () => ({ axis: axis - 2, sizes }) },
            gradientAt,
          );
          const separate = sizes.map((size, i) =>
            trained(
              alongOutputs ? [other, size] : [size, other],
              options,
              (t) => pieces(gradientAt(t))[i]!,
              pieces(start)[i]!,
            ),
          );
          expect(pieces(together)).toEqual(separate);
        },
      ),
      { numRuns: 12, seed: 3 },
    );
  });

  test('split goes first, and view sees each part', () => {
    const gradientAt = noiseAt(6 * 4);
    const view = () => ({ in: [1], out: [0] });
    const found = trained(
      [6, 4],
      { scale: 'original', split: () => ({ axis: 0, sizes: [2, 4] }), view },
      gradientAt,
    );
    const start = noise(random(1), 24);
    expect(found.slice(0, 8)).toEqual(
      trained(
        [2, 4],
        { scale: 'original', view },
        (t) => gradientAt(t).slice(0, 8),
        start.slice(0, 8),
      ),
    );
  });
});

onCpu(() => {
  test('a list of splits finds the kernels of an LSTM by name, once and again', async () => {
    const split = [
      { name: 'gates/kernel', axis: 1, sizes: [4, 4, 4, 4] },
      { name: 'gates/recurrent_kernel', axis: 1, sizes: [4, 4, 4, 4] },
    ];
    for (let round = 0; round < 2; round++) {
      const lstm = layers.layers.lstm({
        name: 'gates',
        units: 4,
        inputShape: [3, 5],
        // tfjs' own default needs chained ops.
        recurrentInitializer: 'glorotUniform',
      });
      const model = layers.sequential({ layers: [lstm] });
      const kernels = lstm.trainableWeights
        .map((weight) => weight.read() as tf.Variable)
        .filter(({ rank }) => rank === 2);
      const before = kernels.map(values);
      const optimizer = muon({ learningRate: 1, scale: 'none', split, coefficients: 'hybrid-10' });
      step(
        optimizer,
        kernels.map((kernel) => [kernel, noise(random(2), kernel.size)]),
      );
      kernels.forEach((kernel, i) => {
        const change = tf.tidy(() => tf.sub(tf.tensor(before[i]!, kernel.shape), kernel));
        const gates = tf.split(change, 4, 1);
        for (const gate of gates) {
          const gram = tf.tidy(() => values(tf.matMul(tf.transpose(gate), gate)));
          gram.forEach((x, at) => {
            expect(x).toBeCloseTo(at % 5 === 0 ? 1 : 0, 2);
          });
        }
        tf.dispose([change, ...gates]);
      });
      // The second round's names end in _1.
      expect(kernels[0]!.name.endsWith(round === 0 ? 'kernel' : 'kernel_1')).toBe(true);
      model.dispose();
      optimizer.dispose();
    }
  });

  const gradient = new Array<number>(24).fill(1);
  const attempt = (options: Options, shape = [4, 6]): (() => void) => {
    const kernel = variable(gradient, shape, 'gates/kernel');
    return () => step(muon(options), [[kernel, gradient]]);
  };

  test.each([
    [
      'sizes that do not add up',
      { split: () => ({ axis: 1, sizes: [2, 3] }) },
      'gates/kernel" [4, 6] must have sizes that add up to 6, the length of axis 1. Received 2 + 3 = 5.',
    ],
    [
      'an axis that is not there',
      { split: () => ({ axis: 2, sizes: [6] }) },
      'gates/kernel" [4, 6] must name axes from -2 to 1. Received 2.',
    ],
    [
      'a size of 0',
      { split: () => ({ axis: 1, sizes: [6, 0] }) },
      'muon: "split" must return { axis, sizes } with a whole axis and whole sizes > 0, or null. Received an object (Object) for',
    ],
    ['no split', { split: () => 4 as never }, 'or null. Received 4 for'],
    [
      'a view without outputs',
      { view: () => ({ in: [0, 1], out: [] }) },
      'must name at least one axis in and one out, and none twice. Received in [0,1], out [].',
    ],
    ['an axis twice', { view: () => ({ in: [0, 1], out: [-1] }) }, 'and none twice'],
    ['a wrong axis', { view: () => ({ in: [0], out: [5] }) }, 'from -2 to 1. Received 5.'],
    [
      'no view',
      { view: () => ({ inputs: [0] }) as never },
      'must return { in, out } with lists of axes, or null. Received an object (Object).',
    ],
  ] as [string, Options, string][])('%s is refused at the first step', (_, options, message) => {
    const action = attempt(options);
    expect(action).toThrow(message);
    expect(action).toThrow(RangeError);
  });

  test('what is refused changes nothing, whichever variable is wrong', () => {
    const [fine, wrong] = [variable(gradient, [4, 6]), variable(gradient, [6, 4])];
    const optimizer = muon({ split: () => ({ axis: 1, sizes: [3, 3] }) });
    const action = (): void =>
      step(optimizer, [
        [fine, gradient],
        [wrong, gradient],
      ]);
    expect(action).toThrow('sizes that add up to 4');
    expect(values(fine)).toEqual(gradient);
    expect(optimizer.slots(fine).size).toBe(0);
  });

  test('a name that no variable has is an error that lists those that are there', () => {
    const split = [{ name: 'gates/kernl', axis: 1, sizes: [3, 3] }];
    expect(attempt({ split })).toThrow(
      /muon: "split" names "gates\/kernl", which is not a variable of this step\. Muon takes "test\d+\/gates\/kernel" \[4, 6\]\. Did you mean "test\d+\/gates\/kernel"\?/,
    );
    const [kernel, bias] = [variable(gradient, [4, 6]), variable([1, 1], [2], 'bias')];
    const optimizer = muon({ split: [{ name: bias.name, axis: 0, sizes: [1, 1] }] });
    // The names are looked at with the first matrix that comes.
    step(optimizer, [[bias, [1, 1]]]);
    expect(() =>
      step(optimizer, [
        [kernel, gradient],
        [bias, [1, 1]],
      ]),
    ).toThrow('which is left to the fallback');
    expect(values(kernel)).toEqual(gradient);
  });

  test('split and view are asked once a variable', () => {
    const asked: string[] = [];
    const kernel = variable(gradient, [4, 6]);
    const optimizer = muon({
      split: ({ name }) => {
        asked.push(`split ${name}`);
        return null;
      },
      view: ({ name }) => {
        asked.push(`view ${name}`);
        return null;
      },
    });
    for (let t = 0; t < 3; t++) step(optimizer, [[kernel, gradient]]);
    expect(asked.sort()).toEqual([`split ${kernel.name}`, `view ${kernel.name}`]);
  });
});
