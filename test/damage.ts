/** Damage to saved configurations and files, the same for a seed in every run. */

import type { Files } from './files.ts';
import { random } from './tensors.ts';

export type Json = Record<string, unknown>;
type Random = () => number;

export const pick = <T>(next: Random, from: readonly T[]): T =>
  from[Math.floor(next() * from.length)] as T;

/** All objects in a value with keys, wherever they lie. */
function objectsIn(value: unknown): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) || Object.keys(value).length === 0
    ? inside
    : [value as Json, ...inside];
}

/** All arrays in a value that are not empty. */
function arraysIn(value: unknown): unknown[][] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(arraysIn);
  return Array.isArray(value) && value.length > 0 ? [value, ...inside] : inside;
}

const deep = (levels: number): unknown => (levels === 0 ? 1 : { layer: deep(levels - 1) });
const WRONG: readonly (() => unknown)[] = [
  ...[null, true, 'nonsense', -1, 1.5, 0, 3, 1e12, 2 ** 40].map((value) => () => value),
  () => [],
  () => ({}),
  () => [1e12, -3],
  () => deep(40),
  () => deep(400),
  () => ({ class_name: 'Nowhere', config: {} }),
  () => ({ class_name: 'constructor', config: {} }),
  () => JSON.parse('{"__proto__": {"units": 3}}'),
  () => ({ constructor: { prototype: { polluted: true } } }),
];
const CLASSES = ['Nowhere', 'constructor', '__proto__', 'LrmMultipliers', 'Dense', 'toString', 7];

/** One change somewhere in a configuration. */
export function change(next: Random, config: unknown): void {
  const target = pick(next, objectsIn(config));
  const key = pick(next, Object.keys(target));
  const kind = next();
  if (kind < 0.25) delete target[key];
  else if (kind < 0.35) Object.assign(target, { constructor: { prototype: 1 } });
  else if (kind < 0.45)
    target['className' in target ? 'className' : 'class_name'] = pick(next, CLASSES);
  else target[key] = pick(next, WRONG)();
}

/** One change to the order or the number of things. */
function reorder(next: Random, config: unknown): void {
  const list = pick(next, arraysIn(config));
  const [from, to] = [0, 0].map(() => Math.floor(next() * list.length)) as [number, number];
  const kind = next();
  if (kind < 0.3) list.splice(from, 1);
  else if (kind < 0.6) list.splice(to, 0, structuredClone(list[from]));
  else [list[from], list[to]] = [list[to], list[from]];
}

/** One change to which layer takes what: itself, a layer after it, one that is not there, a call that is never made. */
function rewire(next: Random, config: unknown): void {
  const sources = arraysIn(config).filter(
    (list) => typeof list[0] === 'string' && typeof list[1] === 'number',
  );
  if (sources.length === 0) {
    change(next, config);
    return;
  }
  const source = pick(next, sources);
  if (next() < 0.5)
    source[0] = pick(next, [...sources.map(([name]) => name), 'nowhere', 'toString']);
  else source[next() < 0.7 ? 1 : 2] = pick(next, [1, 2, 7, -1, 0.5, '0']);
}

/** The weights of another entry, or its shape. */
function swapSpecs(next: Random, config: unknown): void {
  const specs = objectsIn(config).filter((each) => 'shape' in each && 'dtype' in each);
  if (specs.length === 0) {
    change(next, config);
    return;
  }
  const [one, other] = [pick(next, specs), pick(next, specs)];
  const key = pick(next, ['shape', 'name', 'dtype', 'quantization', 'group']);
  [one[key], other[key]] = [other[key], one[key]];
  for (const each of [one, other]) if (each[key] === undefined) delete each[key];
}

const KINDS = [change, change, change, reorder, rewire, rewire, swapSpecs];

/** A file with one to three things wrong in its model.json, or with other bytes than it says. */
export function damaged(files: Files, seed: number): Files {
  const next = random(seed);
  const json: unknown = JSON.parse(Buffer.from(files['model.json'] as string, 'base64').toString());
  const copy: Record<string, string> = { ...files };
  for (let count = Math.ceil(next() * 3); count > 0; count--) {
    if (next() < 0.12) {
      const shard = pick(
        next,
        Object.keys(files).filter((name) => name !== 'model.json'),
      );
      const bytes = Buffer.from(copy[shard] as string, 'base64');
      const cut = Math.floor(next() * bytes.length);
      copy[shard] = (
        next() < 0.7 ? bytes.subarray(0, cut) : Buffer.concat([bytes, bytes.subarray(0, cut)])
      ).toString('base64');
      continue;
    }
    pick(next, KINDS)(next, json);
  }
  copy['model.json'] = Buffer.from(JSON.stringify(json)).toString('base64');
  return copy;
}
