/*
 * The passes of wasm-passes.c that take exponentials: e^x, softmax and cross-entropy, and what goes back through them. A row is
 * computed four elements at a time, and its last ones in a vector that is filled up, so that the bits of an element do not depend on
 * its place.
 */

/** The first `count` of four numbers, with `rest` in the place of those after them. */
INLINE v128_t load_part(IN x, int count, float rest) {
  v128_t four = wasm_f32x4_splat(rest);
  if (count > 0) four = wasm_v128_load32_lane(x, four, 0);
  if (count > 1) four = wasm_v128_load32_lane(x + 1, four, 1);
  if (count > 2) four = wasm_v128_load32_lane(x + 2, four, 2);
  return four;
}

INLINE void store_part(OUT out, v128_t four, int count) {
  if (count > 0) wasm_v128_store32_lane(out, four, 0);
  if (count > 1) wasm_v128_store32_lane(out + 1, four, 1);
  if (count > 2) wasm_v128_store32_lane(out + 2, four, 2);
}

/** The largest of four. */
INLINE float largest_of(v128_t x) {
  x = wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(wasm_f32x4_pmax(x, wasm_i32x4_shuffle(x, x, 1, 0, 3, 2)), 0);
}

/**
 * e^r · 2^n without 2^n, for |x| ≤ 104, with r = x − n · log 2 and so |r| ≤ log(2)/2. A sum with 1.5 · 2²³ is rounded to an integer, which its
 * last bits are: those give n. The polynomial, 1 + r + r² · q(r), is off by 4e-9 at most.
 */
INLINE v128_t exp_of_rest(v128_t x, v128_t *whole) {
  v128_t round = wasm_f32x4_splat(0x1.8p23f), rounded = wasm_f32x4_add(wasm_f32x4_mul(x, wasm_f32x4_splat(1.44269504f)), round);
  v128_t n = wasm_f32x4_sub(rounded, round);
  v128_t r = wasm_f32x4_sub(x, wasm_f32x4_mul(n, wasm_f32x4_splat(0.693359375f)));
  r = wasm_f32x4_add(r, wasm_f32x4_mul(n, wasm_f32x4_splat(2.12194440e-4f)));
  v128_t q = wasm_f32x4_add(wasm_f32x4_mul(wasm_f32x4_splat(1.3814599e-3f), r), wasm_f32x4_splat(8.3687166e-3f));
  q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(4.1668389e-2f));
  q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(0.16666521f));
  q = wasm_f32x4_add(wasm_f32x4_mul(q, r), wasm_f32x4_splat(0.49999994f));
  *whole = wasm_i32x4_sub(rounded, round);
  return wasm_f32x4_add(wasm_f32x4_add(wasm_f32x4_mul(q, wasm_f32x4_mul(r, r)), r), wasm_f32x4_splat(1));
}

INLINE v128_t power_of_two(v128_t n) {
  return wasm_i32x4_shl(wasm_i32x4_add(n, wasm_i32x4_splat(127)), 23);
}

/** e^x: NaN stays, since the first argument of pmin and pmax wins then, and 2^n is two factors, so that none is out of range. */
INLINE v128_t exp_of(v128_t x) {
  v128_t n, y = exp_of_rest(wasm_f32x4_pmin(wasm_f32x4_pmax(x, wasm_f32x4_splat(-104)), wasm_f32x4_splat(89)), &n);
  v128_t half = wasm_i32x4_shr(n, 1);
  return wasm_f32x4_mul(wasm_f32x4_mul(y, power_of_two(half)), power_of_two(wasm_i32x4_sub(n, half)));
}

/** The same, but 0 for what is smaller than any normal number, and infinite from 88.4 on. */
INLINE v128_t normal_exp_of(v128_t x) {
  v128_t n, y = exp_of_rest(wasm_f32x4_pmin(wasm_f32x4_pmax(x, wasm_f32x4_splat(-88)), wasm_f32x4_splat(89)), &n);
  return wasm_f32x4_mul(y, power_of_two(n));
}

/** out = e^x */
EXPORT("exp") void exponential(IN x, OUT out, int count) {
  int i = 0;
  KEEP_LOOP for (; i + 4 <= count; i += 4) wasm_v128_store(out + i, exp_of(wasm_v128_load(x + i)));
  store_part(out + i, exp_of(load_part(x + i, count - i, 0)), count - i);
}

/** The largest of a row; NaN is left out, and gets into what follows by its own exponential. */
static __attribute__((noinline)) float largest_of_row(IN x, int width) {
  v128_t most = wasm_f32x4_splat(-__builtin_inff());
  int i = 0;
  KEEP_LOOP for (; i + 4 <= width; i += 4) most = wasm_f32x4_pmax(most, wasm_v128_load(x + i));
  return largest_of(wasm_f32x4_pmax(most, load_part(x + i, width - i, -__builtin_inff())));
}

/** Writes e^(x − shift) and gives the sum. */
static __attribute__((noinline)) float exp_of_row(IN x, OUT out, int width, float shift) {
  v128_t by = wasm_f32x4_splat(shift), sums = wasm_f32x4_splat(0);
  int i = 0;
  KEEP_LOOP for (; i + 4 <= width; i += 4) {
    v128_t four = normal_exp_of(wasm_f32x4_sub(wasm_v128_load(x + i), by));
    wasm_v128_store(out + i, four);
    sums = wasm_f32x4_add(sums, four);
  }
  float sum = sum_of(sums);
  store_part(out + i, normal_exp_of(wasm_f32x4_sub(load_part(x + i, width - i, 0), by)), width - i);
  KEEP_LOOP for (; i < width; i++) sum += out[i];
  return sum;
}

/**
 * The softmax of each row. With a `time`, rows are steps 0 to time − 1 again and again, whose last one sees the whole row, and each one
 * before it one element less: what is after those, and `window` or more before the last of them, is 0.
 */
EXPORT("softmax") void softmax(IN x, OUT out, int rows, int width, int time, int window) {
  KEEP_LOOP for (int row = 0, step = 0; row < rows; row++, step = step + 1 == time ? 0 : step + 1, x += width, out += width) {
    int end = time ? width - time + step + 1 : width;
    int begin = end - window > 0 ? end - window : 0;
    float sum = exp_of_row(x + begin, out + begin, end - begin, largest_of_row(x + begin, end - begin));
    float factor = 1 / sum;
    EACH(i, begin) out[i] = 0;
    float *seen = out + begin, *rest = out + end;
    EACH(i, end - begin) seen[i] *= factor;
    EACH(i, width - end) rest[i] = 0;
  }
}

/** dx = y · (dy − Σ dy · y) for each row of a softmax y. */
EXPORT("softmaxGradient") void softmax_gradient(IN dy, IN y, OUT dx, int rows, int width) {
  KEEP_LOOP for (int row = 0; row < rows; row++, dy += width, y += width, dx += width) {
    v128_t sums = wasm_f32x4_splat(0);
    int i = 0;
    KEEP_LOOP for (; i + 4 <= width; i += 4) sums = wasm_f32x4_add(sums, wasm_f32x4_mul(wasm_v128_load(dy + i), wasm_v128_load(y + i)));
    float along = sum_of(sums);
    KEEP_LOOP for (; i < width; i++) along += dy[i] * y[i];
    EACH(k, width) dx[k] = y[k] * (dy[k] - along);
  }
}

/** log x for x ≥ 1, by another polynomial of Cephes; NaN stays. */
INLINE float log_of(float x) {
  if (!(x >= 1)) return x;
  int bits = __builtin_bit_cast(int, x), exponent = (bits >> 23) - 127;
  float f = __builtin_bit_cast(float, (bits & 0x7fffff) | 0x3f800000);
  if (f > 1.41421356f) {
    f *= 0.5f;
    exponent++;
  }
  f -= 1;
  float y = 7.0376836292e-2f, square = f * f;
  y = y * f - 1.1514610310e-1f;
  y = y * f + 1.1676998740e-1f;
  y = y * f - 1.2420140846e-1f;
  y = y * f + 1.4249322787e-1f;
  y = y * f - 1.6668057665e-1f;
  y = y * f + 2.0000714765e-1f;
  y = y * f - 2.4999993993e-1f;
  y = y * f + 3.3333331174e-1f;
  y = y * f * square - 2.12194440e-4f * exponent - 0.5f * square;
  return f + y + 0.693359375f * exponent;
}

/** 1 for an id that counts, NaN for one that no logit belongs to, 0 for `ignore`, where there is one to ignore. */
INLINE float weight_of(int id, int width, int has_ignored, int ignore) {
  if (has_ignored && id == ignore) return 0;
  return id < 0 || id >= width ? __builtin_nanf("") : 1;
}

/**
 * loss = Σ weight · (log Σ e^l − (1 − smoothing) · l[id] − smoothing · mean(l) + z · (log Σ e^l)²) / (number of ids that count), with
 * log Σ e^l of each row beside it.
 */
EXPORT("crossEntropy") void cross_entropy(IN logits, const int *restrict ids, OUT loss, OUT log_sums, OUT scratch, int rows, int width, int has_ignored,
                                          int ignore, float smoothing, float z) {
  double total = 0, counted = 0;
  KEEP_LOOP for (int row = 0; row < rows; row++, logits += width) {
    float weight = weight_of(ids[row], width, has_ignored, ignore), most = largest_of_row(logits, width);
    float log_sum = log_of(exp_of_row(logits, scratch, width, most)) + most;
    log_sums[row] = log_sum;
    counted += has_ignored && ids[row] == ignore ? 0 : 1;
    float each = log_sum - (1 - smoothing) * logits[weight == 1 ? ids[row] : 0] + z * log_sum * log_sum;
    if (smoothing) each -= smoothing * (float)(sum_of_run(logits, width) / width);
    total += each * weight;
  }
  *loss = rows ? total / counted : 0;
}

/** dlogits = dloss · weight / (number that count) · (softmax · (1 + 2 z · log Σ e^l) − smoothing / width − (1 − smoothing) at the id) */
EXPORT("crossEntropyGradient") void cross_entropy_gradient(IN dloss, IN logits, const int *restrict ids, IN log_sums, OUT out, int rows, int width,
                                                           int has_ignored, int ignore, float smoothing, float z) {
  int counted = rows;
  KEEP_LOOP for (int row = 0; row < rows; row++) counted -= has_ignored && ids[row] == ignore;
  KEEP_LOOP for (int row = 0; row < rows; row++, logits += width, out += width) {
    float weight = weight_of(ids[row], width, has_ignored, ignore), share = *dloss * (weight / counted), spread = smoothing / width;
    float factor = 1 + 2 * z * log_sums[row];
    exp_of_row(logits, out, width, log_sums[row]);
    EACH(i, width) out[i] = out[i] * factor - spread;
    out[weight == 1 ? ids[row] : 0] -= 1 - smoothing;
    EACH(i, width) out[i] *= share;
  }
}
