import type { LayersModel } from '@tensorflow/tfjs-layers';
import { roleOf } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';

/** Root mean squares of a matrix: of W as it is stored, and of r · W · c, which acts. */
export interface Scale {
  readonly stored: number;
  readonly effective: number;
}

/** Row and column multipliers of several matrices. */
export interface Multipliers {
  readonly row: readonly number[];
  readonly column: readonly number[];
}

/** A matrix with its factors on the host, row-major, [in, out]. */
export interface Matrix {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
  readonly row: ArrayLike<number> | null;
  readonly column: ArrayLike<number> | null;
}

/** The matrices of a model by the names of their layers, in the order of the model. */
export async function matricesOf(model: LayersModel): Promise<Matrix[]> {
  const read = model.weights.map(
    async (weight): Promise<[string, ArrayLike<number>]> => [
      weight.originalName,
      await weight.read().data(),
    ],
  );
  const values = new Map(await Promise.all(read));
  return model.weights
    .filter((weight) => weight.shape.length === 2 && roleOf(variableOf(weight)) !== 'vector')
    .map(({ originalName, shape }) => ({
      name: originalName.split('/')[0] as string,
      shape: shape as number[],
      values: values.get(originalName) as ArrayLike<number>,
      row: values.get(`${originalName}/row_multiplier`) ?? null,
      column: values.get(`${originalName}/column_multiplier`) ?? null,
    }));
}

/** The scale of one matrix; row multipliers run along the last axis, column multipliers along the first. */
function scaleOf({ shape, values, row, column }: Matrix): Scale {
  const [inputs, outputs] = shape as [number, number];
  let [stored, effective] = [0, 0];
  for (let i = 0, at = 0; i < inputs; i++) {
    for (let j = 0; j < outputs; j++, at++) {
      const value = values[at] as number;
      const acting = value * (row?.[j] ?? 1) * (column?.[i] ?? 1);
      stored += value * value;
      effective += acting * acting;
    }
  }
  const size = inputs * outputs;
  return { stored: Math.sqrt(stored / size), effective: Math.sqrt(effective / size) };
}

/** The scale of each matrix, by name. */
export const scalesOf = (matrices: readonly Matrix[]): Record<string, Scale> =>
  Object.fromEntries(matrices.map((matrix) => [matrix.name, scaleOf(matrix)]));

/** All row and all column multipliers of some matrices. */
export const multipliersOf = (matrices: readonly Matrix[]): Multipliers => ({
  row: matrices.flatMap(({ row }) => Array.from(row ?? [])),
  column: matrices.flatMap(({ column }) => Array.from(column ?? [])),
});
