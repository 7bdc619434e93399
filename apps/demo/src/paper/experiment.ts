/** What an experiment on the paper is: cells to train, a rule that turns their numbers into a verdict, and drawings. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Compile, Corpus } from '@tfjs-lrm/language-model';
import type { Drawing } from './drawings.ts';

/** What every settings file fixes before the first run; each experiment adds what determines its own cells. */
export interface Settings {
  /** How the hyper-parameters were chosen. */
  readonly chosen: string;
  readonly seeds: readonly number[];
  /** The thresholds of the verdict. */
  readonly rule: Readonly<Record<string, number>>;
  /** About how long a cell takes on an idle core; only the time left follows from it. */
  readonly seconds: number;
  /** What the quick version has instead; objects are merged key by key. */
  readonly quick: Readonly<Record<string, unknown>>;
}

/** What distinguishes the cells of an experiment, apart from the seed. */
export type Varied = Readonly<Record<string, string | number>>;

/** One training run, with everything that determines its numbers, apart from the code. */
export interface Cell<V extends Varied = Varied, T extends object = object> {
  /** The experiment that trains it; another one may use the same cell. */
  readonly experiment: string;
  readonly varied: V;
  readonly seed: number;
  /** Those settings that its numbers depend on. */
  readonly settings: T;
  readonly backend: string;
  readonly compile: Compile;
}

/** A cell before the machine is known. */
export type Plan<V extends Varied = Varied, T extends object = object> = Omit<
  Cell<V, T>,
  'backend' | 'compile'
>;

/** The numbers of a cell by name: one, or a list of them, such as one a block or one a step. */
export type Measured = Readonly<Record<string, number | readonly number[]>>;

export interface Outcome<V extends Varied = Varied> {
  readonly cell: Cell<V>;
  readonly measured: Measured;
}

export interface Verdict {
  readonly verdict: 'reproduced' | 'partly' | 'not seen at this size';
  /** The numbers that it follows from, in words: statements with semicolons between them, which the report lists. */
  readonly because: string;
}

/** Whether the whole claim was seen, a part of it, or nothing; hyphens before numbers become minus signs. */
export const verdictOf = (because: string, isWhole: boolean, isPart: boolean): Verdict => ({
  verdict: isWhole ? 'reproduced' : isPart ? 'partly' : 'not seen at this size',
  because: because.replaceAll(/(?<=[\s(])-(?=\d)/g, '−'),
});

/** A file that reads like a description, with a settings file of its name beside it. */
export interface Experiment {
  readonly name: string;
  readonly title: string;
  /** The paper's claim in a sentence. */
  readonly claim: string;
  /** Its cells are trained last, one at a time, since others would disturb what they measure. */
  readonly isAlone?: boolean;
  plans(settings: Settings): readonly Plan[];
  /** Seconds of a cell on an idle core, where they differ from cell to cell. */
  seconds?(plan: Plan, settings: Settings): number;
  /** Trains a cell; the backend is ready. Absent where all cells are those of another experiment. */
  train?(cell: Cell, corpus: Corpus): Promise<Measured>;
  judge(outcomes: readonly Outcome[], settings: Settings): Verdict;
  /** The first one is the picture of the experiment. */
  drawings(outcomes: readonly Outcome[], settings: Settings): readonly Drawing[];
}

/** A name for a cell that changes with any of its settings. */
export const idOf = (cell: Cell): string =>
  createHash('sha256').update(JSON.stringify(cell)).digest('hex').slice(0, 16);

/** A cell in words. */
export const describe = ({ experiment, varied, seed }: Plan): string =>
  `${experiment}, ${Object.entries(varied)
    .map(([key, value]) => (typeof value === 'number' ? `${key} ${value}` : value))
    .join(', ')}, seed ${seed}`;

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A settings file, with what it lacks from the one that its `of` names: whose cells an experiment uses. */
function readFile<S extends Settings>(name: string): S & Record<string, unknown> {
  const url = new URL(`../../src/paper/${name}.json`, import.meta.url);
  const { of, ...own } = JSON.parse(readFileSync(url, 'utf8'));
  return of === undefined ? own : { ...readFile<S>(of), ...own };
}

/** The seconds of a cell of the quick version, by its steps. */
function inProportion(full: Settings, quick: object): number {
  const stepsOf = (settings: object): number =>
    'preset' in settings ? (settings.preset as { readonly steps: number }).steps : 1;
  return (full.seconds * stepsOf(quick)) / stepsOf(full);
}

/** The settings of an experiment, or of its quick version. */
export function readSettings<S extends Settings = Settings>(name: string, isQuick: boolean): S {
  const settings = readFile<S>(name);
  if (!isQuick) return settings;
  const merged = Object.entries(settings.quick).map(([key, value]) => {
    const full = settings[key];
    return [key, isObject(full) && isObject(value) ? { ...full, ...value } : value];
  });
  const quick = { ...settings, ...Object.fromEntries(merged) };
  return 'seconds' in settings.quick ? quick : { ...quick, seconds: inProportion(settings, quick) };
}

/** Each value of every list with each of the others, the last list fastest. */
export function combinations<V extends Varied>(
  lists: {
    readonly [K in keyof V]: readonly V[K][];
  },
): V[] {
  return Object.entries<readonly (string | number)[]>(lists).reduce<Varied[]>(
    (all, [key, values]) =>
      all.flatMap((each) => values.map((value) => ({ ...each, [key]: value }))),
    [{}],
  ) as V[];
}

/**
 * A cell for each seed and combination.
 *
 * @param keys those settings that the numbers of a cell depend on; their order is part of a cell's name
 */
export function grid<V extends Varied, S extends Settings, K extends keyof S>(
  experiment: string,
  lists: { readonly [Name in keyof V]: readonly V[Name][] },
  settings: S,
  keys: readonly K[],
): Plan<V, Pick<S, K>>[] {
  const own = Object.fromEntries(keys.map((key) => [key, settings[key]])) as Pick<S, K>;
  return settings.seeds.flatMap((seed) =>
    combinations<V>(lists).map((varied) => ({ experiment, varied, seed, settings: own })),
  );
}
