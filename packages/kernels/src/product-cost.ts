/** A batch of products A·B of matrices, A [rows, inner] and B [inner, columns]. */
export interface Product {
  readonly batches: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** Whether A is stored as [inner, rows], B as [columns, inner]. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** How many different matrices there are on each side: 1 where one serves the whole batch. */
  readonly matricesA: number;
  readonly matricesB: number;
}

/*
 * What a product costs on each way through tfjs' wasm backend, in nanoseconds.
 *
 * Only a product of two plain, unbatched matrices reaches XNNPACK there; all others run in a scalar loop. So
 * there are three ways:
 *
 * - slow: that loop. About 1 ns a multiplication and nothing else, so it wins for tiny products.
 * - direct: XNNPACK on each pair of the batch. A multiplication costs a twelfth, but B is packed first, which
 *   costs as much for each of its elements as 33 multiplications, and what is stored transposed is copied.
 * - swapped: direct for Bᵀ·Aᵀ, and its result transposed. It packs A in place of B, so it wins where A is the
 *   smaller one, and it wants transposed what direct does not. Both sum in the same order: same bits.
 *
 * The constants are a least-squares fit of the logarithm of the time over 644 random products (batches of 1 to
 * 64, sides of 1 to 1024, all transposes) on 2 cores of an AMD EPYC, Node 20.20, wasm with SIMD, one thread.
 * Choosing by them took 1.02 × the time of always choosing best; always direct took 1.87 ×, always slow 7.2 ×.
 */
const CALL = 700; // one operator of XNNPACK: create, look up, run, delete
const MULTIPLY = 0.077;
const PACK = 2.6;
const TRANSPOSE = 0.84;
const TRANSPOSE_CALL = 260;
const SLOW_MULTIPLY = 0.93;
const SLOW_ELEMENT = 3.7;

/** What a product costs by our own module, wasm-products.c, in the same nanoseconds. */
export interface PackedConstants {
  readonly call: number;
  /** A multiplication of a whole tile; what sticks out of the matrix costs as much. */
  readonly multiply: number;
  /** An element of A, stored transposed; a plain A is read where it is. */
  readonly packLeft: number;
  /** An element of B, and of one that is stored transposed. */
  readonly packRight: number;
  readonly packTransposed: number;
  /** An element of the result, for each block of the inner axis. */
  readonly write: number;
}

/*
 * The constants that lose least time by choosing wrong over 300 random products (batches of 1 to 64, sides of 1 to
 * 2048, all transposes), least CPU time of 5 rounds in turn, on 2 busy cores of an AMD EPYC: `npm run wasm:measure -- --seed 77`.
 * Choosing by them takes 1.007 × the time of always choosing best on Node 20.20 with SIMD, and 1.005 × on Node 24.22 with relaxed
 * SIMD; always our own module 1.048 × and 1.029 ×; never, 1.58 × and 1.74 ×.
 */
export const SIMD: PackedConstants = {
  call: 240,
  multiply: 0.0434,
  packLeft: 0.4,
  packRight: 0.25,
  packTransposed: 0.122,
  write: 0.41,
};
export const RELAXED_SIMD: PackedConstants = {
  call: 333,
  multiply: 0.0255,
  packLeft: 0.4,
  packRight: 0.4,
  packTransposed: 0.5,
  write: 0.25,
};

const TILE_COLUMNS = 8;
const RESIDENT = 8192;

/** The cost of our own module: it packs large matrices, except an A that is not stored transposed. */
export function packedCost(
  product: Product,
  isRelaxed: boolean,
  constants: PackedConstants = isRelaxed ? RELAXED_SIMD : SIMD,
): number {
  const { batches, rows, inner, columns, transposeA, transposeB } = product;
  const tileRows = isRelaxed ? 6 : 4;
  const tiledRows = tiled(rows, tileRows);
  const tiledColumns = tiled(columns, TILE_COLUMNS);
  const depth = Math.min(inner, 256);
  // As in wasm-products.c: what stays in the cache or is read just a few times is read where it is.
  const paysToPack = (stride: number, size: number, tile: number): boolean =>
    depth * stride > RESIDENT && size > (stride < 1024 ? 2 * tile : tile);
  const packsLeft = rows < tileRows || (transposeA && paysToPack(rows, columns, TILE_COLUMNS));
  const packsRight = columns < TILE_COLUMNS || transposeB || paysToPack(columns, rows, tileRows);
  return (
    batches *
    (constants.call +
      constants.multiply * inner * tiledRows * tiledColumns +
      (packsLeft ? constants.packLeft * inner * tiledRows * Math.ceil(columns / 1536) : 0) +
      (packsRight
        ? (transposeB ? constants.packTransposed : constants.packRight) * inner * tiledColumns
        : 0) +
      constants.write * Math.ceil(inner / 256) * rows * columns)
  );
}

export function slowCost({ batches, rows, inner, columns }: Product): number {
  return batches * rows * columns * (SLOW_MULTIPLY * inner + SLOW_ELEMENT);
}

/** The cost of one product by XNNPACK whose right operand is packed already. */
export function keptCost({ rows, inner, columns }: Product): number {
  return CALL + MULTIPLY * inner * tiled(rows, 4) * tiled(columns, 8);
}

export function directCost(product: Product): number {
  const { batches, rows, inner, columns } = product;
  // XNNPACK computes tiles of 4 × 8; the part of a tile that sticks out of the matrix costs as much.
  const tiledRows = tiled(rows, 4);
  const tiledColumns = tiled(columns, 8);
  return (
    batches * (CALL + MULTIPLY * inner * tiledRows * tiledColumns) +
    product.matricesB * PACK * inner * tiledColumns +
    (product.transposeA ? transposeCost(product.matricesA, rows * inner) : 0) +
    (product.transposeB ? transposeCost(product.matricesB, inner * columns) : 0)
  );
}

export function swappedCost(product: Product): number {
  const swapped: Product = {
    batches: product.batches,
    rows: product.columns,
    inner: product.inner,
    columns: product.rows,
    transposeA: !product.transposeB,
    transposeB: !product.transposeA,
    matricesA: product.matricesB,
    matricesB: product.matricesA,
  };
  return directCost(swapped) + transposeCost(product.batches, product.rows * product.columns);
}

const transposeCost = (matrices: number, elements: number): number =>
  matrices * (TRANSPOSE_CALL + TRANSPOSE * elements);

const tiled = (size: number, tile: number): number => Math.ceil(size / tile) * tile;
