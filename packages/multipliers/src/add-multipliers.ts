import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkOptions, isModel, kernelPlaces, labelOf, type Rule, show } from '@tfjs-lrm/core/kit';
import { checkModel } from './check-model.ts';
import { assignWeights, configOf, rebuild } from './copy-model.ts';
import { headsOf } from './heads.ts';
import { layerToConfig } from './internals.ts';
import { isMultiplierLayer, Multipliers } from './multiplier-layer.ts';
import type { MultiplierOptions } from './options.ts';
import { kernelsInside } from './places.ts';

/** Which layers of a model get multipliers. */
export interface AddMultipliersOptions {
  /**
   * `'full'`, the default: every layer whose kernels are known. A function gets each layer with weights,
   * those in nested models too, and returns the options of `withMultipliers` for it, or null to leave it as
   * it is.
   */
  readonly placement?: 'full' | ((layer: layers.Layer) => MultiplierOptions | null) | undefined;
}

const isPlacement: Rule = (value) =>
  value === 'full' || typeof value === 'function'
    ? null
    : { must: "be 'full' or a function", try: "(layer) => layer.name === 'embedding' ? null : {}" };

/** The options for a layer, or null for one that stays as it is. */
function optionsFor(
  layer: layers.Layer,
  placement: NonNullable<AddMultipliersOptions['placement']>,
): MultiplierOptions | null {
  if (isMultiplierLayer(layer) || layer.weights.length === 0) return null;
  if (placement === 'full') return kernelPlaces(layer) === null ? null : {};
  const options = placement(layer);
  if (typeof options !== 'object') {
    throw new TypeError(
      `addMultipliers: "placement" must return options or null. Received ${show(options)} for layer "${layer.name}". Try null.`,
    );
  }
  if (options !== null && 'name' in options) {
    throw new RangeError(
      `addMultipliers: "placement" cannot rename layer "${layer.name}", because the model knows its layers by name. Leave out "name".`,
    );
  }
  return options;
}

/** What to do for layers that hold others, whose kernels a placement can name. */
function adviceFor(layer: layers.Layer, kernels: readonly string[]): string {
  const names = kernels.map((kernel) => `'${kernel}'`).join(', ');
  return `${labelOf(layer)}: { kernels: [${names}] }`;
}

/** Gives a copy the weights of its source, and new factors the values that they start at. */
function copyWeights(source: layers.Layer, target: layers.Layer): void {
  if (isModel(source)) {
    for (const layer of source.layers) {
      copyWeights(layer, (target as LayersModel).getLayer(layer.name));
    }
    return;
  }
  const isNew = isMultiplierLayer(target) && !isMultiplierLayer(source);
  const targets = isNew ? target.layer.weights : target.weights;
  assignWeights(source.weights, targets, (weight) => weight.read());
  if (isNew) target.initializeFactors();
}

/**
 * A copy of a model in which layers have multipliers: same graph, names, weights and outputs, and beside
 * each kernel the factors of `withMultipliers`, which start at 1. Layers that have multipliers stay as they
 * are. The kernels that write the outputs get no row factors, unless the placement says `row: true`: they
 * would learn how often each output occurs. Frozen layers stay frozen, and so are their factors. Roles go along:
 * those that were set, and those that `assignRoles` gave. Layers inside a layer of your own stay plain, of which
 * it warns.
 *
 * The new model has variables of its own and is not compiled: compile it before training goes on. An
 * optimizer's state is not carried over. The source stays as it was.
 *
 * @param model a Sequential or functional model, built or loaded, with nested and shared layers
 * @param options placement 'full', which leaves out layers of classes that are not known, or a function
 * @returns a new model of the same class
 * @throws TypeError for a GraphModel, for something that is no model, and for a model without layers;
 *   RangeError where there is nothing to wrap, and as `withMultipliers` does; Error for a graph that tfjs
 *   cannot rebuild in its order
 * @see arXiv 2601.04890, sec. 2 and 4.4
 * @example
 * const multiplied = addMultipliers(model);
 * multiplied.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
 */
export function addMultipliers(
  model: LayersModel,
  options: AddMultipliersOptions = {},
): LayersModel {
  checkModel('addMultipliers', model);
  checkOptions('addMultipliers', options, { placement: isPlacement });
  const { placement = 'full' } = options;
  const isHead = headsOf(model);
  let found = 0;
  const leftPlain: string[] = [];
  const config = configOf(model, (layer) => {
    if (isMultiplierLayer(layer)) found += 1;
    const given = optionsFor(layer, placement);
    if (given === null && placement === 'full' && !isMultiplierLayer(layer)) {
      const kernels = kernelsInside(layer);
      if (kernels.length > 0) leftPlain.push(adviceFor(layer, kernels));
    }
    if (given === null) return layerToConfig(layer);
    found += 1;
    return layerToConfig(new Multipliers(layer, isHead(layer) ? { row: false, ...given } : given));
  });
  if (found === 0 && placement === 'full') {
    const inside = leftPlain.length > 0 ? ` They may lie inside: ${leftPlain.join('; ')}.` : '';
    throw new RangeError(
      `addMultipliers: model "${model.name}" has no layer whose kernels are known. For a layer of your own try addMultipliers(model, { placement: (layer) => (layer.name === '<name>' ? { kernels: ['<property>'] } : null) }).${inside}`,
    );
  }
  if (leftPlain.length > 0) {
    console.warn(
      `addMultipliers: layers inside a layer of your own stay plain. Wrap them with withMultipliers where it makes them, or let "placement" return for ${leftPlain.join('; and for ')}.`,
    );
  }
  return rebuild('addMultipliers', model, config, (copy) => copyWeights(model, copy));
}
