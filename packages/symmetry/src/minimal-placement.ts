import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { innerLayers, kernelPlaces, outputLayers } from '@tfjs-lrm/core/kit';
import type { MultiplierOptions } from '@tfjs-lrm/multipliers';
import type { Operation } from './circuit.ts';
import { orbitsOf } from './orbits.ts';
import { walk } from './walk.ts';

type Matmul = Extract<Operation, { type: 'matmul' }>;

/** Which factors a layer keeps. */
interface Kept {
  row: boolean;
  column: boolean;
}

/** The paths to the properties, of a layer or of those inside, that hold kernels: `kernel`, `layer.kernel`. */
function pathsOf(kernels: ReadonlySet<LayerVariable>, layer: layers.Layer): string[] {
  const visited = new Set<layers.Layer>();
  const search = (each: layers.Layer): string[] => {
    if (visited.has(each)) return [];
    visited.add(each);
    const own = Object.entries(each).filter(([, value]) => kernels.has(value as LayerVariable));
    const inside = innerLayers(each).flatMap(([path, inner]) =>
      search(inner).map((name) => `${path}.${name}`),
    );
    return [...own.map(([name]) => name), ...inside];
  };
  return search(layer);
}

function optionsOf(layer: layers.Layer, { row, column }: Kept): MultiplierOptions | null {
  if (!row && !column) return null;
  if (kernelPlaces(layer) !== null) return { row, column };
  const kernels = pathsOf(new Set(layer.weights.filter(({ shape }) => shape.length > 1)), layer);
  return kernels.length === 0 ? null : { row, column, kernels };
}

/** The kernels that write keys of attention. */
function keysOf(operations: readonly Operation[]): Set<LayerVariable> {
  const keys = new Set(operations.flatMap((at) => (at.type === 'score' ? [at.key] : [])));
  const kernels = new Set<LayerVariable>();
  for (const at of [...operations].reverse()) {
    if (!('y' in at) || !keys.has(at.y)) continue;
    if (at.type === 'bias' || at.type === 'map' || at.type === 'gain') keys.add(at.x);
    if (at.type === 'matmul') kernels.add(at.kernel);
  }
  return kernels;
}

/**
 * A placement for `addMultipliers` that leaves out every multiplier which a symmetry makes redundant. It
 * starts from row and column factors on every kernel and goes through the symmetries found:
 *
 * 1. A head has no row factors: they would learn how often each output occurs.
 * 2. Where a gain writes the channels, it is the column factor of all that reads them, so these have none; and the
 *    row factor of what writes the channels that it multiplies, as a depthwise convolution does.
 * 3. Query against key: the query keeps its rows, since several query heads may share a key.
 * 4. Else, rows against columns: the later matrix keeps its columns, and the first that writes loses its
 *    rows; of what enters a product the factor that reaches it linearly.
 * 5. A normalisation takes no factor away, so an embedding and all that writes a residual stream keep their
 *    rows: a single scale is redundant there, whereas leaving out a row factor would cost one scale a
 *    channel. Light decay of the multipliers holds that one.
 *
 * On a pre-norm transformer with gains this is the paper's minimal placement.
 *
 * @param model without multipliers, the one that `addMultipliers` gets
 * @returns for each layer of the model its options, or null for no multipliers
 * @throws TypeError for something that is not a model
 * @see arXiv 2601.04890, app. C
 * @example
 * const multiplied = addMultipliers(model, { placement: minimalPlacement(model) });
 */
export function minimalPlacement(
  model: LayersModel,
): (layer: layers.Layer) => MultiplierOptions | null {
  const circuit = walk('minimalPlacement', model);
  const { operations, owners } = circuit;
  const heads = outputLayers(model.outputs);
  const kept = new Map<LayerVariable, Kept>();
  const matmuls = new Map<LayerVariable, Matmul>();
  for (const at of operations) {
    if (at.type === 'matmul' && !matmuls.has(at.kernel)) matmuls.set(at.kernel, at);
    const kernel =
      at.type === 'matmul'
        ? at.kernel
        : at.type === 'gain' && at.axes.length > 1
          ? at.vector
          : null;
    if (kernel === null || kept.has(kernel)) continue;
    const placed = owners.get(kernel)?.placed as layers.Layer;
    kept.set(kernel, { row: !heads.has(placed), column: at.type === 'matmul' });
  }
  const keys = keysOf(operations);
  const gains = new Set(
    operations.flatMap((at) => (at.type === 'gain' && at.axes.length === 1 ? [at.vector] : [])),
  );
  const order = [...matmuls.keys()];
  for (const { kind, slices } of orbitsOf(circuit)) {
    if (kind === 'normalisation' || slices.some(({ axes }) => axes.length === 0)) continue;
    const full = slices.filter(({ index }) => !index.includes(-1));
    const rows = full.filter(({ weight, axes }) =>
      matmuls.has(weight) ? axes[0] === matmuls.get(weight)?.output : kept.has(weight),
    );
    const columns = full.filter(({ weight, axes }) => axes[0] === matmuls.get(weight)?.input);
    const scaled = slices.filter(({ weight }) => gains.has(weight));
    if (scaled.length > 0) {
      for (const { weight } of columns) (kept.get(weight) as Kept).column = false;
      for (const { weight, exponent } of rows) {
        if (scaled.some((gain) => gain.exponent === -exponent)) {
          (kept.get(weight) as Kept).row = false;
        }
      }
      continue;
    }
    const key = rows.find(({ weight }) => keys.has(weight));
    if (columns.length === 0 && key === undefined) continue;
    const first = rows
      .map(({ weight }) => weight)
      .sort((a, b) => order.indexOf(a) - order.indexOf(b))[0];
    const loser = key?.weight ?? first;
    if (loser !== undefined) (kept.get(loser) as Kept).row = false;
  }
  const options = new Map<layers.Layer, MultiplierOptions | null>();
  const byLayer = new Map<layers.Layer, Kept>();
  for (const [kernel, { row, column }] of kept) {
    const placed = owners.get(kernel)?.placed as layers.Layer;
    const others = byLayer.get(placed);
    byLayer.set(placed, {
      row: row || (others?.row ?? false),
      column: column || (others?.column ?? false),
    });
  }
  for (const [layer, each] of byLayer) options.set(layer, optionsOf(layer, each));
  // A layer whose kernels the walk does not see keeps all factors that it can have.
  return (layer) =>
    options.get(layer) ?? (options.has(layer) || kernelPlaces(layer) === null ? null : {});
}
