/**
 * How a pass of wasm-passes.c divides into parts that threads compute at once. Every element of a result is computed by one part, in the
 * order of the whole pass, so that the bits are the same on any number of threads.
 */
import { BYTES } from './wasm-matrices.ts';

/** Of the arguments of a call. */
interface Division {
  /** Which argument counts the rows, or elements, that are shared out. */
  readonly count: number;
  /** For each address, the floats by which it moves with a row; 0 where all rows read the same. */
  readonly floats: readonly number[];
  /** Rows that stay together. */
  readonly unit?: number;
}

type Values = readonly number[];

const elements = (addresses: number): Division => ({
  count: addresses,
  floats: new Array<number>(addresses).fill(1),
});

/** By the name of the export. Passes that add over all of their input are not here: their sums keep their order. */
const DIVISIONS: Readonly<Record<string, (values: Values) => Division>> = {
  adam: () => ({ count: 9, floats: [1, 1, 1, 1, 0, 0, 1, 1, 1] }),
  exp: () => elements(2),
  gatedSilu: () => elements(4),
  gatedSiluGradient: () => elements(6),
  layerNorm: ({ 7: width = 1 }) => ({ count: 6, floats: [width, 0, 0, width, 1, 1] }),
  rmsNorm: ({ 5: groups = 1, 6: width = 1 }) => ({
    count: 4,
    floats: [groups * width, 0, groups * width, groups],
  }),
  rotate: ({ 5: time = 1, 6: width = 1 }) => ({
    count: 4,
    floats: [width, 0, 0, width],
    unit: time,
  }),
  scale: ({ 5: width = 1 }) => ({ count: 4, floats: [width, 1, 0, width] }),
  softmax: ({ 3: width = 1, 4: time = 0 }) => ({
    count: 2,
    floats: [width, width],
    unit: Math.max(time, 1),
  }),
  softmaxGradient: ({ 4: width = 1 }) => ({ count: 3, floats: [width, width, width] }),
  turnHeads: ({ 5: time = 1, 6: heads = 1, 7: width = 1 }) => ({
    count: 4,
    floats: [time * heads * width, 0, 0, time * heads * width],
  }),
};

/** The fewest floats of a part that is worth waking a thread for. */
const LEAST_FLOATS = 16_384;

/** The calls of the parts; undefined where the pass is best done by one call. */
export function partsOfPass(name: string, values: Values, threads: number): number[][] | undefined {
  const division = DIVISIONS[name]?.(values);
  if (division === undefined) return undefined;
  const { count, floats, unit = 1 } = division;
  const rows = values[count] as number;
  const floatsARow = Math.max(...floats);
  const parts = Math.min(threads, Math.floor((rows * floatsARow) / LEAST_FLOATS), rows / unit);
  if (parts < 2) return undefined;
  // Single elements in multiples of 16, so that no two threads write to the same cache line.
  const step = floatsARow === 1 ? 16 : unit;
  const rowsAPart = Math.ceil(rows / parts / step) * step;
  return Array.from({ length: Math.ceil(rows / rowsAPart) }, (_, part) => {
    const start = part * rowsAPart;
    return values.map((value, i) => {
      if (i === count) return Math.min(rowsAPart, rows - start);
      const isAbsent = value === 0;
      return i < floats.length && !isAbsent ? value + start * (floats[i] as number) * BYTES : value;
    });
  });
}
