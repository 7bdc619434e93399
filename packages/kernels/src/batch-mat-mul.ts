import { broadcast_util, type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { type Batch, multiplyBatch, multiplyPacked, type Operand } from './product-batch.ts';
import {
  directCost,
  keptCost,
  type Product,
  packedCost,
  slowCost,
  swappedCost,
} from './product-cost.ts';
import { partsOf } from './product-parts.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { matricesOf } from './wasm-matrices.ts';
import { productsOf } from './wasm-products.ts';

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
 * Beside those of tfjs it has an input `bias` [columns] of float32, added to every row; it may be left out.
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
    const { a, b, bias } = call.inputs as { a: TensorInfo; b: TensorInfo; bias?: TensorInfo };
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
    const plusBias = (out: TensorInfo): TensorInfo => {
      if (bias !== undefined) addToRows(backend, out, bias);
      return out;
    };
    if (util.sizeFromShape(shape) * inner === 0) return plusBias(zeros(backend, shape));

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
    const callStock = (): TensorInfo =>
      plusBias({
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
      const address = bias === undefined ? 0 : addressOf(backend, bias);
      multiplyPacked(products, matricesOf(backend), { ...batch, bias: address }, parts);
      return out;
    }
    multiplyBatch(matricesOf(backend), batch);
    return plusBias(out);
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

function zeros(backend: WasmBackend, shape: number[]): TensorInfo {
  const out = backend.makeOutput(shape, 'float32');
  backend.typedArrayFromHeap(out).fill(0);
  return out;
}

/** Adds a bias to every row of a new tensor. */
function addToRows(backend: WasmBackend, out: TensorInfo, bias: TensorInfo): void {
  const sums = backend.typedArrayFromHeap(out);
  const terms = backend.typedArrayFromHeap(bias);
  for (let row = 0; row < sums.length; row += terms.length) {
    for (let i = 0; i < terms.length; i++) sums[row + i]! += terms[i]!;
  }
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
