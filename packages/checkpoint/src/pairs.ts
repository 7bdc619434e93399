/** Which saved tensor belongs to which weight of a model. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { PROPERTY_PREFIXES } from '@tfjs-lrm/core/kit';
import type { SavedTensor } from './content.ts';

/** A weight of the model and its saved value. */
export interface Pair {
  readonly weight: LayersModel['weights'][number];
  readonly saved: SavedTensor;
}

const shown = (name: string, shape: readonly (number | null)[], dtype: string): string =>
  `"${name}" [${shape.join(', ')}] ${dtype}`;

/** A name without the numbers that tfjs adds to layers without a name. */
const withoutNumbers = (name: string): string => name.replaceAll(/\d+/g, '');

const fits = (
  { originalName, shape, dtype }: Pair['weight'],
  saved: SavedTensor | undefined,
): boolean =>
  saved !== undefined &&
  withoutNumbers(saved.name) === withoutNumbers(originalName) &&
  saved.dtype === dtype &&
  saved.shape.join() === shape.join();

const difference = ({
  weight,
  saved,
}: {
  weight: Pair['weight'];
  saved?: SavedTensor | undefined;
}): string =>
  `it has ${saved === undefined ? 'nothing' : shown(saved.name, saved.shape, saved.dtype)} where this one has ${shown(weight.originalName, weight.shape, weight.dtype)}; `;

/**
 * Pairs by name, and by order where the names differ only in their numbers.
 *
 * @throws Error naming the first weights that do not fit
 */
export function pairs(saved: readonly SavedTensor[], { weights }: LayersModel): readonly Pair[] {
  const byName = new Map(saved.map((tensor) => [tensor.name, tensor]));
  const isByName =
    byName.size === saved.length && weights.every(({ originalName }) => byName.has(originalName));
  const couples = weights.map((weight, i) => ({
    weight,
    saved: isByName ? byName.get(weight.originalName) : saved[i],
  }));
  const misfit = couples.find(({ weight, saved: tensor }) => !fits(weight, tensor));
  if (misfit !== undefined || saved.length !== weights.length)
    throw new Error(
      `putState: the state is of another model: ${misfit === undefined ? '' : difference(misfit)}it has ${saved.length} weights, this one ${weights.length}. Build the model as it was when the state was saved.`,
    );
  return couples as readonly Pair[];
}

/** The names under which optimizers save the state of the weights: suffix of tfjs dropped, repeats numbered. */
function keys(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    const base = name.replace(/_\d+$/, '');
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    return count === 1 ? base : `${base}#${count}`;
  });
}

/** The state of an optimizer renamed for the model that it is loaded into, where the numbers in the names differ. */
export function renamed(
  optimizer: readonly SavedTensor[],
  couples: readonly Pair[],
): readonly SavedTensor[] {
  const trained = couples.filter(({ weight }) => weight.trainable);
  const was = keys(trained.map(({ saved }) => saved.name));
  const now = keys(trained.map(({ weight }) => weight.originalName));
  const changed = new Map(was.flatMap((name, i) => (name === now[i] ? [] : [[name, now[i]]])));
  if (changed.size === 0) return optimizer;
  // `roles/<variable>`, `rates/<variable>` and `<path>/<variable>/<slot>`; paths contain no slash.
  return optimizer.map((tensor) => {
    const [path, ...rest] = tensor.name.split('/');
    const isProperty = PROPERTY_PREFIXES.includes(path as string);
    const end = isProperty ? rest.length : rest.length - 1;
    const name = changed.get(rest.slice(0, end).join('/'));
    return name === undefined
      ? tensor
      : { ...tensor, name: [path, name, ...rest.slice(end)].join('/') };
  });
}
