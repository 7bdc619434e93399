import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { innerLayers, kernelPlaces, outputLayers } from '@tfjs-lrm/core/kit';
import type { MultiplierOptions } from '@tfjs-lrm/multipliers';
import type { Operation } from './circuit.ts';
import { orbitsOf } from './orbits.ts';
import { walk } from './walk.ts';

type Matmul = Extract<Operation, { type: 'matmul' }>;

/** The factors that a kernel or layer keeps. */
interface KeptFactors {
  row: boolean;
  column: boolean;
}

/** The paths to the properties of a layer, or of inner ones, that hold kernels: `kernel`, `layer.kernel`. */
function pathsOf(kernels: ReadonlySet<LayerVariable>, layer: layers.Layer): string[] {
  const visited = new Set<layers.Layer>();
  const search = (each: layers.Layer): string[] => {
    if (visited.has(each)) return [];
    visited.add(each);
    const properties = Object.entries(each).filter(([, value]) =>
      kernels.has(value as LayerVariable),
    );
    const inside = innerLayers(each).flatMap(([path, inner]) =>
      search(inner).map((name) => `${path}.${name}`),
    );
    return [...properties.map(([name]) => name), ...inside];
  };
  return search(layer);
}

function optionsOf(layer: layers.Layer, { row, column }: KeptFactors): MultiplierOptions | null {
  if (!row && !column) return null;
  if (kernelPlaces(layer) !== null) return { row, column };
  const kernels = pathsOf(new Set(layer.weights.filter(({ shape }) => shape.length > 1)), layer);
  return kernels.length === 0 ? null : { row, column, kernels };
}

/** The kernels that write the keys of attention. */
function keysOf(operations: readonly Operation[]): Set<LayerVariable> {
  const keys = new Set(
    operations.flatMap((operation) => (operation.type === 'score' ? [operation.key] : [])),
  );
  const kernels = new Set<LayerVariable>();
  for (const operation of [...operations].reverse()) {
    if (!('y' in operation) || !keys.has(operation.y)) continue;
    if (operation.type === 'bias' || operation.type === 'map' || operation.type === 'gain')
      keys.add(operation.x);
    if (operation.type === 'matmul') kernels.add(operation.kernel);
  }
  return kernels;
}

/**
 * A placement for `addMultipliers` that leaves out every multiplier that a symmetry makes redundant. It starts from row
 * and column factors on every kernel and goes through the symmetries of the model:
 *
 * 1. A head has no row factors: they would learn how often each output occurs.
 * 2. A gain acts as the column factor of all kernels that read its channels, and as the row factor of the kernel, such
 *    as that of a depthwise convolution, that writes them. These kernels lose those factors.
 * 3. Query against key: the query keeps its rows, since several query heads may share a key.
 * 4. Otherwise rows against columns: the later matrix keeps its columns, and the first one that writes loses its rows;
 *    of the inputs of a product, the one that enters it linearly loses its factor.
 * 5. A normalisation removes no factor, so an embedding and everything that writes a residual stream keep their rows.
 *    Only a single scale is redundant there, while removing a row factor would lose one scale per channel. Light decay
 *    of the multipliers keeps that scale in place.
 *
 * On a pre-norm transformer with gains this is the paper's minimal placement.
 *
 * @param model the model without multipliers that is passed to `addMultipliers`
 * @returns the options of each layer of the model, or null for no multipliers
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
  const factors = new Map<LayerVariable, KeptFactors>();
  const matmuls = new Map<LayerVariable, Matmul>();
  for (const operation of operations) {
    if (operation.type === 'matmul' && !matmuls.has(operation.kernel))
      matmuls.set(operation.kernel, operation);
    const kernel =
      operation.type === 'matmul'
        ? operation.kernel
        : operation.type === 'gain' && operation.axes.length > 1
          ? operation.vector
          : null;
    if (kernel === null || factors.has(kernel)) continue;
    const placed = owners.get(kernel)?.placed as layers.Layer;
    factors.set(kernel, { row: !heads.has(placed), column: operation.type === 'matmul' });
  }
  const keys = keysOf(operations);
  const gains = new Set(
    operations.flatMap((operation) =>
      operation.type === 'gain' && operation.axes.length === 1 ? [operation.vector] : [],
    ),
  );
  const order = [...matmuls.keys()];
  for (const { kind, slices } of orbitsOf(circuit)) {
    if (kind === 'normalisation' || slices.some(({ axes }) => axes.length === 0)) continue;
    const full = slices.filter(({ index }) => !index.includes(-1));
    const rows = full.filter(({ weight, axes }) =>
      matmuls.has(weight) ? axes[0] === matmuls.get(weight)?.output : factors.has(weight),
    );
    const columns = full.filter(({ weight, axes }) => axes[0] === matmuls.get(weight)?.input);
    const scaled = slices.filter(({ weight }) => gains.has(weight));
    if (scaled.length > 0) {
      for (const { weight } of columns) (factors.get(weight) as KeptFactors).column = false;
      for (const { weight, exponent } of rows) {
        if (scaled.some((gain) => gain.exponent === -exponent)) {
          (factors.get(weight) as KeptFactors).row = false;
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
    if (loser !== undefined) (factors.get(loser) as KeptFactors).row = false;
  }
  const options = new Map<layers.Layer, MultiplierOptions | null>();
  const byLayer = new Map<layers.Layer, KeptFactors>();
  for (const [kernel, { row, column }] of factors) {
    const placed = owners.get(kernel)?.placed as layers.Layer;
    const others = byLayer.get(placed);
    byLayer.set(placed, {
      row: row || (others?.row ?? false),
      column: column || (others?.column ?? false),
    });
  }
  for (const [layer, each] of byLayer) options.set(layer, optionsOf(layer, each));
  // A layer whose kernels the walk does not reach keeps all factors that it can have.
  return (layer) =>
    options.get(layer) ?? (options.has(layer) || kernelPlaces(layer) === null ? null : {});
}
