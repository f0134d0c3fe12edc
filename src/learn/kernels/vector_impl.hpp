// Vector kernels: dot products, weighted sums (the mixing step of gossip), losses, and the two probes that
// measure what the machine can do at best. Include it only from kernels_*.cpp.
#pragma once

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/kernels/simd.hpp"

namespace hansa::learn {
namespace {

HANSA_FORCE_INLINE Vec16 dot_lanes(const float* a, const float* b, std::size_t n) {
  Vec16 lanes = Vec16::zero();
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) lanes = fma(Vec16::load(a + i), Vec16::load(b + i), lanes);
  if (i < n) {
    const Lanes tail = Lanes::first(n - i);
    lanes = fma(Vec16::load(a + i, tail), Vec16::load(b + i, tail), lanes);
  }
  return lanes;
}

float dot(const float* a, const float* b, std::size_t n) { return sum(dot_lanes(a, b, n)); }

void dot_rows(const float* data, const std::uint32_t* rows, std::size_t count, const float* w, std::size_t n,
              float bias, float* out) {
  const auto row = [&](std::size_t r) { return data + static_cast<std::size_t>(rows[r]) * n; };
  std::size_t r = 0;
  for (; r + 4 <= count; r += 4) {  // four rows share the loads of w and overlap their latencies
    const float* x[4] = {row(r), row(r + 1), row(r + 2), row(r + 3)};
    Vec16 lanes[4] = {Vec16::zero(), Vec16::zero(), Vec16::zero(), Vec16::zero()};
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const Vec16 weight = Vec16::load(w + i);
      for (int j = 0; j < 4; ++j) lanes[j] = fma(Vec16::load(x[j] + i), weight, lanes[j]);
    }
    if (i < n) {
      const Lanes tail = Lanes::first(n - i);
      const Vec16 weight = Vec16::load(w + i, tail);
      for (int j = 0; j < 4; ++j) lanes[j] = fma(Vec16::load(x[j] + i, tail), weight, lanes[j]);
    }
    for (int j = 0; j < 4; ++j) out[r + static_cast<std::size_t>(j)] = bias + sum(lanes[j]);
  }
  for (; r < count; ++r) out[r] = bias + sum(dot_lanes(row(r), w, n));
}

void axpy(float a, const float* x, float* y, std::size_t n) {
  const Vec16 factor = Vec16::all(a);
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) fma(factor, Vec16::load(x + i), Vec16::load(y + i)).store(y + i);
  if (i < n) {
    const Lanes tail = Lanes::first(n - i);
    fma(factor, Vec16::load(x + i, tail), Vec16::load(y + i, tail)).store(y + i, tail);
  }
}

/// One block of columns of a weighted sum: kVectors accumulators over all inputs. `input(j)` points to input
/// j.
template <int kVectors, bool kStep, class Input>
HANSA_FORCE_INLINE void mix_block(float* out, const Input& input, const float* weights, std::size_t n_inputs,
                                  std::size_t at, Lanes last, float rate, float decay) {
  Vec16 sums[kVectors];
  const Vec16 first = Vec16::all(weights[0]);
  const float* in = input(0) + at;
  for (int v = 0; v + 1 < kVectors; ++v) sums[v] = first * Vec16::load(in + 16 * v);
  sums[kVectors - 1] = first * Vec16::load(in + 16 * (kVectors - 1), last);
  for (std::size_t j = 1; j < n_inputs; ++j) {
    const Vec16 weight = Vec16::all(weights[j]);
    in = input(j) + at;
    for (int v = 0; v + 1 < kVectors; ++v) sums[v] = fma(weight, Vec16::load(in + 16 * v), sums[v]);
    sums[kVectors - 1] = fma(weight, Vec16::load(in + 16 * (kVectors - 1), last), sums[kVectors - 1]);
  }
  for (int v = 0; v < kVectors; ++v) {
    const Lanes lanes = v + 1 == kVectors ? last : Lanes::first(16);
    float* p = out + at + 16 * v;
    if constexpr (kStep) {
      const Vec16 w = Vec16::load(p, lanes);
      if (decay != 0) sums[v] = fma(Vec16::all(decay), w, sums[v]);
      sums[v] = fma(Vec16::all(-rate), sums[v], w);
    }
    sums[v].store(p, lanes);
  }
}

template <bool kStep, class Input>
HANSA_FORCE_INLINE void mix_columns(float* out, const Input& input, const float* weights,
                                    std::size_t n_inputs, std::size_t count, float rate, float decay) {
  std::size_t i = 0;
  for (; count - i > 48; i += 64) {
    mix_block<4, kStep>(out, input, weights, n_inputs, i, Lanes::first(count - i - 48), rate, decay);
    if (count - i <= 64) return;
  }
  for (; i < count; i += 16) {
    mix_block<1, kStep>(out, input, weights, n_inputs, i, Lanes::first(count - i), rate, decay);
  }
}

void mix(float* out, const float* const* inputs, const float* weights, std::size_t n_inputs,
         std::size_t count) {
  const auto input = [&](std::size_t j) { return inputs[j]; };
  mix_columns<false>(out, input, weights, n_inputs, count, 0, 0);
}

void mix_rows(float* out, const float* data, const std::uint32_t* rows, const float* weights,
              std::size_t count, std::size_t n) {
  const auto input = [&](std::size_t j) { return data + static_cast<std::size_t>(rows[j]) * n; };
  mix_columns<false>(out, input, weights, count, n, 0, 0);
}

void mix_rows_sgd(float* w, const float* data, const std::uint32_t* rows, const float* weights,
                  std::size_t count, std::size_t n, float rate, float decay) {
  const auto input = [&](std::size_t j) { return data + static_cast<std::size_t>(rows[j]) * n; };
  mix_columns<true>(w, input, weights, count, n, rate, decay);
}

double squared_distance(const float* a, const float* b, std::size_t n) {
  // 16 partial sums in double as four registers of four, on both instruction sets.
  __m256d lanes[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (std::size_t j = 0; j < 4; ++j) {
      const __m256d x = _mm256_cvtps_pd(_mm_loadu_ps(a + i + 4 * j));
      const __m256d y = _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4 * j));
      const __m256d d = _mm256_sub_pd(x, y);
      lanes[j] = _mm256_fmadd_pd(d, d, lanes[j]);
    }
  }
  alignas(32) double part[16];
  for (std::size_t j = 0; j < 4; ++j) _mm256_store_pd(part + 4 * j, lanes[j]);
  for (std::size_t j = 0; i < n; ++i, ++j) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    part[j] = __builtin_fma(d, d, part[j]);
  }
  for (std::size_t width = 8; width > 0; width /= 2) {
    for (std::size_t j = 0; j < width; ++j) part[j] += part[j + width];
  }
  return part[0];
}

void gather_bytes(const std::uint8_t* bytes, std::size_t features, float scale, const std::uint32_t* rows,
                  std::size_t count, float* out) {
  constexpr std::size_t kAhead = 4;  // rows of work that cover the latency of memory
  const auto prefetch = [&](std::size_t r) {
    const std::uint8_t* row = bytes + static_cast<std::size_t>(rows[r]) * features;
    for (std::size_t i = 0; i < features; i += 64) _mm_prefetch(row + i, _MM_HINT_T0);
    _mm_prefetch(row + features - 1, _MM_HINT_T0);
  };
  const Vec16 factor = Vec16::all(scale);
  for (std::size_t r = 0; r < kAhead && r < count; ++r) prefetch(r);
  for (std::size_t r = 0; r < count; ++r, out += features) {
    const std::uint8_t* in = bytes + static_cast<std::size_t>(rows[r]) * features;
    if (r + kAhead < count) prefetch(r + kAhead);
    std::size_t i = 0;
    for (; i + 16 <= features; i += 16) (Vec16::load_bytes(in + i) * factor).store(out + i);
    for (; i < features; ++i) out[i] = static_cast<float>(in[i]) * scale;
  }
}

void max_pool(const float* map, std::size_t height, std::size_t width, std::size_t channels, float* pooled,
              std::uint32_t* offset) {
  const std::size_t row = width * channels;
  // Offsets travel as the bits of floats: blends and stores do not look at them.
  const auto bits = [](std::size_t n) {
    return Vec16::all(__builtin_bit_cast(float, static_cast<std::uint32_t>(n)));
  };
  const Vec16 here = Vec16::zero();
  const Vec16 down = bits(row);
  const Vec16 right = bits(channels);
  const Vec16 both = bits(row + channels);
  for (std::size_t y = 0; y < height; ++y) {
    const float* corner = map + 2 * y * row;
    for (std::size_t x = 0; x < width / 2; ++x, corner += 2 * channels) {
      for (std::size_t c = 0; c < channels; c += 16) {
        const Lanes valid = Lanes::first(channels - c);
        const Vec16 a = Vec16::load(corner + c, valid);
        const Vec16 b = Vec16::load(corner + row + c, valid);
        const Vec16 d = Vec16::load(corner + channels + c, valid);
        const Vec16 e = Vec16::load(corner + row + channels + c, valid);
        const Vec16 left_best = where_ge(a, b, a, b);
        const Vec16 right_best = where_ge(d, e, d, e);
        const Vec16 at =
            where_ge(left_best, right_best, where_ge(a, b, here, down), where_ge(d, e, right, both));
        max(where_ge(left_best, right_best, left_best, right_best), Vec16::zero()).store(pooled + c, valid);
        at.store(reinterpret_cast<float*>(offset + c), valid);
      }
      pooled += channels;
      offset += channels;
    }
  }
}

/// Sum over classes of e^(z - top), storing the exponentials over z.
HANSA_FORCE_INLINE float exponentials(float* z, std::size_t classes, float top) {
  Vec16 lanes = Vec16::zero();
  for (std::size_t i = 0; i < classes; i += 16) {
    const Lanes valid = Lanes::first(classes - i);
    const Vec16 e = only(valid, exp_nonpositive(Vec16::load(z + i, valid) - Vec16::all(top)));
    e.store(z + i, valid);
    lanes = lanes + e;
  }
  return sum(lanes);
}

void softmax_gradient(float* z, std::size_t rows, std::size_t classes, const float* label, float scale,
                      float* loss) {
  for (std::size_t begin = 0; begin < rows; begin += 16) {
    const std::size_t count = rows - begin < 16 ? rows - begin : 16;
    alignas(64) float total[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    alignas(64) float margin[16] = {};  // z[label] - max z
    for (std::size_t r = 0; r < count; ++r) {
      float* row = z + (begin + r) * classes;
      const std::size_t target = static_cast<std::size_t>(label[begin + r]);
      Vec16 top_lanes = Vec16::all(row[0]);
      for (std::size_t i = 0; i < classes; i += 16) {
        const Lanes valid = Lanes::first(classes - i);
        top_lanes = max(top_lanes, only(valid, Vec16::load(row + i, valid), top_lanes));
      }
      const float top = maximum(top_lanes);
      margin[r] = row[target] - top;
      total[r] = exponentials(row, classes, top);
      const Vec16 factor = Vec16::all(scale / total[r]);
      for (std::size_t i = 0; i < classes; i += 16) {
        const Lanes valid = Lanes::first(classes - i);
        (Vec16::load(row + i, valid) * factor).store(row + i, valid);
      }
      row[target] -= scale;
    }
    const Vec16 losses = log_positive(Vec16::load(total)) - Vec16::load(margin);
    losses.store(loss + begin, Lanes::first(count));
  }
}

/// log(1 + e^z) - label * z without overflow: max(z, 0) - label * z + log1p(e^-|z|).
HANSA_FORCE_INLINE Vec16 logistic_loss_of(Vec16 z, Vec16 label, Vec16 small_exp) {
  const Vec16 one = Vec16::all(1.0f);
  const Vec16 u = one + small_exp;
  const Vec16 rest = (small_exp - (u - one)) / u;  // what 1 + e lost to rounding
  return (max(z, Vec16::zero()) - label * z) + (log_positive(u) + rest);
}

void logistic_gradient(float* z, std::size_t rows, const float* label, float scale, float* loss) {
  const Vec16 one = Vec16::all(1.0f);
  for (std::size_t i = 0; i < rows; i += 16) {
    const Lanes valid = Lanes::first(rows - i);
    const Vec16 x = Vec16::load(z + i, valid);
    const Vec16 y = Vec16::load(label + i, valid);
    const Vec16 e = exp_nonpositive(minus_absolute(x));
    logistic_loss_of(x, y, e).store(loss + i, valid);
    const Vec16 probability = where_ge(x, Vec16::zero(), one, e) / (one + e);
    ((probability - y) * Vec16::all(scale)).store(z + i, valid);
  }
}

void logistic_loss(const float* z, std::size_t rows, const float* label, float* loss) {
  for (std::size_t i = 0; i < rows; i += 16) {
    const Lanes valid = Lanes::first(rows - i);
    const Vec16 x = Vec16::load(z + i, valid);
    logistic_loss_of(x, Vec16::load(label + i, valid), exp_nonpositive(minus_absolute(x)))
        .store(loss + i, valid);
  }
}

double peak_flop_probe(std::uint64_t iterations, float* sink) {
#ifdef __AVX512F__
  constexpr int kChains = 16;  // enough to hide the latency of two pipelines
#else
  constexpr int kChains = 6;  // twelve registers
#endif
  Vec16 chain[kChains];
  for (int j = 0; j < kChains; ++j) chain[j] = Vec16::all(static_cast<float>(j));
  const Vec16 factor = Vec16::all(0.999f);
  const Vec16 term = Vec16::all(0.001f);
  for (std::uint64_t i = 0; i < iterations; ++i) {
    for (int j = 0; j < kChains; ++j) chain[j] = fma(chain[j], factor, term);
  }
  Vec16 total = Vec16::zero();
  for (int j = 0; j < kChains; ++j) total = total + chain[j];
  *sink = sum(total);
  return static_cast<double>(iterations) * kChains * 16 * 2;
}

double bandwidth_probe(float* a, const float* b, const float* c, std::size_t n) {
  const Vec16 factor = Vec16::all(3.0f);
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (std::size_t j = 0; j < 64; j += 16) {
      fma(factor, Vec16::load(c + i + j), Vec16::load(b + i + j)).store(a + i + j);
    }
  }
  for (; i < n; ++i) a[i] = __builtin_fmaf(3.0f, c[i], b[i]);
  return static_cast<double>(n) * 3 * sizeof(float);
}

}  // namespace
}  // namespace hansa::learn
