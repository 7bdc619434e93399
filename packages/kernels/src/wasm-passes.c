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
#define INLINE static inline __attribute__((always_inline))

INLINE float sum_of(v128_t x) {
  return (wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1)) + (wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3));
}

INLINE void fill_zero(OUT out, int count) {
  EACH(i, count) out[i] = 0;
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
EXPORT("scaleGradient") void scale_gradient(IN dy, IN w, IN u, IN v, OUT dw, OUT du, OUT dv, int rows, int width) {
  if (v) fill_zero(dv, width);
  KEEP_LOOP for (int j = 0; j < rows; j++, dy += width, w += width, dw += width) {
    float row = u ? u[j] : 1;
    if (v) EACH(i, width) dw[i] = dy[i] * (row * v[i]);
    else EACH(i, width) dw[i] = dy[i] * row;
    if (v) EACH(i, width) dv[i] += dy[i] * w[i] * row;
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
      v128_t sums = wasm_f32x4_const(0, 0, 0, 0);
      int i = 0;
      KEEP_LOOP for (; i + 4 <= width; i += 4) {
        v128_t four = wasm_v128_load(x + i);
        sums = wasm_f32x4_add(sums, wasm_f32x4_mul(four, four));
      }
      float sum = sum_of(sums);
      KEEP_LOOP for (; i < width; i++) sum += x[i] * x[i];
      float factor_of_group = 1 / __builtin_sqrtf(sum / width + epsilon);
      *scales++ = factor_of_group;
      if (gain) EACH(k, width) y[k] = x[k] * factor_of_group * factor[k];
      else EACH(k, width) y[k] = x[k] * factor_of_group;
    }
  }
}

/** With n = x · scale: dx = (dy · gain − n · mean(dy · gain · n)) · scale, dgain = Σ dy · n over rows, where there is a gain. */
EXPORT("rmsNormGradient") void rms_norm_gradient(IN dy, IN x, IN scales, IN gain, OUT dx, OUT dgain, int rows, int groups, int width) {
  if (gain) fill_zero(dgain, groups * width);
  KEEP_LOOP for (int row = 0; row < rows; row++) {
    KEEP_LOOP for (int group = 0; group < groups; group++, x += width, dy += width, dx += width) {
      const float *factor = gain + group * width;
      float *sums_of_gain = dgain + group * width;
      float scale_of_group = *scales++;
      v128_t splat = wasm_f32x4_splat(scale_of_group), sums = wasm_f32x4_const(0, 0, 0, 0);
      int i = 0;
      KEEP_LOOP for (; i + 4 <= width; i += 4) {
        v128_t slope = wasm_f32x4_mul(wasm_v128_load(dy + i), wasm_f32x4_mul(wasm_v128_load(x + i), splat));
        if (gain) {
          wasm_v128_store(sums_of_gain + i, wasm_f32x4_add(wasm_v128_load(sums_of_gain + i), slope));
          slope = wasm_f32x4_mul(slope, wasm_v128_load(factor + i));
        }
        sums = wasm_f32x4_add(sums, slope);
      }
      float sum = sum_of(sums);
      KEEP_LOOP for (; i < width; i++) {
        float slope = dy[i] * (x[i] * scale_of_group);
        if (gain) {
          sums_of_gain[i] += slope;
          slope *= factor[i];
        }
        sum += slope;
      }
      float along = sum / width;
      if (gain) EACH(k, width) dx[k] = (dy[k] * factor[k] - x[k] * scale_of_group * along) * scale_of_group;
      else EACH(k, width) dx[k] = (dy[k] - x[k] * scale_of_group * along) * scale_of_group;
    }
  }
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

/** out[outer, inner] = Σ x[outer, size, inner] / divisor over the middle axis; 0 / divisor where it is empty. */
EXPORT("sum") void sum(IN x, OUT out, int outer, int size, int inner, float divisor) {
  KEEP_LOOP for (int o = 0; o < outer; o++, out += inner) {
    if (inner == 1) {
      v128_t sums = wasm_f32x4_const(0, 0, 0, 0), others = sums;
      int i = 0;
      KEEP_LOOP for (; i + 8 <= size; i += 8) {
        sums = wasm_f32x4_add(sums, wasm_v128_load(x + i));
        others = wasm_f32x4_add(others, wasm_v128_load(x + i + 4));
      }
      float total = sum_of(wasm_f32x4_add(sums, others));
      KEEP_LOOP for (; i < size; i++) total += x[i];
      *out = total / divisor;
      x += size;
      continue;
    }
    fill_zero(out, inner);
    KEEP_LOOP for (int k = 0; k < size; k++, x += inner) EACH(i, inner) out[i] += x[i];
    EACH(i, inner) out[i] /= divisor;
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
