/*
 * What a training step does element by element, each in one pass over memory where tfjs needs one operation, and so one
 * pass and one tensor, for every sign of the formula. Everything is row-major float32 in the memory of tfjs' wasm module.
 *
 * Every element is computed in the order of the formula that stands above its function, so the bits do not depend on
 * its place. Outputs never overlap inputs. A factor that is not there is the address 0.
 *
 * There is no static data, no stack and no library, since the memory belongs to another module. `npm run wasm:build` compiles it.
 */
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(name)))
/* Loops over independent elements, which the compiler turns into SIMD. */
#define EACH(i, count) _Pragma("clang loop vectorize(enable) interleave(disable) unroll(disable)") for (int i = 0; i < (count); i++)
/* Loops that stay as they are written. */
#define KEEP_LOOP _Pragma("clang loop unroll(disable) vectorize(disable)")
#define IN const float *restrict
#define OUT float *restrict
/* Sums of many numbers: after thousands of additions in float32, one after the other, they are off by 5e-5 and more. */
#define SUMS double *restrict
#define INLINE static inline __attribute__((always_inline))

/** How many sums in float64 are added to at a time; they stay in the first cache. sum.ts says the same. */
enum { MOST_SUMS = 1024 };

INLINE float sum_of(v128_t x) {
  return (wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1)) + (wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3));
}

INLINE float sum_of_squares(IN x, int width) {
  v128_t sums = wasm_f32x4_const(0, 0, 0, 0);
  int i = 0;
  KEEP_LOOP for (; i + 4 <= width; i += 4) {
    v128_t four = wasm_v128_load(x + i);
    sums = wasm_f32x4_add(sums, wasm_f32x4_mul(four, four));
  }
  float sum = sum_of(sums);
  KEEP_LOOP for (; i < width; i++) sum += x[i] * x[i];
  return sum;
}

/** The last two of four numbers, in float64. */
INLINE v128_t high_of(v128_t x) {
  return wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(x, x, 2, 3, 2, 3));
}

INLINE void fill_zero(SUMS sums, int count) {
  EACH(i, count) sums[i] = 0;
}

/** out[j, i] = w[j, i] · (u[j] · v[i]) */
EXPORT("scale") void scale(IN w, IN u, IN v, OUT out, int rows, int width) {
  KEEP_LOOP for (int j = 0; j < rows; j++, w += width, out += width) {
    float row = u ? u[j] : 1;
    if (v) EACH(i, width) out[i] = w[i] * (row * v[i]);
    else EACH(i, width) out[i] = w[i] * row;
  }
}

/** dw = dy · (u vᵀ), du[j] = Σᵢ dy · w · v[i], dv[i] = Σⱼ dy · w · u[j]; du and dv only where u and v are. */
EXPORT("scaleGradient") void scale_gradient(IN dy, IN w, IN u, IN v, OUT dw, OUT du, OUT dv, SUMS sums_of_v, int rows, int width) {
  if (v) fill_zero(sums_of_v, width);
  KEEP_LOOP for (int j = 0; j < rows; j++, dy += width, w += width, dw += width) {
    float row = u ? u[j] : 1;
    if (v) EACH(i, width) dw[i] = dy[i] * (row * v[i]);
    else EACH(i, width) dw[i] = dy[i] * row;
    if (v) EACH(i, width) sums_of_v[i] += dy[i] * w[i] * row;
    if (!u) continue;
    v128_t sums = wasm_f32x4_const(0, 0, 0, 0);
    int i = 0;
    KEEP_LOOP for (; i + 4 <= width; i += 4) {
      v128_t product = wasm_f32x4_mul(wasm_v128_load(dy + i), wasm_v128_load(w + i));
      sums = wasm_f32x4_add(sums, v ? wasm_f32x4_mul(product, wasm_v128_load(v + i)) : product);
    }
    float sum = sum_of(sums);
    KEEP_LOOP for (; i < width; i++) sum += v ? dy[i] * w[i] * v[i] : dy[i] * w[i];
    du[j] = sum;
  }
  if (v) EACH(i, width) dv[i] = sums_of_v[i];
}

/**
 * m ← β1·m + rest1·g, v ← β2·v + rest2·g², value ← value − m / (√v + epsilon) · step, with the last two numbers in memory.
 */
EXPORT("adam") void adam(IN value, IN gradient, IN m, IN v, IN step_size, IN epsilon_of, OUT new_value, OUT new_m, OUT new_v,
                         int count, float beta1, float beta2, float rest1, float rest2) {
  float step = *step_size, epsilon = *epsilon_of;
  EACH(i, count) {
    float g = gradient[i];
    float mean = m[i] * beta1 + g * rest1;
    float square = v[i] * beta2 + g * g * rest2;
    new_m[i] = mean;
    new_v[i] = square;
    new_value[i] = value[i] - mean / (__builtin_sqrtf(square) + epsilon) * step;
  }
}

/** scale = 1 / √(mean(x²) + epsilon) of each group of `width`, y = x · scale · gain; a row is `groups` groups. */
EXPORT("rmsNorm") void rms_norm(IN x, IN gain, OUT y, OUT scales, int rows, int groups, int width, float epsilon) {
  KEEP_LOOP for (int row = 0; row < rows; row++) {
    KEEP_LOOP for (int group = 0; group < groups; group++, x += width, y += width) {
      const float *factor = gain + group * width;
      float factor_of_group = 1 / __builtin_sqrtf(sum_of_squares(x, width) / width + epsilon);
      *scales++ = factor_of_group;
      if (gain) EACH(k, width) y[k] = x[k] * factor_of_group * factor[k];
      else EACH(k, width) y[k] = x[k] * factor_of_group;
    }
  }
}

/** With n = x · scale: dx = (dy · gain − n · mean(dy · gain · n)) · scale, dgain = Σ dy · n over rows, where there is a gain. */
EXPORT("rmsNormGradient") void rms_norm_gradient(IN dy, IN x, IN scales, IN gain, OUT dx, OUT dgain, SUMS sums_of_gain, int rows, int groups, int width) {
  if (gain) fill_zero(sums_of_gain, groups * width);
  KEEP_LOOP for (int row = 0; row < rows; row++) {
    KEEP_LOOP for (int group = 0; group < groups; group++, x += width, dy += width, dx += width) {
      const float *factor = gain + group * width;
      double *sums_of_group = sums_of_gain + group * width;
      float scale_of_group = *scales++;
      v128_t splat = wasm_f32x4_splat(scale_of_group), sums = wasm_f32x4_const(0, 0, 0, 0);
      int i = 0;
      KEEP_LOOP for (; i + 4 <= width; i += 4) {
        v128_t slope = wasm_f32x4_mul(wasm_v128_load(dy + i), wasm_f32x4_mul(wasm_v128_load(x + i), splat));
        if (gain) {
          double *two = sums_of_group + i, *others = two + 2;
          wasm_v128_store(two, wasm_f64x2_add(wasm_v128_load(two), wasm_f64x2_promote_low_f32x4(slope)));
          wasm_v128_store(others, wasm_f64x2_add(wasm_v128_load(others), high_of(slope)));
          slope = wasm_f32x4_mul(slope, wasm_v128_load(factor + i));
        }
        sums = wasm_f32x4_add(sums, slope);
      }
      float sum = sum_of(sums);
      KEEP_LOOP for (; i < width; i++) {
        float slope = dy[i] * (x[i] * scale_of_group);
        if (gain) {
          sums_of_group[i] += slope;
          slope *= factor[i];
        }
        sum += slope;
      }
      float along = sum / width;
      if (gain) EACH(k, width) dx[k] = (dy[k] * factor[k] - x[k] * scale_of_group * along) * scale_of_group;
      else EACH(k, width) dx[k] = (dy[k] - x[k] * scale_of_group * along) * scale_of_group;
    }
  }
  if (gain) EACH(k, groups * width) dgain[k] = sums_of_gain[k];
}

/** out = gate · sigmoid · up */
EXPORT("gatedSilu") void gated_silu(IN gate, IN sigmoid, IN up, OUT out, int count) {
  EACH(i, count) out[i] = gate[i] * sigmoid[i] * up[i];
}

/** dgate = dy · up · (sigmoid + gate · sigmoid · (1 − sigmoid)), dup = dy · gate · sigmoid */
EXPORT("gatedSiluGradient") void gated_silu_gradient(IN dy, IN gate, IN sigmoid, IN up, OUT dgate, OUT dup, int count) {
  EACH(i, count) {
    float s = sigmoid[i], silu = gate[i] * s;
    dgate[i] = dy[i] * up[i] * (s + silu * (1 - s));
    dup[i] = dy[i] * silu;
  }
}

/**
 * out = x · cosine + partner · sine · sign for each row of `width` channels, with tables [time, width] that start again
 * every `time` rows. The partner of channel i is in the other half, or its neighbour.
 */
EXPORT("rotate") void rotate(IN x, IN cosine, IN sine, OUT out, int rows, int time, int width, int is_halves, float sign) {
  int half = width / 2;
  KEEP_LOOP for (int row = 0, step = 0; row < rows; row++, step = step + 1 == time ? 0 : step + 1, x += width, out += width) {
    const float *c = cosine + step * width, *s = sine + step * width;
    if (is_halves) {
      EACH(i, half) {
        out[i] = x[i] * c[i] + x[i + half] * s[i] * sign;
        out[i + half] = x[i + half] * c[i + half] + x[i] * s[i + half] * sign;
      }
    } else {
      KEEP_LOOP for (int i = 0; i < half; i++) {
        out[2 * i] = x[2 * i] * c[2 * i] + x[2 * i + 1] * s[2 * i] * sign;
        out[2 * i + 1] = x[2 * i + 1] * c[2 * i + 1] + x[2 * i] * s[2 * i + 1] * sign;
      }
    }
  }
}

/** Σ x in float64. */
INLINE double sum_of_run(IN x, int count) {
  v128_t a = wasm_f64x2_const(0, 0), b = a, c = a, d = a;
  int i = 0;
  KEEP_LOOP for (; i + 8 <= count; i += 8) {
    v128_t first = wasm_v128_load(x + i), second = wasm_v128_load(x + i + 4);
    a = wasm_f64x2_add(a, wasm_f64x2_promote_low_f32x4(first));
    b = wasm_f64x2_add(b, high_of(first));
    c = wasm_f64x2_add(c, wasm_f64x2_promote_low_f32x4(second));
    d = wasm_f64x2_add(d, high_of(second));
  }
  v128_t pair = wasm_f64x2_add(wasm_f64x2_add(a, b), wasm_f64x2_add(c, d));
  double sum = wasm_f64x2_extract_lane(pair, 0) + wasm_f64x2_extract_lane(pair, 1);
  KEEP_LOOP for (; i < count; i++) sum += x[i];
  return sum;
}

/**
 * out[outer, inner] = Σ x[outer, size, inner] / divisor over the middle axis; 0 / divisor where it is empty. `sums` has
 * room for min(inner, MOST_SUMS) of them.
 */
EXPORT("sum") void sum(IN x, OUT out, SUMS sums, int outer, int size, int inner, double divisor) {
  KEEP_LOOP for (int o = 0; o < outer; o++, x += size * inner, out += inner) {
    if (inner == 1) {
      *out = sum_of_run(x, size) / divisor;
      continue;
    }
    KEEP_LOOP for (int from = 0; from < inner; from += MOST_SUMS) {
      int count = inner - from < MOST_SUMS ? inner - from : MOST_SUMS;
      const float *row = x + from;
      fill_zero(sums, count);
      int k = 0;
      KEEP_LOOP for (; k + 4 <= size; k += 4, row += 4 * inner) {
        const float *second = row + inner, *third = second + inner, *fourth = third + inner;
        EACH(i, count) sums[i] += ((double)row[i] + second[i]) + ((double)third[i] + fourth[i]);
      }
      KEEP_LOOP for (; k < size; k++, row += inner) EACH(i, count) sums[i] += row[i];
      EACH(i, count) out[from + i] = sums[i] / divisor;
    }
  }
}

INLINE void copy_bytes(const char *from, char *to, int bytes) {
  KEEP_LOOP for (; bytes >= 16; bytes -= 16, from += 16, to += 16) wasm_v128_store(to, wasm_v128_load(from));
  KEEP_LOOP for (; bytes >= 4; bytes -= 4, from += 4, to += 4) *(int *)to = *(const int *)from;
  KEEP_LOOP for (; bytes > 0; bytes--) *to++ = *from++;
}

/**
 * Copies out[batch, outer, i] = x[batch, outer, indices[batch, i]] in slices of so many bytes. Gives the place among the indices
 * of the first that is outside [0, size), or −1; then nothing was copied.
 */
EXPORT("gather") int gather(const char *x, const int *indices, char *out, int batches, int outer, int size, int count, int bytes) {
  KEEP_LOOP for (int i = 0; i < batches * count; i++)
    if (indices[i] < 0 || indices[i] >= size) return i;
  KEEP_LOOP for (int batch = 0; batch < batches; batch++, indices += count)
    KEEP_LOOP for (int o = 0; o < outer; o++, x += size * bytes)
      KEEP_LOOP for (int i = 0; i < count; i++, out += bytes) copy_bytes(x + indices[i] * bytes, out, bytes);
  return -1;
}

/**
 * Heads that lie side by side, x [batches, time, heads · width], become matrices, out [batches, heads, time, width], or the other way round
 * for `is_merge`. Channels are multiplied by `factor`, or turned as in `rotate` where there are tables [time, width].
 */
EXPORT("turnHeads") void turn_heads(IN x, IN cosine, IN sine, OUT out, int batches, int time, int heads, int width, int is_merge, int is_halves, float sign,
                                    float factor) {
  KEEP_LOOP for (int batch = 0; batch < batches; batch++) {
    KEEP_LOOP for (int step = 0; step < time; step++) {
      KEEP_LOOP for (int head = 0; head < heads; head++) {
        int by_time = ((batch * time + step) * heads + head) * width, by_head = ((batch * heads + head) * time + step) * width;
        const float *from = x + (is_merge ? by_head : by_time);
        float *to = out + (is_merge ? by_time : by_head);
        if (cosine) rotate(from, cosine + step * width, sine + step * width, to, 1, 1, width, is_halves, sign);
        else EACH(i, width) to[i] = from[i] * factor;
      }
    }
  }
}

/** scale = 1 / √(variance + epsilon) and mean of each row, y = (x − mean) · scale · gain + center; the last two where they are. */
EXPORT("layerNorm") void layer_norm(IN x, IN gain, IN center, OUT y, OUT means, OUT scales, int rows, int width, float epsilon) {
  KEEP_LOOP for (int row = 0; row < rows; row++, x += width, y += width) {
    double mean = sum_of_run(x, width) / width;
    float shift = mean;
    EACH(i, width) y[i] = x[i] - shift;
    float scale = 1 / __builtin_sqrtf(sum_of_squares(y, width) / width + epsilon);
    means[row] = shift;
    scales[row] = scale;
    if (gain && center) EACH(k, width) y[k] = y[k] * scale * gain[k] + center[k];
    else if (gain) EACH(k, width) y[k] = y[k] * scale * gain[k];
    else if (center) EACH(k, width) y[k] = y[k] * scale + center[k];
    else EACH(k, width) y[k] = y[k] * scale;
  }
}

/**
 * With n = (x − mean) · scale and g = dy · gain: dx = (g − mean(g) − n · mean(g · n)) · scale, dgain = Σ dy · n and dcenter = Σ dy over rows.
 */
EXPORT("layerNormGradient") void layer_norm_gradient(IN dy, IN x, IN means, IN scales, IN gain, OUT dx, OUT dgain, OUT dcenter, SUMS sums_of_gain,
                                                     SUMS sums_of_center, int rows, int width) {
  fill_zero(sums_of_gain, width);
  fill_zero(sums_of_center, width);
  KEEP_LOOP for (int row = 0; row < rows; row++, x += width, dy += width, dx += width) {
    float mean = means[row], scale = scales[row];
    EACH(k, width) sums_of_gain[k] += dy[k] * ((x[k] - mean) * scale);
    EACH(k, width) sums_of_center[k] += dy[k];
    v128_t shift = wasm_f32x4_splat(mean), by = wasm_f32x4_splat(scale), plain = wasm_f32x4_splat(0), along = plain;
    int i = 0;
    KEEP_LOOP for (; i + 4 <= width; i += 4) {
      v128_t slope = wasm_v128_load(dy + i);
      if (gain) slope = wasm_f32x4_mul(slope, wasm_v128_load(gain + i));
      plain = wasm_f32x4_add(plain, slope);
      along = wasm_f32x4_add(along, wasm_f32x4_mul(slope, wasm_f32x4_mul(wasm_f32x4_sub(wasm_v128_load(x + i), shift), by)));
    }
    float sum = sum_of(plain), product = sum_of(along);
    KEEP_LOOP for (; i < width; i++) {
      float slope = gain ? dy[i] * gain[i] : dy[i];
      sum += slope;
      product += slope * ((x[i] - mean) * scale);
    }
    sum /= width;
    product /= width;
    if (gain) EACH(k, width) dx[k] = (dy[k] * gain[k] - sum - (x[k] - mean) * scale * product) * scale;
    else EACH(k, width) dx[k] = (dy[k] - sum - (x[k] - mean) * scale * product) * scale;
  }
  EACH(k, width) dgain[k] = sums_of_gain[k];
  EACH(k, width) dcenter[k] = sums_of_center[k];
}

#include "wasm-exponentials.h"
