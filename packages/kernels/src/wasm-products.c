/*
 * C[rows, columns] = op(A) · op(B), row-major float32, in the memory of tfjs' wasm module.
 *
 * The scheme of Goto and van de Geijn (Anatomy of high-performance matrix multiplication, 2008): a block of B, and what
 * of A is stored transposed or sticks out of a tile, is copied into panels that the innermost loop reads in order.
 * That loop keeps a tile of C in registers. Transposed operands cost nothing but another order of copying.
 *
 * Every element of C is summed in the order of the inner axis, beginning with 0, the bias of its column or what C held. Without relaxed
 * SIMD that is what XNNPACK does, so the results are equal bit for bit; with it, multiplication and addition round once where the machine can.
 *
 * There is no static data, no stack and no library, since the memory belongs to another module. `npm run wasm:build` compiles it.
 */
#include <wasm_simd128.h>

#ifdef RELAXED
/* 12 accumulators, 2 vectors of B and one element of A: the 15 registers that V8 has on x64. */
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define STEPS 1
#define MULTIPLY_ADD(a, b, c) __builtin_wasm_relaxed_madd_f32x4(a, b, c)
#else
/* 8 accumulators, a product, 2 vectors of B and 4 elements of A, since V8 of Node 20 loads all of them first: 15. */
#define TILE_ROWS 4
#define TILE_VECTORS 2
#define STEPS 2
#define MULTIPLY_ADD(a, b, c) wasm_f32x4_add(c, wasm_f32x4_mul(a, b))
#endif

#define TILE_COLUMNS (4 * TILE_VECTORS)
/* A block of B, [BLOCK_INNER, BLOCK_COLUMNS], and one of A, [BLOCK_ROWS, BLOCK_INNER], which stays in the cache. */
#define BLOCK_INNER 256
#define BLOCK_COLUMNS 1536
#define BLOCK_ROWS 96
/* Floats of a block that is read where it is in any order, since it stays in the cache of the first level. */
#ifndef RESIDENT
#define RESIDENT 8192
#endif

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define ROUND_UP(n, to) (((n) + (to) - 1) / (to) * (to))
#define UNROLL _Pragma("clang loop unroll(full)")
#define KEEP_LOOP _Pragma("clang loop unroll(disable) vectorize(disable)")
#define INLINE static inline __attribute__((always_inline))

/** One step of the inner axis: the tile plus a column of A times a row of B. */
INLINE void step(v128_t tile[TILE_ROWS][TILE_VECTORS], const float *a, int row_stride, const float *b) {
  v128_t row[TILE_VECTORS];
  UNROLL for (int j = 0; j < TILE_VECTORS; j++) row[j] = wasm_v128_load(b + 4 * j);
  UNROLL for (int i = 0; i < TILE_ROWS; i++) {
    v128_t element = wasm_v128_load32_splat(a + i * row_stride);
    UNROLL for (int j = 0; j < TILE_VECTORS; j++) tile[i][j] = MULTIPLY_ADD(element, row[j], tile[i][j]);
  }
}

/**
 * c (+)= a · b for one tile c, with any strides, so that matrices and panels, transposed or not, are all read by this loop.
 * Each step of it is a basic block of its own: compilers move the loads of a block together, and what they load for two steps does not
 * fit into registers. An accumulator that leaves its register waits for memory in each step, which halves the speed.
 */
static __attribute__((noinline)) void multiply_tile(const float *a, int row_stride, int inner_stride, const float *b, int b_stride,
                                                    float *c, int c_stride, int inner, int adds) {
  v128_t tile[TILE_ROWS][TILE_VECTORS];
  UNROLL for (int i = 0; i < TILE_ROWS; i++)
    UNROLL for (int j = 0; j < TILE_VECTORS; j++)
      tile[i][j] = adds ? wasm_v128_load(c + i * c_stride + 4 * j) : wasm_f32x4_const(0, 0, 0, 0);
  const float *end = b + inner * b_stride;
  KEEP_LOOP do {
    step(tile, a, row_stride, b);
    a += inner_stride;
    b += b_stride;
#if STEPS == 2
    if (b == end) break;
    step(tile, a, row_stride, b);
    a += inner_stride;
    b += b_stride;
#endif
  } while (b != end);
  UNROLL for (int i = 0; i < TILE_ROWS; i++)
    UNROLL for (int j = 0; j < TILE_VECTORS; j++) wasm_v128_store(c + i * c_stride + 4 * j, tile[i][j]);
}

/** Copies a matrix [height, width]. */
INLINE void copy(const float *from, int from_stride, float *to, int to_stride, int height, int width) {
  KEEP_LOOP for (; height > 0; height--, from += from_stride, to += to_stride) {
    int j = 0;
    KEEP_LOOP for (; j + 4 <= width; j += 4) wasm_v128_store(to + j, wasm_v128_load(from + j));
    KEEP_LOOP for (; j < width; j++) to[j] = from[j];
  }
}

/** Copies source[inner, width] into panels [inner, tile], one after the other; what the last one lacks is 0. */
INLINE void pack_rows(const float *source, int stride, int inner, int width, int tile, float *panel) {
  for (int start = 0; start < width; start += tile) {
    int present = MIN(width - start, tile);
    const float *row = source + start;
    if (present == tile) {
      KEEP_LOOP for (int k = 0; k < inner; k++, row += stride, panel += tile) {
        int j = 0;
        UNROLL for (; j + 4 <= tile; j += 4) wasm_v128_store(panel + j, wasm_v128_load(row + j));
        UNROLL for (; j < tile; j++) panel[j] = row[j];
      }
    } else {
      KEEP_LOOP for (int k = 0; k < inner; k++, row += stride, panel += tile)
        KEEP_LOOP for (int j = 0; j < tile; j++) panel[j] = j < present ? row[j] : 0;
    }
  }
}

/** Copies source[width, inner], the transposed of what `pack_rows` reads, into the same panels. */
INLINE void pack_columns(const float *source, int stride, int inner, int width, float *panel) {
  const int tile = TILE_COLUMNS;
  for (int start = 0; start < width; start += tile, source += tile * stride) {
    int present = MIN(width - start, tile);
    int k = 0;
    if (present == tile) {
      KEEP_LOOP for (; k + 4 <= inner; k += 4, panel += 4 * tile) {
        UNROLL for (int j = 0; j < tile; j += 4) {
          const float *corner = source + j * stride + k;
          v128_t r0 = wasm_v128_load(corner), r1 = wasm_v128_load(corner + stride);
          v128_t r2 = wasm_v128_load(corner + 2 * stride), r3 = wasm_v128_load(corner + 3 * stride);
          v128_t low01 = wasm_i32x4_shuffle(r0, r1, 0, 4, 1, 5), high01 = wasm_i32x4_shuffle(r0, r1, 2, 6, 3, 7);
          v128_t low23 = wasm_i32x4_shuffle(r2, r3, 0, 4, 1, 5), high23 = wasm_i32x4_shuffle(r2, r3, 2, 6, 3, 7);
          wasm_v128_store(panel + j, wasm_i64x2_shuffle(low01, low23, 0, 2));
          wasm_v128_store(panel + tile + j, wasm_i64x2_shuffle(low01, low23, 1, 3));
          wasm_v128_store(panel + 2 * tile + j, wasm_i64x2_shuffle(high01, high23, 0, 2));
          wasm_v128_store(panel + 3 * tile + j, wasm_i64x2_shuffle(high01, high23, 1, 3));
        }
      }
    }
    KEEP_LOOP for (; k < inner; k++, panel += tile)
      KEEP_LOOP for (int j = 0; j < tile; j++) panel[j] = j < present ? source[j * stride + k] : 0;
  }
}

/** Copies source[height, inner], fewer rows than a tile has, into one panel [inner, TILE_ROWS]. */
INLINE void pack_few_rows(const float *source, int stride, int inner, int height, float *panel) {
  KEEP_LOOP for (int k = 0; k < inner; k++, panel += TILE_ROWS)
    KEEP_LOOP for (int i = 0; i < TILE_ROWS; i++) panel[i] = i < height ? source[i * stride + k] : 0;
}

/** Whether to copy a block into panels that is stored in the right order: it must be too large for the cache, and not just read once or twice. */
INLINE int pays_to_pack(int stride, int resident_stride, int size, int tile) {
  /* Rows that are a page apart are dear to read even twice. */
  return stride > resident_stride && size > (stride < 1024 ? 2 * tile : tile);
}

/** The floats that `multiply` needs to work in, for products with this inner axis and number of columns. */
__attribute__((export_name("scratchFloats"))) int scratch_floats(int inner, int columns) {
  int depth = MIN(inner, BLOCK_INNER);
  return TILE_ROWS * TILE_COLUMNS + depth * (ROUND_UP(BLOCK_ROWS, TILE_ROWS) + ROUND_UP(MIN(columns, BLOCK_COLUMNS), TILE_COLUMNS));
}

/**
 * a is [rows, inner], or [inner, rows] if transposed; b is [inner, columns], or [columns, inner]. No side is 0. The strides are
 * between rows as stored, so that a part of a product, rows or columns of it, is a product too: threads share one that way.
 * c = a · b, plus what c held if `adds`, or plus bias[columns] if that is not null; not both.
 */
static __attribute__((noinline)) void multiply_one(const float *a, const float *b, float *c, int rows, int inner, int columns, int transpose_a,
                                                   int transpose_b, int a_stride, int b_stride, int c_stride, float *scratch, int adds,
                                                   const float *bias) {
  float *edge = scratch;
  float *a_panels = edge + TILE_ROWS * TILE_COLUMNS;
  float *b_panels = a_panels + ROUND_UP(BLOCK_ROWS, TILE_ROWS) * MIN(inner, BLOCK_INNER);
  int resident_stride = RESIDENT / MIN(inner, BLOCK_INNER);
  int packs_a = rows < TILE_ROWS || (transpose_a && pays_to_pack(a_stride, resident_stride, columns, TILE_COLUMNS));
  int packs_b = columns < TILE_COLUMNS || transpose_b || pays_to_pack(b_stride, resident_stride, rows, TILE_ROWS);
  for (int n0 = 0; n0 < columns; n0 += BLOCK_COLUMNS) {
    int width = MIN(columns - n0, BLOCK_COLUMNS);
    for (int k0 = 0; k0 < inner; k0 += BLOCK_INNER) {
      int depth = MIN(inner - k0, BLOCK_INNER);
      int continues = adds || bias || k0 > 0;
      const float *b_block = transpose_b ? b + n0 * b_stride + k0 : b + k0 * b_stride + n0;
      if (packs_b) {
        if (transpose_b) pack_columns(b_block, b_stride, depth, width, b_panels);
        else pack_rows(b_block, b_stride, depth, width, TILE_COLUMNS, b_panels);
      }
      for (int m0 = 0; m0 < rows; m0 += BLOCK_ROWS) {
        int height = MIN(rows - m0, BLOCK_ROWS);
        const float *a_block = transpose_a ? a + k0 * a_stride + m0 : a + m0 * a_stride + k0;
        if (packs_a) {
          if (transpose_a) pack_rows(a_block, a_stride, depth, height, TILE_ROWS, a_panels);
          else pack_few_rows(a_block, a_stride, depth, height, a_panels);
        }
        if (bias && k0 == 0) copy(bias + n0, 0, c + m0 * c_stride + n0, c_stride, height, width);
        for (int n = 0; n < width; n += TILE_COLUMNS) {
          int tile_width = MIN(width - n, TILE_COLUMNS);
          /* What a panel lacks is 0. In place, the last tile begins before what remains and computes some of it again. */
          int again_columns = packs_b ? 0 : TILE_COLUMNS - tile_width;
          const float *right = packs_b ? b_panels + n * depth : b_block + n - again_columns;
          for (int m = 0; m < height; m += TILE_ROWS) {
            int tile_height = MIN(height - m, TILE_ROWS);
            int again_rows = packs_a ? 0 : TILE_ROWS - tile_height;
            const float *left = packs_a ? a_panels + m * depth : a_block + (m - again_rows) * (transpose_a ? 1 : a_stride);
            int row_stride = packs_a || transpose_a ? 1 : a_stride;
            int inner_stride = packs_a ? TILE_ROWS : transpose_a ? a_stride : 1;
            float *out = c + (m0 + m) * c_stride + n0 + n;
            int is_whole = tile_width == TILE_COLUMNS && tile_height == TILE_ROWS;
            float *part = edge + again_rows * TILE_COLUMNS + again_columns;
            if (!is_whole && continues) copy(out, c_stride, part, TILE_COLUMNS, tile_height, tile_width);
            multiply_tile(left, row_stride, inner_stride, right, packs_b ? TILE_COLUMNS : b_stride, is_whole ? out : edge,
                          is_whole ? c_stride : TILE_COLUMNS, depth, continues);
            if (!is_whole) copy(part, TILE_COLUMNS, out, c_stride, tile_height, tile_width);
          }
        }
      }
    }
  }
}

/** So many products of matrices that lie these numbers of floats apart; 0 where all use the same one. */
__attribute__((export_name("multiply"))) void multiply(const float *a, const float *b, float *c, int rows, int inner, int columns,
                                                       int transpose_a, int transpose_b, int a_stride, int b_stride, int c_stride,
                                                       float *scratch, int adds, const float *bias, int count, int a_step, int b_step, int c_step) {
  KEEP_LOOP for (int i = 0; i < count; i++, a += a_step, b += b_step, c += c_step)
    multiply_one(a, b, c, rows, inner, columns, transpose_a, transpose_b, a_stride, b_stride, c_stride, scratch, adds, bias);
}
