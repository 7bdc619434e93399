/** How one product or a batch of them is shared out to threads. */
import type { Product } from './product-cost.ts';

/** Each product of a batch in parts of so many rows and columns. */
export interface Parts {
  readonly rows: number;
  readonly columns: number;
  /** Whether threads share them; the main one does all otherwise. */
  readonly isShared: boolean;
  /** Nanoseconds for the whole batch on all threads. */
  readonly cost: number;
}

/** What it costs to wake the other threads and to wait for the last of them. */
const WAKE = 4000;
/** Parts begin at whole tiles of either kind of SIMD: 4 × 8 and 6 × 8. */
const ROWS = 12;
const COLUMNS = 8;

const portion = (size: number, parts: number, tile: number): number =>
  Math.min(size, Math.ceil(size / parts / tile) * tile);

/**
 * The parts that cost least: all on the main thread, products of a batch whole, or each cut along its rows or its columns. The inner axis is
 * never cut, so that every element is summed in the same order on any number of threads.
 *
 * @param cost what a product costs on one thread
 */
export function partsOf(
  product: Product,
  threads: number,
  cost: (product: Product) => number,
): Parts {
  const { batches, rows, columns } = product;
  const whole = { rows, columns, isShared: false, cost: cost(product) };
  if (threads === 1) return whole;
  const shared = (partRows: number, partColumns: number): Parts => {
    const parts = batches * Math.ceil(rows / partRows) * Math.ceil(columns / partColumns);
    const part = cost({ ...product, batches: 1, rows: partRows, columns: partColumns });
    return {
      ...{ rows: partRows, columns: partColumns, isShared: true },
      cost: WAKE + Math.ceil(parts / threads) * part,
    };
  };
  const candidates = [
    whole,
    shared(rows, columns),
    shared(portion(rows, threads, ROWS), columns),
    shared(rows, portion(columns, threads, COLUMNS)),
  ];
  return candidates.reduce((best, candidate) => (candidate.cost < best.cost ? candidate : best));
}
