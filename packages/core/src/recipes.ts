/** Loads saved state into another recipe by rewriting its names to the paths of the current optimizers. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { nearest } from './check.ts';
import { knownNames } from './registry.ts';
import { PROPERTY_PREFIXES } from './standing.ts';
import { savedNames } from './state.ts';

interface Named {
  readonly name: string;
  readonly tensor: Tensor;
}

/** An optimizer that may receive saved state. */
export interface Destination {
  readonly path: string;
  /** Its name in saved state, and the names of other optimizers whose state it understands. */
  readonly names: readonly string[];
  readonly isLeaf: boolean;
  /** Whether it trains other variables than those of the model, so that saved moments do not apply to them. */
  readonly remakesVariables: boolean;
}

/** Tensors named by the paths of the current optimizers. */
export interface Relocated {
  readonly weights: readonly Named[];
  /** True where another recipe saved them, so that only names say what belongs to what. */
  readonly isOther: boolean;
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf(':') + 1);
const pathOf = (name: string): string => name.split('/', 1)[0] as string;
const isProperty = (path: string): boolean => PROPERTY_PREFIXES.includes(path);
const isSlot = (name: string): boolean => name.split('/').length > 2;
const isInside = (path: string, outer: string): boolean => path.startsWith(`${outer}:`);

/**
 * The path to an optimizer without the adapters around it and around its groups: `byRole:matrix` for the adam of
 * `clipping:byRole:matrix:weightDecay:adam`. An optimizer with only one optimizer inside adds no key to the path.
 */
function groupOf(path: string, all: ReadonlySet<string>): string {
  const chain = [...all]
    .filter((outer) => isInside(path, outer))
    .sort((a, b) => a.length - b.length);
  return chain
    .flatMap((outer, at) => {
      const inner = chain[at + 1] ?? path;
      const steps = inner.slice(outer.length + 1).split(':');
      return steps.length === 1 ? [] : [lastOf(outer), ...steps.slice(0, -1)];
    })
    .join(':');
}

/** The only current optimizer that fits the saved path: by path, by group and name, or by name. */
function destinationOf(
  saved: string,
  savedPaths: ReadonlySet<string>,
  here: readonly Destination[],
): Destination | null {
  const herePaths = new Set(here.map(({ path }) => path));
  const takes = ({ names }: Destination, path: string): boolean => names.includes(lastOf(path));
  const group = groupOf(saved, savedPaths);
  const rules: ((path: string, place: Destination) => boolean)[] = [
    (path, place) => path === place.path,
    (path, place) =>
      takes(place, path) &&
      groupOf(path, savedPaths) === group &&
      groupOf(place.path, herePaths) === group,
    (path, place) => takes(place, path),
  ];
  for (const fits of rules) {
    const [place, ...others] = here.filter((each) => fits(saved, each));
    if (place === undefined || others.length > 0) continue;
    if ([...savedPaths].every((path) => path === saved || !fits(path, place))) return place;
  }
  return null;
}

/**
 * The state of tfjs' own Adam in the form that an adapter's state has; null for any other. It has `iter`, then the
 * first moments of all variables as `<variable>/m`, then the second ones as `<variable>/v`.
 */
function fromTfjsAdam(weights: readonly Named[], here: readonly Destination[]): Named[] | null {
  const takers = here.filter(({ names }) => names.includes('Adam'));
  if (takers.length !== 1 || lastOf(takers[0]?.path ?? '') === 'Adam') return null;
  const optimizers = new Set([...knownNames(), ...here.flatMap(({ names }) => names)]);
  const slots = weights.filter(({ name }) => name !== 'iter');
  if (slots.length === 0 || slots.length % 2 === 1) return null;
  if (slots.some(({ name }) => optimizers.has(lastOf(pathOf(name))))) return null;
  const half = slots.length / 2;
  const owners = slots.map(({ name }) => name.slice(0, -2));
  const isPaired = slots.every(
    ({ name, tensor }, i) =>
      name.endsWith(i < half ? '/m' : '/v') &&
      owners[i] === owners[i % half] &&
      String(tensor.shape) === String(slots[i % half]?.tensor.shape),
  );
  if (!isPaired) return null;
  const keys = savedNames(owners.slice(0, half));
  return [
    ...weights.filter(({ name }) => name === 'iter'),
    ...slots.map(({ name, tensor }, i) => ({
      name: `Adam/${keys[i % half]}${name.slice(-2)}`,
      tensor,
    })),
  ];
}

/**
 * Rewrites the names of saved state to the paths of the current optimizers. State of an adapter that has been removed
 * is dropped, as long as it holds nothing for a variable; a new adapter continues the step count.
 *
 * @throws Error naming the first tensor that belongs to none of the current optimizers, or could belong to several
 */
export function relocate(
  where: string,
  weights: readonly Named[],
  here: readonly Destination[],
): Relocated {
  const herePaths = here.map(({ path }) => path);
  const isState = ({ name }: Named): boolean => name !== 'iter' && !isProperty(pathOf(name));
  const isKnown = ({ name }: Named): boolean =>
    name.includes('/') && herePaths.includes(pathOf(name));
  if (weights.filter(isState).every(isKnown)) return { weights, isOther: false };

  const named = fromTfjsAdam(weights, here) ?? weights;
  const state = named.filter(isState);
  const savedRoot = pathOf(state[0]?.name ?? '').split(':', 1)[0] as string;
  const savedPaths = new Set([savedRoot, ...state.map(({ name }) => pathOf(name))]);
  const refuse = ({ name }: Named, why: string): never => {
    throw new Error(
      `${where}: "${name}" belongs to none of the optimizers here (${herePaths.join(', ')}). It was saved by another optimizer or another nesting, and ${why}. The nearest here is "${nearest(pathOf(name), herePaths)}". Build the optimizer that saved it, or pass the state without it.`,
    );
  };
  const places = new Map(
    [...savedPaths].map((path) => [path, destinationOf(path, savedPaths, here)] as const),
  );
  for (const each of state) {
    const path = pathOf(each.name);
    if ((places.get(path) ?? null) !== null && each.name.includes('/')) continue;
    const isLeaf = ![...savedPaths].some((other) => isInside(other, path));
    if (path.split(':', 1)[0] !== savedRoot || !each.name.includes('/')) {
      refuse(each, 'not together with the rest');
    }
    if (!isSlot(each.name) && (!isLeaf || each.name.endsWith('/iter'))) continue;
    refuse(
      each,
      isLeaf
        ? 'no optimizer here is the only one of its name'
        : 'without that adapter its values would be lost: to give them up, load into the recipe that saved them, and train with what is inside (".inner")',
    );
  }
  const taken = new Set([...places.values()]);
  const remaker = here.find((place) => place.remakesVariables && !taken.has(place));
  const firstSlot = state.find(({ name }) => isSlot(name));
  if (remaker !== undefined && firstSlot !== undefined) {
    refuse(firstSlot, `is of variables that "${remaker.path}" replaces by its own`);
  }
  return { weights: renamed(named, places, savedRoot, here), isOther: true };
}

function renamed(
  named: readonly Named[],
  places: ReadonlyMap<string, Destination | null>,
  savedRoot: string,
  here: readonly Destination[],
): Named[] {
  const iter = named.find(({ name }) => name === 'iter');
  const result = new Map<string, Tensor>();
  for (const { name, tensor } of named) {
    const path = pathOf(name);
    if (path === 'iter') continue;
    if (isProperty(path)) result.set(name, tensor);
    const place = places.get(path) ?? null;
    if (place !== null) result.set(`${place.path}${name.slice(path.length)}`, tensor);
  }
  if (iter !== undefined) {
    const root = places.get(savedRoot) ?? null;
    const counting = here.filter((place) => !place.isLeaf || place === root);
    for (const { path } of counting) {
      if (!result.has(`${path}/iter`)) result.set(`${path}/iter`, iter.tensor);
    }
  }
  const rootPath = here[0]?.path as string;
  return [...result].map(([name, tensor]) => ({
    name: name === `${rootPath}/iter` ? 'iter' : name,
    tensor,
  }));
}
