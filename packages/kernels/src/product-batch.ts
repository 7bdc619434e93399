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

/** out = left · right for each product of a batch, by our own module, which reads transposed matrices where they are. */
export function multiplyPacked(
  products: Products,
  memory: Matrices,
  batch: Batch,
  parts: Parts,
): void {
  const { left, right, out, adds = false, bias = 0 } = batch;
  const [rows, inner, columns] = batch.shape;
  const strideLeft = left.isTransposed ? rows : inner;
  const strideRight = right.isTransposed ? inner : columns;
  const { threads } = products;
  // A multiple of cache lines, so that no thread waits for another one.
  const scratchBytes = roundUp(products.scratchFloats(inner, parts.columns) * BYTES, 64);
  const scratch = memory.allocate(((threads?.count ?? 1) * scratchBytes) / BYTES);
  const calls: number[][] = [];
  for (const [i, index] of left.indices.entries()) {
    for (let row = 0; row < rows; row += parts.rows) {
      for (let column = 0; column < columns; column += parts.columns) {
        const [fromLeft, fromRight, to] = [
          index * rows * inner + row * (left.isTransposed ? 1 : inner),
          right.indices[i]! * inner * columns + column * (right.isTransposed ? inner : 1),
          (i * rows + row) * columns + column,
        ];
        calls.push([
          left.address + fromLeft * BYTES,
          right.address + fromRight * BYTES,
          out + to * BYTES,
          Math.min(parts.rows, rows - row),
          inner,
          Math.min(parts.columns, columns - column),
          Number(left.isTransposed),
          Number(right.isTransposed),
          strideLeft,
          strideRight,
          columns,
          scratch,
          Number(adds),
          bias === 0 ? 0 : bias + column * BYTES,
        ]);
      }
    }
  }
  try {
    if (threads !== undefined && calls.length > 1) {
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
