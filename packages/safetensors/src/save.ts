import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkModel, checkOptions, show } from '@tfjs-lrm/core/kit';
import { type NameOf, nameRule, weightsByName } from './names.ts';
import { type Stored, writeSafetensors } from './write.ts';

/** The options of `modelToSafetensors`. */
export interface ToOptions {
  /** Maps the model's name of a weight to its name in the file; `keras` for `weight.path` of Keras 3. */
  readonly name?: NameOf | 'keras' | undefined;
  /** Strings to store in the file, by name. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const WHERE = 'modelToSafetensors';
const DTYPES: readonly string[] = ['float32', 'int32', 'bool'];

const metadataRule = (value: unknown) =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((text) => typeof text === 'string')
    ? null
    : { must: 'be an object of texts', try: "{ license: 'mit' }" };

/**
 * The weights of a model as the bytes of a safetensors file, which Hugging Face's `safetensors` reads in Python and
 * Rust. Every weight is stored as it is, in tfjs' layout: trainable or not, and multipliers too where the model is not
 * folded.
 *
 * @param model a built model; its weights are float32 (F32), int32 (I32) or bool (BOOL)
 * @param options name, from the model's name of a weight, such as `dense_1/kernel`, to the file's, or `keras` for the
 *   paths of Keras 3, such as `mlp/dense_1/kernel`; metadata, strings by
 *   name
 * @returns the whole file
 * @throws TypeError or RangeError for something that is not a model, a name of two weights, or a weight of another
 *   dtype
 * @example
 * const bytes = await modelToSafetensors(model, { name: (name) => name.replaceAll('/', '.') });
 */
export async function modelToSafetensors(
  model: LayersModel,
  options: ToOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkOptions(WHERE, options, { name: nameRule, metadata: metadataRule });
  checkModel(WHERE, model, 'the one that you call fit of');
  const weights = [...weightsByName(WHERE, model, options.name)];
  for (const [name, { dtype }] of weights) {
    if (!DTYPES.includes(dtype)) {
      throw new RangeError(
        `${WHERE}: weight ${show(name)} must be one of ${DTYPES.join(', ')}. Received ${show(dtype)}. Cast it in the layer.`,
      );
    }
  }
  // Copies, so that all values are from the same moment, whatever a step does while they are read.
  const copies = weights.map(([name, weight]) => ({ name, copy: tf.clone(weight.read()) }));
  try {
    const stored = await Promise.all(
      copies.map(async ({ name, copy }): Promise<[string, Stored]> => {
        const values = (await copy.data()) as Stored['values'];
        return [name, { dtype: copy.dtype as Stored['dtype'], shape: copy.shape, values }];
      }),
    );
    return writeSafetensors(new Map(stored), options.metadata);
  } finally {
    for (const { copy } of copies) copy.dispose();
  }
}
