/** What an experiment on the paper is: cells to train, a rule that turns their numbers into a verdict, and a drawing. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Compile, Preset } from '@tfjs-lrm/language-model';

/** What a settings file fixes before the first run. */
export interface Settings {
  /** How the hyper-parameters were chosen. */
  readonly chosen: string;
  readonly preset: Preset;
  readonly learningRate: number;
  readonly decay: number;
  readonly multiplierDecay: number;
  /** Factors of S = √(η/λ) for the matrices that are varied: their η is multiplied and their λ divided by it. */
  readonly factors: readonly number[];
  readonly seeds: readonly number[];
  readonly validationBatches: number;
  /** The thresholds of the verdict. */
  readonly rule: Readonly<Record<string, number>>;
  readonly quick: Partial<Omit<Settings, 'quick' | 'preset'>> & { readonly steps: number };
}

/** One training run, with everything that determines its numbers. */
export interface Cell {
  readonly experiment: string;
  /** The line of the chart that it belongs to. */
  readonly line: string;
  readonly factor: number;
  readonly seed: number;
  readonly settings: Omit<Settings, 'quick' | 'rule' | 'chosen' | 'factors' | 'seeds'>;
  readonly backend: string;
  readonly compile: Compile;
}

/** The numbers of a cell, `loss` among them, in nats a character. */
export type Measured = Readonly<Record<string, number>>;

export interface Outcome {
  readonly cell: Cell;
  readonly measured: Measured;
}

export interface Verdict {
  readonly verdict: 'reproduced' | 'partly' | 'not seen at this size';
  /** The numbers that it follows from, in words. */
  readonly because: string;
}

/** A name for a cell that changes with any of its settings. */
export const idOf = (cell: Cell): string =>
  createHash('sha256').update(JSON.stringify(cell)).digest('hex').slice(0, 16);

/** The settings of an experiment, or of its quick version. */
export function readSettings(name: string, isQuick: boolean): Settings {
  const url = new URL(`../../src/paper/${name}.json`, import.meta.url);
  const settings = JSON.parse(readFileSync(url, 'utf8')) as Settings;
  if (!isQuick) return settings;
  const { steps, ...rest } = settings.quick;
  return { ...settings, ...rest, preset: { ...settings.preset, steps } };
}

/** A cell for each line, factor and seed. */
export function cellsOf(
  experiment: string,
  lines: readonly string[],
  settings: Settings,
  machine: Pick<Cell, 'backend' | 'compile'>,
): Cell[] {
  const { quick: _, rule: __, chosen: ___, factors, seeds, ...rest } = settings;
  return seeds.flatMap((seed) =>
    lines.flatMap((line) =>
      factors.map((factor) => ({ experiment, line, factor, seed, settings: rest, ...machine })),
    ),
  );
}
