// What a training step does element by element, each in one pass over memory where TensorFlow needs one operation, and
// so one pass and one tensor, for every sign of the formula. Everything is row-major float32; a factor that is not there is
// null. An output may be the memory of an input that is declared with EDIT, and overlaps no other. `@tfjs-lrm/kernels` has the same formulas for WebAssembly (wasm-passes.c).
#pragma once

#include <cmath>
#include <cstdint>

// On x64 every loop is compiled for three kinds of processor, and chosen when the addon is loaded.
#if defined(__x86_64__) && defined(__linux__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#endif
#ifndef EACH_CPU
#define EACH_CPU
#endif
// Lets the compiler keep several sums at a time, whose order is that of the processor's lanes.
#define SUM_OF(sum) _Pragma("omp simd reduction(+ : sum)")
#define IN const float *__restrict
#define OUT float *__restrict
#define EDIT const float *
// Elements do not depend on each other, also where an output is the memory of an input.
#define EACH _Pragma("omp simd") for
// Sums over many rows: after thousands of additions in float32, one after the other, they are off by 5e-5 and more.
#define SUMS double *__restrict

namespace tfjs_lrm {
namespace loops {

using Size = int64_t;

// out[j, i] = w[j, i] · (u[j] · v[i])
EACH_CPU static void Scale(IN w, IN u, IN v, OUT out, Size rows, Size width) {
  for (Size j = 0; j < rows; j++, w += width, out += width) {
    const float row = u ? u[j] : 1;
    if (v) {
      for (Size i = 0; i < width; i++) out[i] = w[i] * (row * v[i]);
    } else {
      for (Size i = 0; i < width; i++) out[i] = w[i] * row;
    }
  }
}

// dw = dy · (u vᵀ), du[j] = Σᵢ dy · w · v[i], and dy · w · u[j] is added to sums_of_v[i]; the last two where u and v are.
EACH_CPU static void ScaleGradient(EDIT dy, IN w, IN u, IN v, float *dw, OUT du, SUMS sums_of_v, Size rows,
                                   Size width) {
  for (Size j = 0; j < rows; j++, dy += width, w += width, dw += width) {
    const float row = u ? u[j] : 1;
    float sum = 0;
    if (v) {
      EACH (Size i = 0; i < width; i++) sums_of_v[i] += dy[i] * w[i] * row;
      SUM_OF(sum) for (Size i = 0; i < width; i++) {
        const float slope = dy[i];
        sum += slope * w[i] * v[i];
        dw[i] = slope * (row * v[i]);
      }
    } else {
      SUM_OF(sum) for (Size i = 0; i < width; i++) {
        const float slope = dy[i];
        sum += slope * w[i];
        dw[i] = slope * row;
      }
    }
    if (u) du[j] = sum;
  }
}

struct Rates {
  float step, epsilon, beta1, beta2, rest1, rest2;
};

// m ← β1·m + rest1·g, v ← β2·v + rest2·g², value ← value − m / (√v + epsilon) · step
EACH_CPU static void Adam(IN value, EDIT gradient, IN m, IN v, float *new_value, OUT new_m, OUT new_v, Size count,
                          Rates rates) {
  const auto [step, epsilon, beta1, beta2, rest1, rest2] = rates;
  EACH (Size i = 0; i < count; i++) {
    const float g = gradient[i];
    const float mean = m[i] * beta1 + g * rest1;
    const float square = v[i] * beta2 + g * g * rest2;
    new_m[i] = mean;
    new_v[i] = square;
    new_value[i] = value[i] - mean / (std::sqrt(square) + epsilon) * step;
  }
}

// scale = 1 / √(mean(x²) + epsilon) of each group of `width`, y = x · scale · gain; a row is `groups` groups.
EACH_CPU static void RmsNorm(IN x, IN gain, OUT y, OUT scales, Size rows, Size groups, Size width, float epsilon) {
  for (Size at = 0; at < rows * groups; at++, x += width, y += width) {
    float sum = 0;
    SUM_OF(sum) for (Size i = 0; i < width; i++) sum += x[i] * x[i];
    const float scale = 1 / std::sqrt(sum / width + epsilon);
    scales[at] = scale;
    if (gain) {
      IN factor = gain + at % groups * width;
      for (Size i = 0; i < width; i++) y[i] = x[i] * scale * factor[i];
    } else {
      for (Size i = 0; i < width; i++) y[i] = x[i] * scale;
    }
  }
}

// With n = x · scale: dx = (dy · gain − n · mean(dy · gain · n)) · scale, and dy · n is added to sums_of_gain where there
// is a gain.
EACH_CPU static void RmsNormGradient(EDIT dy, IN x, IN scales, IN gain, float *dx, SUMS sums_of_gain, Size rows,
                                     Size groups, Size width) {
  for (Size at = 0; at < rows * groups; at++, x += width, dy += width, dx += width) {
    const float scale = scales[at];
    float sum = 0;
    if (gain) {
      IN factor = gain + at % groups * width;
      SUMS sums = sums_of_gain + at % groups * width;
      SUM_OF(sum) for (Size i = 0; i < width; i++) sum += dy[i] * (x[i] * scale) * factor[i];
      for (Size i = 0; i < width; i++) sums[i] += dy[i] * (x[i] * scale);
      const float along = sum / width;
      EACH (Size i = 0; i < width; i++) dx[i] = (dy[i] * factor[i] - x[i] * scale * along) * scale;
    } else {
      SUM_OF(sum) for (Size i = 0; i < width; i++) sum += dy[i] * (x[i] * scale);
      const float along = sum / width;
      EACH (Size i = 0; i < width; i++) dx[i] = (dy[i] - x[i] * scale * along) * scale;
    }
  }
}

// out = gate · sigmoid · up
EACH_CPU static void GatedSilu(IN gate, IN sigmoid, IN up, OUT out, Size count) {
  for (Size i = 0; i < count; i++) out[i] = gate[i] * sigmoid[i] * up[i];
}

// dgate = dy · up · (sigmoid + gate · sigmoid · (1 − sigmoid)), dup = dy · gate · sigmoid
EACH_CPU static void GatedSiluGradient(EDIT dy, IN gate, IN sigmoid, IN up, float *dgate, OUT dup, Size count) {
  EACH (Size i = 0; i < count; i++) {
    const float slope = dy[i], s = sigmoid[i], silu = gate[i] * s;
    dgate[i] = slope * up[i] * (s + silu * (1 - s));
    dup[i] = slope * silu;
  }
}

// out = x · cosine + partner · sine · sign for each row of `width` channels; the tables [time, width] start again every
// `time` rows, and the first row is at time `first`. The partner of channel i is in the other half, or its neighbour.
EACH_CPU static void Rotate(IN x, IN cosine, IN sine, OUT out, Size rows, Size first, Size time, Size width,
                            bool is_halves, float sign) {
  const Size half = width / 2;
  for (Size row = 0; row < rows; row++, x += width, out += width) {
    const Size at = (first + row) % time * width;
    IN c = cosine + at;
    IN s = sine + at;
    if (is_halves) {
      for (Size i = 0; i < half; i++) {
        out[i] = x[i] * c[i] + x[i + half] * s[i] * sign;
        out[i + half] = x[i + half] * c[i + half] + x[i] * s[i + half] * sign;
      }
    } else {
      for (Size i = 0; i < half; i++) {
        out[2 * i] = x[2 * i] * c[2 * i] + x[2 * i + 1] * s[2 * i] * sign;
        out[2 * i + 1] = x[2 * i + 1] * c[2 * i + 1] + x[2 * i] * s[2 * i + 1] * sign;
      }
    }
  }
}

}  // namespace loops
}  // namespace tfjs_lrm

#undef EACH_CPU
#undef SUM_OF
#undef IN
#undef OUT
#undef EDIT
#undef EACH
#undef SUMS
