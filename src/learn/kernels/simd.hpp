// A vector of 16 floats with the same meaning on both instruction sets: one register with AVX-512, two with
// AVX2. Lane i always holds element i, and sums fold 16 -> 8 -> 4 -> 2 -> 1, so that results agree to the
// last bit. Include it only from kernels_*.cpp: everything is in an unnamed namespace because the two
// translation units are compiled with different flags, and a function shared by the linker could end up with
// the wrong instructions.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define HANSA_FORCE_INLINE inline __attribute__((always_inline))
#define HANSA_INLINE_LAMBDA __attribute__((always_inline))
#define HANSA_UNROLL _Pragma("GCC unroll 16")

namespace hansa::learn {
namespace {

/// 8 floats; one register on both instruction sets.
struct Vec8 {
  static constexpr std::size_t kLanes = 8;
  __m256 v;
  static HANSA_FORCE_INLINE Vec8 zero() { return {_mm256_setzero_ps()}; }
  static HANSA_FORCE_INLINE Vec8 all(float x) { return {_mm256_set1_ps(x)}; }
  static HANSA_FORCE_INLINE Vec8 load(const float* p) { return {_mm256_loadu_ps(p)}; }
  HANSA_FORCE_INLINE void store(float* p) const { _mm256_storeu_ps(p, v); }
  [[nodiscard]] HANSA_FORCE_INLINE float first() const { return _mm256_cvtss_f32(v); }
};
HANSA_FORCE_INLINE Vec8 operator+(Vec8 a, Vec8 b) { return {_mm256_add_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec8 operator-(Vec8 a, Vec8 b) { return {_mm256_sub_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec8 operator*(Vec8 a, Vec8 b) { return {_mm256_mul_ps(a.v, b.v)}; }
/// a * b + c in one rounding.
HANSA_FORCE_INLINE Vec8 fma(Vec8 a, Vec8 b, Vec8 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }

/// c - a * b in one rounding.
HANSA_FORCE_INLINE Vec8 fnma(Vec8 a, Vec8 b, Vec8 c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
HANSA_FORCE_INLINE Vec8 operator/(Vec8 a, Vec8 b) { return {_mm256_div_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec8 max(Vec8 a, Vec8 b) { return {_mm256_max_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec8 square_root(Vec8 a) { return {_mm256_sqrt_ps(a.v)}; }

HANSA_FORCE_INLINE float sum(Vec8 a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
HANSA_FORCE_INLINE float maximum(Vec8 a) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#ifdef __AVX512F__

/// The first n of 16 lanes.
struct Lanes {
  __mmask16 m;
  static HANSA_FORCE_INLINE Lanes first(std::size_t n) {
    return {static_cast<__mmask16>(n >= 16 ? 0xFFFFu : (1u << n) - 1u)};
  }
};

struct Vec16 {
  static constexpr std::size_t kLanes = 16;
  __m512 v;
  static HANSA_FORCE_INLINE Vec16 zero() { return {_mm512_setzero_ps()}; }
  static HANSA_FORCE_INLINE Vec16 all(float x) { return {_mm512_set1_ps(x)}; }
  static HANSA_FORCE_INLINE Vec16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static HANSA_FORCE_INLINE Vec16 load(const float* p, Lanes lanes) {
    return {_mm512_maskz_loadu_ps(lanes.m, p)};
  }
  /// 16 bytes as floats.
  static HANSA_FORCE_INLINE Vec16 load_bytes(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))};
  }
  HANSA_FORCE_INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
  [[nodiscard]] HANSA_FORCE_INLINE float first() const { return _mm512_cvtss_f32(v); }
  HANSA_FORCE_INLINE void store(float* p, Lanes lanes) const { _mm512_mask_storeu_ps(p, lanes.m, v); }
};
HANSA_FORCE_INLINE Vec16 operator+(Vec16 a, Vec16 b) { return {_mm512_add_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec16 operator-(Vec16 a, Vec16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec16 operator*(Vec16 a, Vec16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec16 operator/(Vec16 a, Vec16 b) { return {_mm512_div_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec16 fma(Vec16 a, Vec16 b, Vec16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
HANSA_FORCE_INLINE Vec16 fnma(Vec16 a, Vec16 b, Vec16 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
HANSA_FORCE_INLINE Vec16 square_root(Vec16 a) { return {_mm512_sqrt_ps(a.v)}; }
HANSA_FORCE_INLINE Vec16 max(Vec16 a, Vec16 b) { return {_mm512_max_ps(a.v, b.v)}; }
HANSA_FORCE_INLINE Vec16 min(Vec16 a, Vec16 b) { return {_mm512_min_ps(a.v, b.v)}; }
/// a >= b ? x : y, lane by lane.
HANSA_FORCE_INLINE Vec16 where_ge(Vec16 a, Vec16 b, Vec16 x, Vec16 y) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ), y.v, x.v)};
}
/// a > b ? x : 0, lane by lane.
HANSA_FORCE_INLINE Vec16 where_gt_or_zero(Vec16 a, Vec16 b, Vec16 x) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ), x.v)};
}
HANSA_FORCE_INLINE Vec16 only(Lanes lanes, Vec16 x) { return {_mm512_maskz_mov_ps(lanes.m, x.v)}; }
HANSA_FORCE_INLINE Vec16 only(Lanes lanes, Vec16 x, Vec16 otherwise) {
  return {_mm512_mask_mov_ps(otherwise.v, lanes.m, x.v)};
}
/// Truncates to an integer, keeping it as a float.
HANSA_FORCE_INLINE Vec16 truncate(Vec16 a) { return {_mm512_cvtepi32_ps(_mm512_cvttps_epi32(a.v))}; }
/// 2^k for integral k in -126 .. 127.
HANSA_FORCE_INLINE Vec16 power_of_two(Vec16 k) {
  const __m512i e = _mm512_add_epi32(_mm512_cvttps_epi32(k.v), _mm512_set1_epi32(127));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(e, 23))};
}
/// Splits normal x > 0 into mantissa in [1, 2) and exponent.
HANSA_FORCE_INLINE Vec16 split_exponent(Vec16 x, Vec16& exponent) {
  const __m512i bits = _mm512_castps_si512(x.v);
  exponent.v = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(127)));
  const __m512i mantissa = _mm512_and_si512(bits, _mm512_set1_epi32(0x007FFFFF));
  return {_mm512_castsi512_ps(_mm512_or_si512(mantissa, _mm512_set1_epi32(0x3F800000)))};
}
HANSA_FORCE_INLINE Vec8 low(Vec16 a) { return {_mm512_castps512_ps256(a.v)}; }
HANSA_FORCE_INLINE Vec8 high(Vec16 a) { return {_mm512_extractf32x8_ps(a.v, 1)}; }

#else  // AVX2

struct Lanes {
  __m256i low, high;
  static HANSA_FORCE_INLINE Lanes first(std::size_t n) {
    const __m256i limit = _mm256_set1_epi32(n >= 16 ? 16 : static_cast<int>(n));
    return {_mm256_cmpgt_epi32(limit, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
            _mm256_cmpgt_epi32(limit, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15))};
  }
};

struct Vec16 {
  static constexpr std::size_t kLanes = 16;
  __m256 a, b;  // lanes 0..7 and 8..15
  static HANSA_FORCE_INLINE Vec16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static HANSA_FORCE_INLINE Vec16 all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static HANSA_FORCE_INLINE Vec16 load(const float* p) {
    return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
  }
  static HANSA_FORCE_INLINE Vec16 load(const float* p, const Lanes& lanes) {
    return {_mm256_maskload_ps(p, lanes.low), _mm256_maskload_ps(p + 8, lanes.high)};
  }
  static HANSA_FORCE_INLINE Vec16 load_bytes(const std::uint8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
  }
  [[nodiscard]] HANSA_FORCE_INLINE float first() const { return _mm256_cvtss_f32(a); }
  HANSA_FORCE_INLINE void store(float* p) const {
    _mm256_storeu_ps(p, a);
    _mm256_storeu_ps(p + 8, b);
  }
  HANSA_FORCE_INLINE void store(float* p, const Lanes& lanes) const {
    _mm256_maskstore_ps(p, lanes.low, a);
    _mm256_maskstore_ps(p + 8, lanes.high, b);
  }
};
HANSA_FORCE_INLINE Vec16 operator+(Vec16 x, Vec16 y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
HANSA_FORCE_INLINE Vec16 operator-(Vec16 x, Vec16 y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
HANSA_FORCE_INLINE Vec16 operator*(Vec16 x, Vec16 y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
HANSA_FORCE_INLINE Vec16 operator/(Vec16 x, Vec16 y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
HANSA_FORCE_INLINE Vec16 fma(Vec16 x, Vec16 y, Vec16 z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
HANSA_FORCE_INLINE Vec16 fnma(Vec16 x, Vec16 y, Vec16 z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
HANSA_FORCE_INLINE Vec16 square_root(Vec16 x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
HANSA_FORCE_INLINE Vec16 max(Vec16 x, Vec16 y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
HANSA_FORCE_INLINE Vec16 min(Vec16 x, Vec16 y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
HANSA_FORCE_INLINE Vec16 where_ge(Vec16 p, Vec16 q, Vec16 x, Vec16 y) {
  return {_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(p.a, q.a, _CMP_GE_OQ)),
          _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(p.b, q.b, _CMP_GE_OQ))};
}
HANSA_FORCE_INLINE Vec16 where_gt_or_zero(Vec16 p, Vec16 q, Vec16 x) {
  return {_mm256_and_ps(x.a, _mm256_cmp_ps(p.a, q.a, _CMP_GT_OQ)),
          _mm256_and_ps(x.b, _mm256_cmp_ps(p.b, q.b, _CMP_GT_OQ))};
}
HANSA_FORCE_INLINE Vec16 only(const Lanes& lanes, Vec16 x) {
  return {_mm256_and_ps(x.a, _mm256_castsi256_ps(lanes.low)),
          _mm256_and_ps(x.b, _mm256_castsi256_ps(lanes.high))};
}
HANSA_FORCE_INLINE Vec16 only(const Lanes& lanes, Vec16 x, Vec16 otherwise) {
  return {_mm256_blendv_ps(otherwise.a, x.a, _mm256_castsi256_ps(lanes.low)),
          _mm256_blendv_ps(otherwise.b, x.b, _mm256_castsi256_ps(lanes.high))};
}
HANSA_FORCE_INLINE Vec16 truncate(Vec16 x) {
  return {_mm256_cvtepi32_ps(_mm256_cvttps_epi32(x.a)), _mm256_cvtepi32_ps(_mm256_cvttps_epi32(x.b))};
}
HANSA_FORCE_INLINE __m256 power_of_two_half(__m256 k) {
  const __m256i e = _mm256_add_epi32(_mm256_cvttps_epi32(k), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
HANSA_FORCE_INLINE Vec16 power_of_two(Vec16 k) { return {power_of_two_half(k.a), power_of_two_half(k.b)}; }
HANSA_FORCE_INLINE __m256 split_exponent_half(__m256 x, __m256& exponent) {
  const __m256i bits = _mm256_castps_si256(x);
  exponent = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127)));
  const __m256i mantissa = _mm256_and_si256(bits, _mm256_set1_epi32(0x007FFFFF));
  return _mm256_castsi256_ps(_mm256_or_si256(mantissa, _mm256_set1_epi32(0x3F800000)));
}
HANSA_FORCE_INLINE Vec16 split_exponent(Vec16 x, Vec16& exponent) {
  return {split_exponent_half(x.a, exponent.a), split_exponent_half(x.b, exponent.b)};
}
HANSA_FORCE_INLINE Vec8 low(Vec16 x) { return {x.a}; }
HANSA_FORCE_INLINE Vec8 high(Vec16 x) { return {x.b}; }

#endif

HANSA_FORCE_INLINE float sum(Vec16 a) { return sum(low(a) + high(a)); }
HANSA_FORCE_INLINE float maximum(Vec16 a) { return maximum(Vec8{_mm256_max_ps(low(a).v, high(a).v)}); }

/// e^x for x <= 0 with the steps and the bits of hansa::exp_fast.
HANSA_FORCE_INLINE Vec16 exp_nonpositive(Vec16 x) {
  const Vec16 zero = Vec16::zero();
  const Vec16 clipped = max(x, Vec16::all(-87.3365f));
  const Vec16 k = truncate(clipped * Vec16::all(1.44269504f) - Vec16::all(0.5f));
  const Vec16 r = (clipped - k * Vec16::all(0.693359375f)) - k * Vec16::all(-2.12194440e-4f);
  Vec16 p = Vec16::all(1.9875691500e-4f);
  p = p * r + Vec16::all(1.3981999507e-3f);
  p = p * r + Vec16::all(8.3334519073e-3f);
  p = p * r + Vec16::all(4.1665795894e-2f);
  p = p * r + Vec16::all(1.6666665459e-1f);
  p = p * r + Vec16::all(5.0000001201e-1f);
  const Vec16 y = (p * r * r + r + Vec16::all(1.0f)) * power_of_two(k);
  return where_ge(x, Vec16::all(-87.3365f), y, zero);
}

HANSA_FORCE_INLINE Vec16 minus_absolute(Vec16 z) { return min(z, Vec16::zero() - z); }

/// 1 / (1 + e^-x) with the bits of hansa::sigmoid.
HANSA_FORCE_INLINE Vec16 sigmoid(Vec16 x) {
  const Vec16 one = Vec16::all(1.0f);
  const Vec16 e = exp_nonpositive(minus_absolute(x));
  return where_ge(x, Vec16::zero(), one, e) / (one + e);
}

/// Natural logarithm of a normal x > 0 (Cephes logf polynomial), relative error about 1e-7.
HANSA_FORCE_INLINE Vec16 log_positive(Vec16 x) {
  Vec16 e = Vec16::zero();
  Vec16 m = split_exponent(x, e);
  const Vec16 root = Vec16::all(1.41421356f);
  const Vec16 one = Vec16::all(1.0f);
  e = where_ge(m, root, e + one, e);
  m = where_ge(m, root, m * Vec16::all(0.5f), m) - one;
  const Vec16 z = m * m;
  Vec16 p = Vec16::all(7.0376836292e-2f);
  p = p * m + Vec16::all(-1.1514610310e-1f);
  p = p * m + Vec16::all(1.1676998740e-1f);
  p = p * m + Vec16::all(-1.2420140846e-1f);
  p = p * m + Vec16::all(1.4249322787e-1f);
  p = p * m + Vec16::all(-1.6668057665e-1f);
  p = p * m + Vec16::all(2.0000714765e-1f);
  p = p * m + Vec16::all(-2.4999993993e-1f);
  p = p * m + Vec16::all(3.3333331174e-1f);
  Vec16 y = p * m * z + e * Vec16::all(-2.12194440e-4f) - z * Vec16::all(0.5f);
  return m + y + e * Vec16::all(0.693359375f);
}

}  // namespace
}  // namespace hansa::learn
