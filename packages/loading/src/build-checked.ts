/** Builds a checked topology with tfjs' own code, and finds the layer at which that fails. */
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { checkSize, labelOf, undoable, withPatches } from '@tfjs-lrm/core/kit';
import { classOf, describeSaved, entriesOf, kindOf } from './check-topology.ts';
import { layerPatches } from './internals.ts';
import { loadError } from './load-error.ts';
import type { Saved } from './saved.ts';

function construct(saved: Saved, fastWeightInit: boolean): layers.Layer {
  const [cls, fromConfig] = classOf(saved) as NonNullable<ReturnType<typeof classOf>>;
  return fromConfig(cls, saved.config, {}, fastWeightInit);
}

/** The layers and models in a saved model, each after the ones inside it. */
const partsOf = (saved: Saved): Saved[] =>
  kindOf(saved) === 'layer' ? [] : entriesOf(saved).flatMap((entry) => [...partsOf(entry), entry]);

/** The error from building a part separately, or null. */
function errorOf(saved: Saved): unknown {
  try {
    undoable(() => construct(structuredClone(saved), true))[1]();
    return null;
  } catch (error) {
    return error ?? new Error();
  }
}

/**
 * The error for a model with a part that cannot be built; it names the value without which it can be, if there is one.
 */
function partError(saved: Saved, error: unknown): Error {
  const { config } = saved;
  const key = Object.keys(config).find((each) => {
    const { [each]: _, ...others } = config;
    return kindOf(saved) === 'layer' && errorOf({ ...saved, config: others }) === null;
  });
  return key === undefined
    ? loadError(describeSaved(saved), config, error)
    : loadError(`"${key}" of ${describeSaved(saved)}`, config[key], error);
}

/** The error for a failed build: of the layer that was being applied, or of a part that cannot be created at all. */
function buildError(topology: Saved, layer: layers.Layer | undefined, error: unknown): Error {
  if (layer !== undefined) {
    const saved = partsOf(topology).find(({ config }) => config['name'] === layer.name);
    return loadError(labelOf(layer), saved?.config ?? layer.name, error);
  }
  for (const part of partsOf(topology)) {
    const reason = errorOf(part);
    if (reason !== null) return partError(part, reason);
  }
  const { inputLayers, outputLayers } = topology.config;
  return loadError(describeSaved(topology), { inputLayers, outputLayers }, error);
}

/**
 * The model of a checked topology. Each weight is checked before it is allocated: its dimensions must be integers, it
 * may hold at most `most` values, and all weights together at most twice as many.
 *
 * @param fastWeightInit whether weights start at 0, because they will be overwritten
 * @throws RangeError for a weight that is too large; Error for a layer that fails, with its error as the cause
 */
export function buildChecked(topology: Saved, most: number, fastWeightInit: boolean): LayersModel {
  const failed = new Map<unknown, layers.Layer>();
  let values = 0;
  const patches = layerPatches({
    apply: (apply) =>
      function (...args) {
        if ([args[0]].flat().includes(undefined)) {
          throw new RangeError(
            `loadModel: ${labelOf(this)} takes an output that the layer before it does not have. Compare its inbound_nodes with the file as it was saved.`,
          );
        }
        try {
          return apply.apply(this, args);
        } catch (error) {
          // The innermost one.
          if (!failed.has(error)) failed.set(error, this);
          throw error;
        }
      },
    addWeight: (addWeight) =>
      function (...args) {
        const [name, shape] = args;
        const size = checkSize('loadModel', this, name, shape);
        values += size;
        // Twice as many in total, because missing or wrong weights are reported once all are known.
        if (size > most || values > 2 * most) {
          throw new RangeError(
            `loadModel: the file must hold all weights. Received ${most} values, and up to weight "${name}" of shape [${shape}] of ${labelOf(this)} the layers need ${values}. Compare the sizes in its configuration with the file as it was saved.`,
          );
        }
        return addWeight.apply(this, args);
      },
  });
  try {
    // A copy, because tfjs writes to the configuration that it reads.
    const copy = structuredClone(topology);
    return withPatches(patches, () => construct(copy, fastWeightInit) as LayersModel);
  } catch (error) {
    throw buildError(topology, failed.get(error), error);
  }
}
