// Matrix product without packing: a tile of C stays in registers while k runs once from 0 to the end, so
// every output is one chain of fused multiply-adds in ascending k whatever the tile. Our matrices are small
// enough (a panel of B stays in the second-level cache) that copying them into packed panels would cost more
// than it saves. Include it only from kernels_*.cpp.
#pragma once

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/kernels/simd.hpp"

namespace hansa::learn {
namespace {

#ifdef __AVX512F__
// 32 registers: 24 accumulators, the row of B and one broadcast.
constexpr int kMaxColumnVectors = 4;
constexpr int rows_of_tile(int column_vectors) { return column_vectors == 4 ? 6 : 12; }
#else
// 16 registers, and a vector takes two: 12 accumulators, the row of B and one broadcast.
constexpr int kMaxColumnVectors = 1;
constexpr int rows_of_tile(int) { return 6; }
#endif

/// Accumulators -> C for one row of a tile.
template <int kVectors>
HANSA_FORCE_INLINE void finish_row(const GemmTask& t, std::size_t row, std::size_t column, Lanes last,
                                   Vec16 (&sums)[kVectors]) {
  float* c = t.c + row * t.c_row + column;
  const float* mask = t.finish == GemmFinish::mask ? t.mask + row * t.c_row + column : nullptr;
  for (int j = 0; j < kVectors; ++j) {
    const Lanes lanes = j + 1 == kVectors ? last : Lanes::first(16);
    float* p = c + 16 * j;
    Vec16 x = sums[j];
    switch (t.finish) {
      case GemmFinish::store:
        break;
      case GemmFinish::relu:
        x = max(x, Vec16::zero());
        break;
      case GemmFinish::mask:
        x = where_gt_or_zero(Vec16::load(mask + 16 * j, lanes), Vec16::zero(), x);
        break;
      case GemmFinish::sgd: {
        const Vec16 w = Vec16::load(p, lanes);
        if (t.decay != 0) x = fma(Vec16::all(t.decay), w, x);
        x = fma(Vec16::all(-t.rate), x, w);
        break;
      }
    }
    x.store(p, lanes);
  }
}

/// kRows x (16 * kVectors) outputs at (row, column); `last` masks the last vector of columns.
template <int kRows, int kVectors, bool kUnitRowStride>
void gemm_tile(const GemmTask& t, std::size_t row, std::size_t column, Lanes last) {
  Vec16 sums[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      const Lanes lanes = j + 1 == kVectors ? last : Lanes::first(16);
      if (t.start == GemmStart::zero) {
        sums[i][j] = Vec16::zero();
      } else if (t.start == GemmStart::bias) {
        sums[i][j] = Vec16::load(t.bias + column + 16 * j, lanes);
      } else {
        sums[i][j] = Vec16::load(t.c + (row + i) * t.c_row + column + 16 * j, lanes);
      }
    }
  }
  const std::size_t a_row = kUnitRowStride ? 1 : t.a_row;
  const float* a = t.a + row * a_row;
  const float* b = t.b + column;
  for (std::size_t k = 0; k < t.k; ++k, a += t.a_column, b += t.b_row) {
    Vec16 right[kVectors];
    for (int j = 0; j + 1 < kVectors; ++j) right[j] = Vec16::load(b + 16 * j);
    right[kVectors - 1] = Vec16::load(b + 16 * (kVectors - 1), last);
    for (int i = 0; i < kRows; ++i) {
      const Vec16 left = Vec16::all(a[i * a_row]);
      for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(left, right[j], sums[i][j]);
    }
  }
  for (int i = 0; i < kRows; ++i) finish_row<kVectors>(t, row + i, column, last, sums[i]);
}

template <int kRows, int kVectors, bool kUnitRowStride>
HANSA_FORCE_INLINE void gemm_rows(const GemmTask& t, std::size_t& row, std::size_t column, Lanes last) {
  for (; row + kRows <= t.m; row += kRows) {
    gemm_tile<kRows, kVectors, kUnitRowStride>(t, row, column, last);
  }
}

/// All rows of `16 * kVectors` columns (the last vector perhaps in part).
template <int kVectors, bool kUnitRowStride>
void gemm_columns(const GemmTask& t, std::size_t column, Lanes last) {
  std::size_t row = 0;
  constexpr int kTile = rows_of_tile(kVectors);
  gemm_rows<kTile, kVectors, kUnitRowStride>(t, row, column, last);
  if constexpr (kTile > 8) gemm_rows<8, kVectors, kUnitRowStride>(t, row, column, last);
  gemm_rows<4, kVectors, kUnitRowStride>(t, row, column, last);
  gemm_rows<2, kVectors, kUnitRowStride>(t, row, column, last);
  gemm_rows<1, kVectors, kUnitRowStride>(t, row, column, last);
}

template <bool kUnitRowStride>
void gemm_strided(const GemmTask& t) {
  std::size_t column = 0;
  while (column < t.n) {
    const std::size_t left = t.n - column;
    const std::size_t vectors = (left + 15) / 16;
    if constexpr (kMaxColumnVectors >= 4) {
      if (vectors >= 4) {
        gemm_columns<4, kUnitRowStride>(t, column, Lanes::first(left - 48));
        column += 64;
        continue;
      }
      if (vectors >= 2) {
        gemm_columns<2, kUnitRowStride>(t, column, Lanes::first(left - 16));
        column += 32;
        continue;
      }
    }
    gemm_columns<1, kUnitRowStride>(t, column, Lanes::first(left));
    column += 16;
  }
}

void gemm(const GemmTask& t) {
  if (t.a_row == 1) {
    gemm_strided<true>(t);
  } else {
    gemm_strided<false>(t);
  }
}

}  // namespace
}  // namespace hansa::learn
