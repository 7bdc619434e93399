import { multiplyBatch } from './batch-mat-mul.ts';
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

/** Computes a product by our own module, or by XNNPACK where there is none. No side may be 0. */
export function multiplyInHeap(backend: WasmBackend, product: HeapProduct): void {
  const { a, b, out, shape, transposeA = false, transposeB = false, adds = false } = product;
  const [rows, inner, columns] = shape;
  const matrices = matricesOf(backend);
  const products = productsOf(backend);
  const size = rows * columns;
  const floats = products?.scratchFloats(inner, columns) ?? (adds ? size : 0);
  const scratch = matrices.allocate(floats);
  try {
    if (products !== undefined) {
      products.multiply(
        a,
        b,
        out,
        rows,
        inner,
        columns,
        transposeA,
        transposeB,
        transposeA ? rows : inner,
        transposeB ? inner : columns,
        columns,
        scratch,
        adds,
      );
      return;
    }
    const one = { matrices: 1, indices: [0] };
    const left = { ...one, address: a, isTransposed: transposeA };
    const right = { ...one, address: b, isTransposed: transposeB };
    const target = adds ? scratch : out;
    multiplyBatch(matrices, { left, right, shape, out: target, isOutTransposed: false });
    if (!adds) return;
    // The product may have grown the heap, which detaches all arrays created before.
    const heap = new Float32Array(backend.wasm.HEAPU8.buffer);
    for (let i = 0; i < size; i++) heap[out / BYTES + i]! += heap[scratch / BYTES + i]!;
  } finally {
    matrices.free(scratch);
  }
}
