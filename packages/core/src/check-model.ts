import type { LayersModel } from '@tensorflow/tfjs-layers';
import { show } from './check.ts';
import { isModel } from './tfjs-objects.ts';

/**
 * Throws for what is not a `tf.LayersModel`: `where: the model must be a tf.LayersModel. Received … Try advice.`
 *
 * @throws TypeError
 * @example
 * checkModel('watchScales', model, 'watchScales(model, optimizer)');
 */
export function checkModel(
  where: string,
  model: unknown,
  advice: string,
): asserts model is LayersModel {
  if (isModel(model)) return;
  throw new TypeError(
    `${where}: the model must be a tf.LayersModel. Received ${show(model)}. Try ${advice}.`,
  );
}

/**
 * The same, and for a model without layers, such as an empty `tf.sequential()`.
 *
 * @throws TypeError
 * @example
 * checkLayers('findSymmetries', model, 'findSymmetries(tf.sequential({ layers }))');
 */
export function checkLayers(
  where: string,
  model: unknown,
  advice: string,
): asserts model is LayersModel {
  checkModel(where, model, advice);
  const outputs: unknown[] | undefined = model.outputs;
  if (outputs !== undefined && outputs.length > 0) return;
  throw new TypeError(
    `${where}: model "${model.name}" has no layers yet. Add its layers, or build it, first.`,
  );
}
