import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { enableTraining } from '@tfjs-lrm/kernels';
import { beforeAll, describe, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import {
  type Axes,
  axesOf,
  CASES,
  type Case,
  copyCommon,
  hasColumn,
  modelOf,
  scrambleWeights,
  weightOf,
} from '../test/layers.ts';
import { byHand, distance, expectClose, numbers, type Scaling, sizeOf } from '../test/numbers.ts';
import { withMultipliers } from './index.ts';

const SUBSETS = [
  { row: true, column: false, scalar: false },
  { row: false, column: true, scalar: false },
  { row: false, column: false, scalar: true },
  { row: true, column: true, scalar: true },
];

type Factors = (typeof SUBSETS)[number];

/** Where no kernel has a column, the subsets without one. */
const subsetsOf = (given: Case): Factors[] =>
  hasColumn(given)
    ? SUBSETS
    : SUBSETS.map((factors) => ({ ...factors, column: false })).filter(
        ({ row, scalar }) => row || scalar,
      );

/** A kernel's shape with one axis each for its rows and columns, and which axes those of the factors are then. */
function viewed(shape: readonly number[], { row, column }: Axes) {
  const [first, second] = [row[0] as number, column[0] as number];
  if (row.length === 1 && column.length === 1)
    return { shape, axes: { row: first, column: second } };
  // The columns, if there are any, lie before the rows.
  const [rows, columns] = [row, column].map((axes) =>
    sizeOf(axes.map((axis) => shape[axis] as number)),
  ) as [number, number];
  return { shape: [sizeOf(shape) / rows / columns, columns, rows], axes: { row: 2, column: 1 } };
}

interface Pair {
  readonly plain: LayersModel;
  readonly wrapped: LayersModel;
  readonly input: tf.Tensor;
  dispose(): void;
}

function pair(given: Case, factors: Factors): Pair {
  const plain = modelOf(given.layer());
  const wrapped = modelOf(withMultipliers(given.layer(), { ...factors, ...given.options }));
  const { largest } = given;
  scrambleWeights(plain, largest === undefined ? -1 : -largest, largest);
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
function scramble({ plain, wrapped }: Pair, given: Case, factors: Factors): Map<string, Scaling> {
  const scalings = given.kernels.map((name, at): [string, Scaling] => {
    const kernel = weightOf(plain, `wrapped/${name}`);
    const axes = axesOf(given)[at] as Axes;
    const view = viewed(kernel.shape, axes);
    const [inputs, outputs] = [view.shape[view.axes.column], view.shape[view.axes.row]];
    const scaling = {
      row: factors.row ? numbers(10 + at, outputs as number) : undefined,
      column:
        factors.column && axes.column.length > 0 ? numbers(20 + at, inputs as number) : undefined,
      scalar: factors.scalar ? 1.3 + at : undefined,
    };
    for (const [factor, value] of Object.entries(scaling)) {
      if (value === undefined) continue;
      const weight = weightOf(wrapped, `wrapped/${name}/${factor}_multiplier`);
      tf.tidy(() => weight.assign(tf.tensor(value, weight.shape)));
    }
    const { effective } = byHand(kernel.dataSync(), view.shape, scaling, undefined, view.axes);
    tf.tidy(() => kernel.assign(tf.tensor(effective, kernel.shape)));
    return [name, scaling];
  });
  return new Map(scalings);
}

/** The loss Σ output·t. */
function lossOf(model: LayersModel, input: tf.Tensor): tf.Scalar {
  const output = model.apply(input) as tf.Tensor;
  return tf.sum(tf.mul(output, tf.tensor(numbers(3, output.size, -1, 1), output.shape)));
}

/** The loss, and its gradients for all weights, by their names in a file. */
function gradients(
  model: LayersModel,
  input: tf.Tensor,
): { loss: number; of: Map<string, Float32Array> } {
  const loss = (): tf.Scalar => lossOf(model, input);
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
  // wasm has no kernels of its own for the gradients of many layers, and no backend has all.
  beforeAll(() => enableTraining());

  describe.each(CASES.map((given) => [given.title, given] as const))('%s', (_, given) => {
    const hasGradient = given.trains ?? true;

    describe.each(subsetsOf(given))('row $row, column $column, scalar $scalar', (factors) => {
      test('at its start it computes exactly what the plain layer computes', () => {
        const both = pair(given, factors);
        tf.tidy(() => {
          const [expected, actual] = [
            outputOf(both.plain, both.input),
            outputOf(both.wrapped, both.input),
          ];
          expect(distance(actual.dataSync(), expected.dataSync())).toBe(0);
          if (!hasGradient) return;
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

      if (hasGradient)
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
          // Losses lie between 0.1 and 30; below 2.5 the bound is absolute.
          expect(Math.abs(wrapped.loss - plain.loss) / Math.max(plain.loss, 2.5)).toBeLessThan(
            2e-6,
          );
          for (const [at, name] of given.kernels.entries()) {
            const view = viewed(
              weightOf(both.plain, `wrapped/${name}`).shape,
              axesOf(given)[at] as Axes,
            );
            const [kernel, scaling] = [
              kernels.get(name) as Float32Array,
              scalings.get(name) as Scaling,
            ];
            const expected = byHand(
              kernel,
              view.shape,
              scaling,
              plain.of.get(`wrapped/${name}`) as Float32Array,
              view.axes,
            );
            const found = (of: string): Float32Array =>
              wrapped.of.get(`wrapped/${name}${of}`) as Float32Array;
            expect(distance(found(''), expected.kernel)).toBeLessThan(1e-5);
            for (const factor of ['row', 'column', 'scalar'] as const) {
              if (scaling[factor] === undefined) continue;
              const gradient = found(`/${factor}_multiplier`);
              // A scalar's is one sum over all elements, most of which cancels.
              expect(distance(gradient, [expected[factor]].flat())).toBeLessThan(
                factor === 'scalar' ? 1e-4 : 1e-5,
              );
            }
          }
          both.dispose();
        });

      if (hasGradient)
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
              return tf.tidy(() => lossOf(both.wrapped, both.input).dataSync()[0] as number);
            };
            const slope = (at: number, by: number): number =>
              (lossAt(at, by) - lossAt(at, -by)) / (2 * by);
            // The error that grows with the square of the step cancels.
            const slopes = values.map((_, at) => (4 * slope(at, step) - slope(at, 2 * step)) / 3);
            tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
            expect(distance(of.get(weight.originalName) as Float32Array, slopes)).toBeLessThan(
              2e-3,
            );
          }
          both.dispose();
        });
    });

    test('row and column factors cannot be exchanged', () => {
      const both = pair(given, { row: true, column: hasColumn(given), scalar: false });
      for (const [at, name] of given.kernels.entries()) {
        const { shape } = weightOf(both.plain, `wrapped/${name}`);
        const { row, column } = axesOf(given)[at] as Axes;
        const rows = row.map((axis) => shape[axis] as number);
        expect(weightOf(both.wrapped, `wrapped/${name}/row_multiplier`).shape).toEqual(rows);
        const columnName = `wrapped/${name}/column_multiplier`;
        if (column.length === 0) {
          expect(() => weightOf(both.wrapped, columnName)).toThrow(/no weight/);
          continue;
        }
        // Those of a state may be as many as its inputs: the gradients above tell them apart.
        const columns = column.map((axis) => shape[axis] as number);
        if (!name.endsWith('recurrent_kernel')) expect(rows).not.toEqual(columns);
        expect(weightOf(both.wrapped, columnName).shape).toEqual(columns);
      }
      both.dispose();
    });

    test('training, predicting and disposal leave no tensor behind', () => {
      const before = tf.memory().numTensors;
      const both = pair(given, { row: true, column: hasColumn(given), scalar: true });
      const built = tf.memory().numTensors;
      const round = (): void => {
        outputOf(both.wrapped, both.input).dispose();
        if (hasGradient) gradients(both.wrapped, both.input);
      };
      round();
      // One for each kernel, which is remembered between predictions.
      expect(tf.memory().numTensors).toBe(built + given.kernels.length);
      round();
      expect(tf.memory().numTensors).toBe(built + given.kernels.length);
      both.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });

    test('freezing it reaches all of its weights, and thawing it too', () => {
      const layer = withMultipliers(given.layer(), given.options);
      const model = modelOf(layer);
      expect(model.trainableWeights.length).toBe(model.weights.length);
      layer.trainable = false;
      expect(model.trainableWeights).toEqual([]);
      expect(layer.nonTrainableWeights.length).toBe(layer.weights.length);
      layer.trainable = true;
      expect(model.trainableWeights.length).toBe(model.weights.length);
      model.dispose();
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
