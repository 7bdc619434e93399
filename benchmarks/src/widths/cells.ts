/** The runs of the study that are done, a line each in a file, so that a study that was interrupted goes on. */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Losses, Parametrization, Training } from './student.ts';

/** All that determines the losses of a run. */
export interface Cell extends Training {
  readonly backend: string;
  readonly parametrization: Parametrization;
  readonly width: number;
  /** The width for which the rate is meant. */
  readonly base: number;
  readonly rate: number;
  readonly seed: number;
}

export interface Cells {
  readonly get: (cell: Cell) => Losses | undefined;
  readonly put: (cell: Cell, losses: Losses) => void;
}

/** The same text whatever the order in which the properties of a cell were written. */
const idOf = (cell: Cell): string =>
  JSON.stringify(Object.entries(cell).sort(([a], [b]) => (a < b ? -1 : 1)));

/** JSON has no NaN. */
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);

/** The cells of a line; none where a line was cut off as it was written. */
function parsed(line: string): [id: string, losses: Losses][] {
  try {
    const { cell, training, validation } = JSON.parse(line) as { cell: Cell } & Losses;
    return [[idOf(cell), { training: numberOf(training), validation: numberOf(validation) }]];
  } catch {
    return [];
  }
}

/** Cells in memory, or in a file, which is made where there is none. */
export function cellsIn(file?: string): Cells {
  const lines =
    file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const known = new Map(lines.flatMap(parsed));
  // Ends a line that was cut off.
  if (file !== undefined) {
    if (lines.length === 0) writeFileSync(file, '');
    else if (lines.at(-1) !== '') appendFileSync(file, '\n');
  }
  return {
    get: (cell) => known.get(idOf(cell)),
    put: (cell, losses) => {
      known.set(idOf(cell), losses);
      if (file !== undefined) appendFileSync(file, `${JSON.stringify({ cell, ...losses })}\n`);
    },
  };
}
