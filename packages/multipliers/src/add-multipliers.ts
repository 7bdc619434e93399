import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkOptions, kernelPlaces, labelOf, type Rule, show } from '@tfjs-lrm/core/kit';
import { checkModel } from './check-model.ts';
import { copyLayer } from './copy-layer.ts';
import { assignWeights, copyModel, layersOf } from './copy-model.ts';
import { headsOf } from './heads.ts';
import { isMultiplierLayer, Multipliers } from './multiplier-layer.ts';
import { type MultiplierOptions, settingsOf } from './options.ts';
import { kernelsInside } from './places.ts';

/** Which layers of a model get multipliers. */
export interface AddMultipliersOptions {
  /**
   * `'full'`, the default: every layer whose kernels are known. A function gets each layer with weights, including
   * those in nested models, and returns the options of `withMultipliers` for it, or null to leave it as it is.
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

/** The placement to suggest for a layer that holds layers with kernels. */
function adviceFor(layer: layers.Layer, kernels: readonly string[]): string {
  const names = kernels.map((kernel) => `'${kernel}'`).join(', ');
  return `${labelOf(layer)}: { kernels: [${names}] }`;
}

/** The options of each layer that gets multipliers, decided before anything is copied. */
function plannedOptions(
  model: LayersModel,
  placement: NonNullable<AddMultipliersOptions['placement']>,
): ReadonlyMap<layers.Layer, MultiplierOptions> {
  const isHead = headsOf(model);
  const planned = new Map<layers.Layer, MultiplierOptions>();
  const plain: string[] = [];
  const all = [...layersOf(model)];
  for (const layer of all) {
    const options = optionsFor(layer, placement);
    if (options !== null) {
      // To reject wrong options before anything is created.
      settingsOf(options, layer);
      planned.set(layer, isHead(layer) ? { row: false, ...options } : options);
    } else if (placement === 'full' && !isMultiplierLayer(layer)) {
      const kernels = kernelsInside(layer);
      if (kernels.length > 0) plain.push(adviceFor(layer, kernels));
    }
  }
  if (placement === 'full' && planned.size === 0 && !all.some(isMultiplierLayer)) {
    const inside = plain.length > 0 ? ` They may lie inside: ${plain.join('; ')}.` : '';
    throw new RangeError(
      `addMultipliers: model "${model.name}" has no layer whose kernels are known. For a layer of your own try addMultipliers(model, { placement: (layer) => (layer.name === '<name>' ? { kernels: ['<property>'] } : null) }).${inside}`,
    );
  }
  if (plain.length > 0) {
    console.warn(
      `addMultipliers: layers inside a layer of your own stay plain. Wrap them with withMultipliers where it makes them, or let "placement" return for ${plain.join('; and for ')}.`,
    );
  }
  return planned;
}

/** Copies the weights of the source layer, and gives new factors their initial values. */
function copyWeights(source: layers.Layer, copy: layers.Layer): void {
  const isNew = isMultiplierLayer(copy) && !isMultiplierLayer(source);
  const targets = isNew ? copy.layer.weights : copy.weights;
  assignWeights('addMultipliers', source, source.weights, targets, (weight) => weight.read());
  if (isNew) copy.initializeFactors();
}

/**
 * A copy of a model in which layers have multipliers: same graph, names, weights and outputs, and for each kernel the
 * factors of `withMultipliers`, which start at 1. Layers that already have multipliers stay as they are. The kernels
 * that write the outputs get no row factors, unless the placement says `row: true`: they would learn how often each
 * output occurs. Frozen layers stay frozen, and so are their factors. Roles are copied: those that were set, and those
 * that `assignRoles` assigned. Layers inside a layer of your own stay plain, and a warning says so.
 *
 * The graph is copied call by call, with layers of the same class, created by `fromConfig` from what `getConfig`
 * returns. A copy keeps the layer's name, whatever its constructor does with it. The result is a plain Sequential or
 * LayersModel: the methods of a subclass are not copied. The new model has its own variables and is not compiled:
 * compile it before you continue training. An optimizer's state is not carried over. The source stays as it was.
 *
 * @param model a Sequential or functional model, built or loaded, with nested and shared layers
 * @param options placement 'full', which leaves out layers of classes that are not known, or a function
 * @returns a new Sequential for a Sequential, else a new LayersModel
 * @throws TypeError for a GraphModel, for anything but a model, and for a model without layers;
 *   RangeError where there is nothing to wrap, and as `withMultipliers` does; Error for a layer that
 *   cannot be made from its configuration, and for a subclass of LayersModel with a `call` of its own
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
  const planned = plannedOptions(model, placement);
  return copyModel('addMultipliers', model, {
    copyLayer: (layer) => {
      const copy = copyLayer('addMultipliers', layer);
      const options = planned.get(layer);
      return options === undefined ? copy : new Multipliers(copy, options);
    },
    copyWeights,
  });
}
