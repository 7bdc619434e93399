import { type Batch, multiplyBatch, multiplyPacked } from './product-batch.ts';
import { type Product, packedCost } from './product-cost.ts';
import { partsOf } from './product-parts.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { BYTES, matricesOf } from './wasm-matrices.ts';
import { productsOf } from './wasm-products.ts';

/** A product of matrices in the heap of tfjs, at these addresses: out[rows, columns] = a[rows, inner] · b[inner, columns]. */
export interface HeapProduct {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  readonly shape: readonly [rows: number, inner: number, columns: number];
  /** Whether a is stored as [inner, rows], b as [columns, inner]. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Whether the product is added to what `out` holds. */
  readonly adds?: boolean;
}

/**
 * Computes a product by our own module, or by XNNPACK where there is none. No side may be 0.
 *
 * @param connectProducts gives our own wasm module, if there can be one
 */
export function multiplyInHeap(
  backend: WasmBackend,
  heapProduct: HeapProduct,
  connectProducts: typeof productsOf = productsOf,
): void {
  const { a, b, out, shape, transposeA = false, transposeB = false, adds = false } = heapProduct;
  const [rows, inner, columns] = shape;
  const one = { matrices: 1, indices: [0] };
  const batch: Batch = {
    left: { ...one, address: a, isTransposed: transposeA },
    right: { ...one, address: b, isTransposed: transposeB },
    ...{ shape, out, isOutTransposed: false, adds },
  };
  const matrices = matricesOf(backend);
  const products = connectProducts(backend);
  if (products !== undefined) {
    const product: Product = {
      ...{ batches: 1, rows, inner, columns, transposeA, transposeB, matricesA: 1, matricesB: 1 },
    };
    const parts = partsOf(product, products.threads?.count ?? 1, (part) =>
      packedCost(part, products.isRelaxed),
    );
    multiplyPacked(products, matrices, batch, parts);
  } else if (adds) {
    const size = rows * columns;
    const sum = matrices.allocate(size);
    try {
      multiplyBatch(matrices, { ...batch, out: sum });
      // The product may have grown the heap, which detaches all arrays created before.
      const heap = new Float32Array(backend.wasm.HEAPU8.buffer);
      for (let i = 0; i < size; i++) heap[out / BYTES + i]! += heap[sum / BYTES + i]!;
    } finally {
      matrices.free(sum);
    }
  } else {
    multiplyBatch(matrices, batch);
  }
}
