import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import {
  CASES,
  type Case,
  copyCommon,
  modelOf,
  scrambleWeights,
  weightOf,
} from '../test/layers.ts';
import { byHand, distance, expectClose, numbers, type Scaling } from '../test/numbers.ts';
import { withMultipliers } from './index.ts';

const SUBSETS = [
  { row: true, column: false, scalar: false },
  { row: false, column: true, scalar: false },
  { row: false, column: false, scalar: true },
  { row: true, column: true, scalar: true },
];

interface Pair {
  readonly plain: LayersModel;
  readonly wrapped: LayersModel;
  readonly input: tf.Tensor;
  dispose(): void;
}

function pair(given: Case, factors: (typeof SUBSETS)[number]): Pair {
  const plain = modelOf(given.layer());
  const wrapped = modelOf(withMultipliers(given.layer(), { ...factors, ...given.options }));
  scrambleWeights(plain, -1);
  copyCommon(plain, wrapped);
  const input = given.input();
  const dispose = (): void => {
    plain.dispose();
    wrapped.dispose();
    input.dispose();
  };
  return { plain, wrapped, input, dispose };
}

const outputOf = (model: LayersModel, input: tf.Tensor): tf.Tensor =>
  model.predict(input) as tf.Tensor;

/** Gives the factors values in [0.5, 2), and the plain model the kernels that this makes, in float64. */
function scramble(
  { plain, wrapped }: Pair,
  given: Case,
  factors: (typeof SUBSETS)[number],
): Map<string, Scaling> {
  const scalings = given.kernels.map((name, at): [string, Scaling] => {
    const kernel = weightOf(plain, `wrapped/${name}`);
    const [inputs, outputs] = kernel.shape as [number, number];
    const scaling = {
      row: factors.row ? numbers(10 + at, outputs) : undefined,
      column: factors.column ? numbers(20 + at, inputs) : undefined,
      scalar: factors.scalar ? 1.3 + at : undefined,
    };
    for (const [factor, value] of Object.entries(scaling)) {
      if (value === undefined) continue;
      const weight = weightOf(wrapped, `wrapped/${name}/${factor}_multiplier`);
      tf.tidy(() => weight.assign(tf.tensor(value as number)));
    }
    const { effective } = byHand(kernel.dataSync(), kernel.shape, scaling);
    tf.tidy(() => kernel.assign(tf.tensor(effective, kernel.shape)));
    return [name, scaling];
  });
  return new Map(scalings);
}

/** The loss Σ output·t, and its gradients for all weights, by their names in a file. */
function gradients(
  model: LayersModel,
  input: tf.Tensor,
): { loss: number; of: Map<string, Float32Array> } {
  const loss = (): tf.Scalar => {
    const output = model.apply(input) as tf.Tensor;
    return tf.sum(tf.mul(output, tf.tensor(numbers(3, output.size, -1, 1), output.shape)));
  };
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const { value, grads } = tf.tidy(() => tf.variableGrads(loss, variables));
  const named = model.trainableWeights.map(({ originalName, name }): [string, Float32Array] => [
    originalName,
    (grads[name] as tf.Tensor).dataSync() as Float32Array,
  ]);
  const result = { loss: value.dataSync()[0] as number, of: new Map(named) };
  tf.dispose([value, grads]);
  return result;
}

eachBackend(() => {
  // wasm has no kernel of its own for the gradient of an embedding.
  beforeAll(enableTraining);

  describe.each(CASES.map((given) => [given.title, given] as const))('%s', (_, given) => {
    describe.each(SUBSETS)('row $row, column $column, scalar $scalar', (factors) => {
      test('at its start it computes exactly what the plain layer computes', () => {
        const both = pair(given, factors);
        tf.tidy(() => {
          const [expected, actual] = [
            outputOf(both.plain, both.input),
            outputOf(both.wrapped, both.input),
          ];
          expect(distance(actual.dataSync(), expected.dataSync())).toBe(0);
          const [a, b] = [gradients(both.plain, both.input), gradients(both.wrapped, both.input)];
          expect(b.loss).toBe(a.loss);
          for (const [name, gradient] of a.of) expect(b.of.get(name)).toEqual(gradient);
        });
        both.dispose();
      });

      test('it computes what the plain layer computes with the kernel scaled by hand', () => {
        const both = pair(given, factors);
        tf.tidy(() => {
          const before = outputOf(both.wrapped, both.input).dataSync();
          scramble(both, given, factors);
          const expected = outputOf(both.plain, both.input).dataSync();
          expectClose(outputOf(both.wrapped, both.input), expected);
          expect(distance(before, expected)).toBeGreaterThan(0.01);
        });
        both.dispose();
      });

      test('its gradients are those of eq. 4', () => {
        const both = pair(given, factors);
        const kernels = new Map(
          given.kernels.map((name) => [name, weightOf(both.plain, `wrapped/${name}`).dataSync()]),
        );
        const scalings = scramble(both, given, factors);
        const [plain, wrapped] = [
          gradients(both.plain, both.input),
          gradients(both.wrapped, both.input),
        ];
        expect(wrapped.loss).toBeCloseTo(plain.loss, 5);
        for (const name of given.kernels) {
          const { shape } = weightOf(both.plain, `wrapped/${name}`);
          const [kernel, scaling] = [
            kernels.get(name) as Float32Array,
            scalings.get(name) as Scaling,
          ];
          const expected = byHand(
            kernel,
            shape,
            scaling,
            plain.of.get(`wrapped/${name}`) as Float32Array,
          );
          const found = (of: string): Float32Array =>
            wrapped.of.get(`wrapped/${name}${of}`) as Float32Array;
          expect(distance(found(''), expected.kernel)).toBeLessThan(1e-5);
          for (const factor of ['row', 'column', 'scalar'] as const) {
            if (factors[factor])
              expect(
                distance(found(`/${factor}_multiplier`), [expected[factor]].flat()),
              ).toBeLessThan(1e-5);
          }
        }
        both.dispose();
      });

      test('its gradients are those of finite differences', () => {
        const both = pair(given, factors);
        scramble(both, given, factors);
        const { of } = gradients(both.wrapped, both.input);
        const step = 1 / 64;
        for (const weight of both.wrapped.trainableWeights) {
          const variable = weight.read() as tf.Variable;
          const values = [...variable.dataSync()];
          const lossAt = (at: number, by: number): number => {
            tf.tidy(() =>
              variable.assign(
                tf.tensor(values.with(at, (values[at] as number) + by), variable.shape),
              ),
            );
            return gradients(both.wrapped, both.input).loss;
          };
          const slopes = values.map((_, at) => (lossAt(at, step) - lossAt(at, -step)) / (2 * step));
          tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
          expect(distance(of.get(weight.originalName) as Float32Array, slopes)).toBeLessThan(2e-3);
        }
        both.dispose();
      });
    });

    test('row and column factors cannot be exchanged', () => {
      const both = pair(given, { row: true, column: true, scalar: false });
      for (const name of given.kernels) {
        const [inputs, outputs] = weightOf(both.plain, `wrapped/${name}`).shape;
        expect(inputs).not.toBe(outputs);
        expect(weightOf(both.wrapped, `wrapped/${name}/row_multiplier`).shape).toEqual([outputs]);
        expect(weightOf(both.wrapped, `wrapped/${name}/column_multiplier`).shape).toEqual([inputs]);
      }
      both.dispose();
    });
  });

  test('a row factor scales an output feature, a column factor an input feature', () => {
    const plain = (CASES.find(({ title }) => title === 'dense without bias') as Case).layer();
    const model = modelOf(withMultipliers(plain));
    const zeros = (): boolean[][] => {
      const output = outputOf(
        model,
        tf.tensor2d([
          [1, 0, 0],
          [0, 1, 0],
        ]),
      ).arraySync() as number[][];
      return output.map((values) => values.map((value) => value === 0));
    };
    tf.tidy(() => {
      const row = weightOf(model, 'wrapped/kernel/row_multiplier');
      row.assign(tf.tensor1d([1, 0, 1, 1, 1]));
      expect(zeros()).toEqual(Array(2).fill([false, true, false, false, false]));
      row.assign(tf.ones([5]));
      weightOf(model, 'wrapped/kernel/column_multiplier').assign(tf.tensor1d([1, 0, 1]));
      expect(zeros()).toEqual([Array(5).fill(false), Array(5).fill(true)]);
    });
    model.dispose();
  });
});
