import { broadcast_util, type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import {
  directCost,
  keptCost,
  type Product,
  packedCost,
  slowCost,
  swappedCost,
} from './product-cost.ts';
import { type Parts, partsOf } from './product-parts.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { BYTES, type Matrices, matricesOf } from './wasm-matrices.ts';
import { type Products, productsOf } from './wasm-products.ts';

/** Which argument of `multiply` is the memory that it works in. */
const SCRATCH = 11;

const multipliedBefore = new WeakSet<TensorInfo['dataId']>();

/**
 * The `BatchMatMul` kernel for wasm: out[…, m, n] = Σₖ a[…, m, k] · b[…, k, n], with a stored as […, k, m] for
 * `transposeA` and b as […, n, k] for `transposeB`.
 *
 * Takes the cheapest of the ways that `product-cost.ts` compares. Leading axes broadcast as in NumPy, an empty inner
 * axis gives zeros, and a product that is not of float32 matrices goes to the stock kernel, whose error says what is
 * wrong.
 *
 * tfjs keeps a right operand packed until it is disposed, and looks it up by number alone: it would use what was packed
 * in one shape for another shape. So only an operand in the shape it was created with is multiplied under its own
 * number, and only from its second product on, unless packing it is cheapest anyway: weights are replaced after every
 * step of training, so keeping them packed would be wasted work.
 *
 * @param stock tfjs' kernel, for the products that it computes best
 * @param connectProducts gives our own wasm module, if there can be one
 * @param costOfPacked what a product costs there
 */
export function batchMatMul(
  stock: KernelFunc,
  connectProducts: typeof productsOf = productsOf,
  costOfPacked: typeof packedCost = packedCost,
): KernelFunc {
  return (call) => {
    const backend = call.backend as WasmBackend;
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    const transposeA = Boolean(call.attrs?.transposeA);
    const transposeB = Boolean(call.attrs?.transposeB);

    const [rows, inner] = matrixShape(a, transposeA);
    const [innerB, columns] = matrixShape(b, transposeB);
    const isProduct = a.dtype === 'float32' && b.dtype === 'float32' && inner === innerB;
    if (!isProduct) return stock(call);

    const outerA = a.shape.slice(0, -2);
    const outerB = b.shape.slice(0, -2);
    const outer = broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
    const shape = [...outer, rows, columns];
    if (util.sizeFromShape(shape) * inner === 0) return zeros(backend, shape);

    const batches = util.sizeFromShape(outer);
    const matricesA = util.sizeFromShape(outerA);
    const matricesB = util.sizeFromShape(outerB);
    // With one right operand for the whole batch, the batch just adds rows to the left one.
    const isMerged = matricesB === 1 && !transposeA;
    const product: Product = {
      batches: isMerged ? 1 : batches,
      rows: isMerged ? batches * rows : rows,
      inner,
      columns,
      transposeA,
      transposeB,
      matricesA: isMerged ? 1 : matricesA,
      matricesB,
    };
    const callStock = (): TensorInfo => ({
      ...(stock({ ...call, inputs: asBatches(a, b, product) }) as TensorInfo),
      shape,
    });

    const direct = directCost(product);
    const swapped = swappedCost(product);
    const products = connectProducts(backend);
    const costOf = (part: Product): number =>
      products === undefined ? Number.POSITIVE_INFINITY : costOfPacked(part, products.isRelaxed);
    const parts = partsOf(product, products?.threads?.count ?? 1, costOf);
    // With relaxed SIMD the bits depend on the way, so that the way must not depend on the number of threads.
    const packed = products?.isRelaxed ? costOf(product) : parts.cost;
    let isPacked = packed < Math.min(direct, swapped);
    if (product.batches === 1 && !transposeA && !transposeB) {
      const isRepeated = multipliedBefore.has(b.dataId);
      multipliedBefore.add(b.dataId);
      // With relaxed SIMD the bits depend on the way, so that the way must not depend on how often b was multiplied.
      if (isRepeated || products?.isRelaxed) isPacked = packed < keptCost(product);
      const keepsPacked = !isPacked && (isRepeated || direct <= swapped);
      if (keepsPacked && hasShapeOfCreation(backend, b)) return callStock();
    } else if (slowCost(product) < Math.min(direct, swapped, packed)) {
      // The stock loop uses matrix `batch % matrices`: right for one or all, wrong for [2, 1] with [1, 3].
      const isPlain = (matrices: number): boolean => matrices === 1 || matrices === batches;
      if (isPlain(matricesA) && isPlain(matricesB)) return callStock();
    }

    const out = backend.makeOutput(shape, 'float32');
    const isSwapped = !isPacked && swapped < direct;
    const left: Operand = {
      address: addressOf(backend, a),
      matrices: product.matricesA,
      indices: isMerged ? [0] : broadcastIndices(outerA, outer),
      isTransposed: transposeA !== isSwapped,
    };
    const right: Operand = {
      address: addressOf(backend, b),
      matrices: matricesB,
      indices: isMerged ? [0] : broadcastIndices(outerB, outer),
      isTransposed: transposeB !== isSwapped,
    };
    const batch: Batch = {
      ...(isSwapped ? { left: right, right: left } : { left, right }),
      shape: isSwapped ? [columns, inner, product.rows] : [product.rows, inner, columns],
      out: addressOf(backend, out),
      isOutTransposed: isSwapped,
    };
    if (isPacked && products !== undefined) {
      multiplyPacked(products, matricesOf(backend), batch, parts);
    } else {
      multiplyBatch(matricesOf(backend), batch);
    }
    return out;
  };
}

/** The last two axes in the order that the product uses; NaN, which equals no size, where there are fewer. */
function matrixShape({ shape }: TensorInfo, isTransposed: boolean): [number, number] {
  const [height = Number.NaN, width = Number.NaN] = shape.length < 2 ? [] : shape.slice(-2);
  return isTransposed ? [width, height] : [height, width];
}

/** Both operands as batches of matrices, merged in the same way as the product. */
function asBatches(a: TensorInfo, b: TensorInfo, product: Product): Record<string, TensorInfo> {
  const { rows, inner, columns, matricesA, matricesB, transposeA, transposeB } = product;
  const shapeA = transposeA ? [inner, rows] : [rows, inner];
  const shapeB = transposeB ? [columns, inner] : [inner, columns];
  return {
    a: { ...a, shape: [matricesA, ...shapeA] },
    b: { ...b, shape: [matricesB, ...shapeB] },
  };
}

/** Whether the operand is the matrix that its data was created as, up to leading axes of size 1. */
function hasShapeOfCreation(backend: WasmBackend, { dataId, shape }: TensorInfo): boolean {
  const created = backend.dataIdMap.get(dataId).shape;
  return created.at(-1) === shape.at(-1) && created.at(-2) === shape.at(-2);
}

const roundUp = (size: number, to: number): number => Math.ceil(size / to) * to;

function zeros(backend: WasmBackend, shape: number[]): TensorInfo {
  const out = backend.makeOutput(shape, 'float32');
  backend.typedArrayFromHeap(out).fill(0);
  return out;
}

/** For each matrix of a batch, the index of the matrix that it uses of an operand with leading axes `own`. */
function broadcastIndices(own: readonly number[], broadcast: readonly number[]): number[] {
  let indices = [0];
  for (const [axis, size] of broadcast.entries()) {
    const ownSize = own[axis - (broadcast.length - own.length)] ?? 1;
    indices = indices.flatMap((index) =>
      Array.from({ length: size }, (_, i) => index * ownSize + (i % ownSize)),
    );
  }
  return indices;
}

interface Operand {
  /** The addresses of its matrices. */
  readonly address: number;
  readonly matrices: number;
  /** The matrix that each product of the batch uses. */
  readonly indices: readonly number[];
  /** Whether they are stored with their axes in the opposite order to the one that the product needs. */
  readonly isTransposed: boolean;
}

interface Batch {
  readonly left: Operand;
  readonly right: Operand;
  readonly shape: readonly [rows: number, inner: number, columns: number];
  readonly out: number;
  readonly isOutTransposed: boolean;
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
function multiplyPacked(products: Products, memory: Matrices, batch: Batch, parts: Parts): void {
  const { left, right, out } = batch;
  const [rows, inner, columns] = batch.shape;
  const [sizeLeft, sizeRight, size] = [rows * inner, inner * columns, rows * columns];
  const { threads } = products;
  const count = threads?.count ?? 1;
  // A multiple of cache lines, so that no thread waits for another one.
  const scratchBytes = roundUp(products.scratchFloats(inner, parts.columns) * BYTES, 64);
  const scratch = memory.allocate((count * scratchBytes) / BYTES);
  const batches = left.indices.length;
  const longest = parts.isShared ? Math.ceil(batches / (RUNS_A_THREAD * count)) : batches;
  const calls: number[][] = [];
  for (const { start, count, steps } of runsOf(left.indices, right.indices, longest)) {
    const [fromLeft, fromRight] = [
      left.indices[start]! * sizeLeft,
      right.indices[start]! * sizeRight,
    ];
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
          count,
          steps[0] * sizeLeft,
          steps[1] * sizeRight,
          size,
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
function multiplyBatch(
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
