/** Batches of products in the heap of tfjs, by our own module or by XNNPACK. */
import type { Parts } from './product-parts.ts';
import { BYTES, type Matrices } from './wasm-matrices.ts';
import type { Products } from './wasm-products.ts';

/** Which argument of `multiply` is the memory that it works in. */
const SCRATCH = 11;

const roundUp = (size: number, to: number): number => Math.ceil(size / to) * to;

export interface Operand {
  /** The addresses of its matrices. */
  readonly address: number;
  readonly matrices: number;
  /** The matrix that each product of the batch uses. */
  readonly indices: readonly number[];
  /** Whether they are stored with their axes in the opposite order to the one that the product needs. */
  readonly isTransposed: boolean;
}

export interface Batch {
  readonly left: Operand;
  readonly right: Operand;
  readonly shape: readonly [rows: number, inner: number, columns: number];
  readonly out: number;
  readonly isOutTransposed: boolean;
  /** Whether the products are added to what `out` holds: by our own module only. */
  readonly adds?: boolean;
  /** The address of a bias [columns], or 0: by our own module only. */
  readonly bias?: number;
}

/** Products in a row, of matrices that lie equally far apart: from a place in the batch on, so many matrices further each time. */
interface Run {
  readonly start: number;
  readonly count: number;
  readonly steps: readonly [left: number, right: number];
}

/** The whole batch as runs of at most so many products. */
function runsOf(left: readonly number[], right: readonly number[], longest: number): Run[] {
  const runs: Run[] = [];
  const stepsAt = (i: number) => [left[i + 1]! - left[i]!, right[i + 1]! - right[i]!] as const;
  for (let start = 0, count = 1; start < left.length; start += count, count = 1) {
    const steps = stepsAt(start);
    const goesOn = (): boolean => {
      const [ofLeft, ofRight] = stepsAt(start + count - 1);
      return ofLeft === steps[0] && ofRight === steps[1];
    };
    while (count < longest && start + count < left.length && goesOn()) count++;
    runs.push({ start, count, steps: count === 1 ? [0, 0] : steps });
  }
  return runs;
}

/** More runs than threads, so that none waits long for one that other programs hold up. */
const RUNS_A_THREAD = 4;

/** out = left · right for each product of a batch, by our own module, which reads transposed matrices where they are. */
export function multiplyPacked(
  products: Products,
  memory: Matrices,
  batch: Batch,
  parts: Parts,
): void {
  const { left, right, out, adds = false, bias = 0 } = batch;
  const [rows, inner, columns] = batch.shape;
  const [sizeLeft, sizeRight, size] = [rows * inner, inner * columns, rows * columns];
  const { threads } = products;
  const threadCount = threads?.count ?? 1;
  // A multiple of cache lines, so that no thread waits for another one.
  const scratchBytes = roundUp(products.scratchFloats(inner, parts.columns) * BYTES, 64);
  const scratch = memory.allocate((threadCount * scratchBytes) / BYTES);
  const batches = left.indices.length;
  const longest = parts.isShared ? Math.ceil(batches / (RUNS_A_THREAD * threadCount)) : batches;
  const calls: number[][] = [];
  for (const { start, count, steps } of runsOf(left.indices, right.indices, longest)) {
    const fromLeft = left.indices[start]! * sizeLeft;
    const fromRight = right.indices[start]! * sizeRight;
    for (let row = 0; row < rows; row += parts.rows) {
      for (let column = 0; column < columns; column += parts.columns) {
        calls.push([
          left.address + (fromLeft + row * (left.isTransposed ? 1 : inner)) * BYTES,
          right.address + (fromRight + column * (right.isTransposed ? inner : 1)) * BYTES,
          out + (start * size + row * columns + column) * BYTES,
          Math.min(parts.rows, rows - row),
          inner,
          Math.min(parts.columns, columns - column),
          Number(left.isTransposed),
          Number(right.isTransposed),
          left.isTransposed ? rows : inner,
          right.isTransposed ? inner : columns,
          columns,
          scratch,
          Number(adds),
          bias === 0 ? 0 : bias + column * BYTES,
          count,
          steps[0] * sizeLeft,
          steps[1] * sizeRight,
          size,
        ]);
      }
    }
  }
  try {
    if (threads !== undefined && parts.isShared) {
      threads.run('multiply', calls, { argument: SCRATCH, bytes: scratchBytes });
    } else {
      for (const call of calls) products.multiply(...(call as Parameters<Products['multiply']>));
    }
  } finally {
    memory.free(scratch);
  }
}

/** out = left · right for each product of a batch by XNNPACK; transposed matrices pass through scratch memory. */
export function multiplyBatch(
  matrices: Matrices,
  { left, right, shape, out, isOutTransposed }: Batch,
): void {
  const [rows, inner, columns] = shape;
  const batches = left.indices.length;
  const leftScratch = left.isTransposed ? left.matrices * rows * inner : 0;
  const rightScratch = right.isTransposed ? right.matrices * inner * columns : 0;
  const outScratch = isOutTransposed ? batches * rows * columns : 0;
  const scratch = matrices.allocate(leftScratch + rightScratch + outScratch);
  const leftStart = left.isTransposed ? scratch : left.address;
  const rightStart = right.isTransposed ? scratch + leftScratch * BYTES : right.address;
  const outStart = isOutTransposed ? scratch + (leftScratch + rightScratch) * BYTES : out;
  try {
    if (left.isTransposed) matrices.transpose(left.address, leftStart, left.matrices, inner, rows);
    if (right.isTransposed) {
      matrices.transpose(right.address, rightStart, right.matrices, columns, inner);
    }
    let packed = -1;
    for (let batch = 0; batch < batches; batch++) {
      const index = right.indices[batch]!;
      if (index !== packed) {
        matrices.pack(rightStart + index * inner * columns * BYTES, rows, inner, columns);
        packed = index;
      }
      matrices.multiply(
        leftStart + left.indices[batch]! * rows * inner * BYTES,
        outStart + batch * rows * columns * BYTES,
      );
    }
    if (isOutTransposed) matrices.transpose(outStart, out, batches, rows, columns);
  } finally {
    matrices.unpack();
    matrices.free(scratch);
  }
}
