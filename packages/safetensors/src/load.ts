import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import {
  booleanRule,
  checkModel,
  checkOptions,
  findWeights,
  nearest,
  show,
  variableOf,
} from '@tfjs-lrm/core/kit';
import { functionRule, type NameOf, weightsByName } from './names.ts';
import { readSafetensors } from './read.ts';
import type { Stored } from './write.ts';

/** The options of `loadSafetensors`. */
export interface FromOptions {
  /** Maps the model's name of a weight to its name in the file; by default those of tfjs and of Keras 3 are found. */
  readonly name?: NameOf | undefined;
  /** Whether the file must hold exactly the weights of the model; true by default. */
  readonly strict?: boolean | undefined;
}

const WHERE = 'loadSafetensors';

/** Names as a list short enough for an error message. */
const listed = (names: readonly string[]): string =>
  names.slice(0, 3).map(show).join(', ') +
  (names.length > 3 ? ` and ${names.length - 3} more` : '');

function checkNames(weights: readonly string[], tensors: readonly string[]): void {
  const [inModel, inFile] = [new Set(weights), new Set(tensors)];
  const missing = weights.filter((name) => !inFile.has(name));
  const unknown = tensors.filter((name) => !inModel.has(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const parts = [
    ...(missing.length > 0 ? [`a file without ${listed(missing)}`] : []),
    ...(unknown.length > 0 ? [`one with ${listed(unknown)}, which the model has not`] : []),
  ];
  const [first] = unknown;
  const hint = first === undefined ? null : nearest(first, missing);
  throw new RangeError(
    `${WHERE}: the file must hold the weights of the model. Received ${parts.join(', and ')}. ${hint === null ? '' : `Did you mean ${show(hint)}? `}Try the option "name", or strict: false.`,
  );
}

/** The weights of a model by their names in the file, or by their own where it has none. */
function weightsOf(model: LayersModel, names: readonly string[]): Map<string, LayerVariable> {
  const targets = findWeights(WHERE, model, names);
  const weights = new Map<string, LayerVariable>();
  targets.forEach((weight, i) => {
    if (weight !== undefined) weights.set(names[i] as string, weight);
  });
  const matched = new Set(weights.values());
  for (const weight of model.weights) {
    if (!matched.has(weight)) weights.set(weight.originalName, weight);
  }
  return weights;
}

function checkTensor(name: string, weight: LayerVariable, { dtype, shape }: Stored): void {
  if (dtype !== weight.dtype || shape.join() !== weight.shape.join()) {
    throw new RangeError(
      `${WHERE}: tensor ${show(name)} must be ${weight.dtype} of shape [${weight.shape}], as in the model. Received ${dtype} of shape [${shape}]. Build the model as the one that was saved.`,
    );
  }
}

/**
 * Writes the tensors of a safetensors file into the weights of a model. Everything is checked first; a file that is
 * rejected changes nothing.
 *
 * @param model a built model with the same weights as the file
 * @param file its bytes; F64, F16 and BF16 become float32
 * @param options name, from the model's name of a weight to the file's, by default its own or its path in Keras; strict (true), or false to ignore weights that
 *   the file lacks, and tensors that the model lacks
 * @throws TypeError or RangeError for a file that is damaged, or does not match the model in its names, shapes or
 *   dtypes
 * @example
 * loadSafetensors(model, await modelToSafetensors(model));
 */
export function loadSafetensors(
  model: LayersModel,
  file: Uint8Array | ArrayBuffer,
  options: FromOptions = {},
): void {
  checkOptions(WHERE, options, { name: functionRule, strict: booleanRule(true) });
  checkModel(WHERE, model, 'the one that you call fit of');
  const { tensors } = readSafetensors(file);
  const weights =
    options.name === undefined
      ? weightsOf(model, [...tensors.keys()])
      : weightsByName(WHERE, model, options.name);
  if (options.strict !== false) checkNames([...weights.keys()], [...tensors.keys()]);
  const pairs = [...weights].flatMap(([name, weight]) => {
    const stored = tensors.get(name);
    if (stored === undefined) return [];
    checkTensor(name, weight, stored);
    return [{ weight, stored }];
  });
  tf.tidy(() => {
    const values = pairs.map(({ stored: { values, shape, dtype } }) =>
      tf.tensor(values, [...shape], dtype),
    );
    pairs.forEach(({ weight }, i) => {
      // Not by `write`, which applies the layer's constraint to the saved value.
      variableOf(weight).assign(values[i] as tf.Tensor);
    });
  });
}
