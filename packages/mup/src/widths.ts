/** How much wider each variable of a model is than in the base model, along its inputs and along its outputs. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { isModel, kernelAxes, noteKernelAxes, show, variableOf } from '@tfjs-lrm/core/kit';

/** A base model, or for each width of the model the width that it has in the base model. */
export type Base = LayersModel | Readonly<Record<number, number>>;

/** A variable and its shape in the base model. */
export interface Sized {
  readonly variable: tf.Variable;
  readonly base: readonly number[];
  /** The same weight of the base model, where there is one. */
  readonly twin: tf.Variable | null;
  /** Inputs of each output in the model, over those in the base model. */
  readonly inputs: number;
  /** Outputs in the model, over those in the base model. */
  readonly outputs: number;
}

/**
 * Which of a variable's sides grow with the width: none of a `'finite'` one, the outputs of an `'input'` weight or a
 * vector, the inputs of an `'output'` weight, both of a `'hidden'` one.
 */
export type Kind = 'input' | 'hidden' | 'output' | 'finite';

export const kindOf = ({ inputs, outputs }: Sized): Kind => {
  if (inputs !== 1) return outputs !== 1 ? 'hidden' : 'output';
  return outputs !== 1 ? 'input' : 'finite';
};

const withoutNumbers = (name: string): string => name.replaceAll(/\d+/g, '');

const listed = (shape: readonly (number | null)[]): string => `[${shape.join(', ')}]`;

/** The weights of the base model in the order of the model's. */
function twins(model: LayersModel, base: LayersModel): tf.Variable[] {
  const [ours, theirs] = [model.trainableWeights, base.trainableWeights];
  ours.forEach((weight, i) => {
    const other = theirs[i];
    if (
      other !== undefined &&
      weight.shape.length === other.shape.length &&
      withoutNumbers(weight.originalName) === withoutNumbers(other.originalName)
    ) {
      return;
    }
    throw new Error(
      `mup: the base model must have the weights of the model, in other widths. "${weight.originalName}" ${listed(weight.shape)} has ${other === undefined ? 'none' : `"${other.originalName}" ${listed(other.shape)}`} as its counterpart. Build both with the same function, as in mup(build(512), { base: build(64) }).`,
    );
  });
  if (theirs.length === ours.length) return theirs.map(variableOf);
  throw new Error(
    `mup: the base model must have the weights of the model. It has ${theirs.length} trainable ones, the model ${ours.length}. Build both with the same function, as in mup(build(512), { base: build(64) }).`,
  );
}

function sized(variable: tf.Variable, base: readonly number[], twin: tf.Variable | null): Sized {
  const ratios = variable.shape.map((size, axis) => size / (base[axis] as number));
  const { rank } = variable;
  const { row } = kernelAxes(variable);
  const isOutput = (axis: number): boolean => rank < 2 || row.includes(axis - rank);
  const product = (isWanted: (axis: number) => boolean): number =>
    ratios.reduce((total, ratio, axis) => (isWanted(axis) ? total * ratio : total), 1);
  return {
    variable,
    base,
    twin,
    inputs: product((axis) => !isOutput(axis)),
    outputs: product(isOutput),
  };
}

/**
 * The trainable variables of a model beside their shapes in the base model.
 *
 * @throws TypeError for something that is not a model; Error for a base model with other weights
 */
export function sizes(model: LayersModel, base: Base): Sized[] {
  for (const layer of model.layers) noteKernelAxes(layer);
  const variables = model.trainableWeights.map(variableOf);
  if (isModel(base)) {
    const others = twins(model, base);
    return variables.map((variable, i) => {
      const twin = others[i] as tf.Variable;
      return sized(variable, twin.shape, twin);
    });
  }
  const widths: Readonly<Record<number, number>> = base;
  return variables.map((variable) =>
    sized(
      variable,
      variable.shape.map((size) => widths[size] ?? size),
      null,
    ),
  );
}

/** Throws unless the value is a model with weights, or a record of widths. */
export function checkBase(base: unknown): asserts base is Base {
  if (isModel(base)) return;
  const isWidth = (width: unknown): boolean => Number.isInteger(width) && (width as number) > 0;
  const isRecord = typeof base === 'object' && base !== null && !Array.isArray(base);
  const widths = isRecord ? Object.entries(base) : [];
  if (widths.length > 0 && widths.every(([from, to]) => isWidth(Number(from)) && isWidth(to)))
    return;
  throw new TypeError(
    `mup: "base" must be a model, or for each width of the model the one in the base model. Received ${show(base)}. Try { base: build(64) } or { base: { 512: 64, 2048: 256 } }.`,
  );
}
