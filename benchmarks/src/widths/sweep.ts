/** The losses of students of several widths at several learning rates. */
import * as tf from '@tensorflow/tfjs-core';
import { mean } from '@tfjs-lrm/language-model';
import { type Cell, type Cells, cellsIn } from './cells.ts';
import { indexOfLeast, lowestRate } from './lowest-rate.ts';
import {
  batchesOf,
  build,
  type Losses,
  type Parametrization,
  student,
  type Training,
  train,
  validationExamples,
} from './student.ts';

export interface Sweep extends Training {
  readonly parametrization: Parametrization;
  /** The rates are meant for the least of them. */
  readonly widths: readonly number[];
  readonly rates: readonly number[];
  readonly seeds: number;
  /** The loss by which rates are compared. */
  readonly loss: keyof Losses;
}

/** The losses of one width at each rate. */
export interface Curve {
  readonly parametrization: Parametrization;
  readonly width: number;
  readonly rates: readonly number[];
  /** Means over the seeds. */
  readonly losses: readonly number[];
  /** The index of the best rate. */
  readonly best: number;
  /** The rate at the lowest point of a parabola through the losses. */
  readonly lowest: number;
  /** The losses of each seed. */
  readonly ofSeeds: readonly (readonly number[])[];
}

function cellOf(
  { parametrization, steps, batch, schedule, head, widths }: Sweep,
  width: number,
  rate: number,
  seed: number,
): Cell {
  return {
    ...{ backend: tf.getBackend(), parametrization, width, base: Math.min(...widths), rate, seed },
    ...{ steps, batch, schedule, head },
  };
}

/** Trains the students of a seed that are not among the cells. */
async function trainSeed(
  settings: Sweep,
  seed: number,
  cells: Cells,
  report: (cell: Cell, losses: Losses) => void,
): Promise<void> {
  const { parametrization, widths, rates, head } = settings;
  const missing = widths
    .flatMap((width) => rates.map((rate) => cellOf(settings, width, rate, seed)))
    .filter((cell) => cells.get(cell) === undefined);
  if (missing.length === 0) return;
  const [batches, validation] = [batchesOf(seed, settings), validationExamples()];
  const base = build(Math.min(...widths), seed, head);
  for (const cell of missing) {
    const { width, rate } = cell;
    const model = student(parametrization, width, rate, seed, base, settings);
    const losses = await train(model, batches, validation);
    model.optimizer.dispose();
    model.dispose();
    cells.put(cell, losses);
    report(cell, losses);
  }
  base.dispose();
  tf.dispose([batches, validation]);
}

/**
 * Trains a student of each width at each rate, and each seed, where its losses are not among the cells.
 *
 * @returns a curve for each width, in their order
 */
export async function sweep(
  settings: Sweep,
  cells: Cells = cellsIn(),
  report: (cell: Cell, losses: Losses) => void = () => {},
): Promise<Curve[]> {
  const { parametrization, widths, rates, loss } = settings;
  const seeds = Array.from({ length: settings.seeds }, (_, seed) => seed);
  for (const seed of seeds) await trainSeed(settings, seed, cells, report);
  return widths.map((width) => {
    const ofSeeds = seeds.map((seed) =>
      rates.map((rate) => (cells.get(cellOf(settings, width, rate, seed)) as Losses)[loss]),
    );
    const losses = rates.map((_, i) => mean(ofSeeds.map((each) => each[i] as number)));
    const [best, lowest] = [indexOfLeast(losses), lowestRate(rates, losses)];
    return { parametrization, width, rates, losses, ofSeeds, best, lowest };
  });
}

/** Rates √2 apart. */
export const gridFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first * 2 ** (i / 2));
