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
constexpr int rows_of_tile(int column_vectors) {
  return column_vectors == 4 ? 6 : column_vectors == 2 ? 12 : 13;
}
#else
// 16 registers, and a vector takes two: 12 accumulators, the row of B and one broadcast.
constexpr int kMaxColumnVectors = 1;
constexpr int rows_of_tile(int) { return 6; }
#endif

/// Calls f(i, j, lanes of column vector j) for every vector of a tile. Fully unrolled: only then do
/// accumulators that are indexed by i and j stay in registers.
template <int kRows, int kVectors, class F>
HANSA_FORCE_INLINE void for_tile(Lanes last, const F& f) {
  HANSA_UNROLL
  for (int i = 0; i < kRows; ++i) {
    HANSA_UNROLL
    for (int j = 0; j < kVectors; ++j) f(i, j, j + 1 == kVectors ? last : Lanes::first(16));
  }
}

/// kRows x (16 * kVectors) outputs at (row, column); `last` masks the last vector of columns.
template <int kRows, int kVectors>
void gemm_tile(const GemmTask& t, std::size_t row, std::size_t column, Lanes last) {
  Vec16 sums[kRows][kVectors];
  float* const c = t.c + row * t.c_row + column;
  const auto at = [&](int i, int j) {
    return static_cast<std::size_t>(i) * t.c_row + static_cast<std::size_t>(16 * j);
  };
  if (t.start == GemmStart::zero) {
    for_tile<kRows, kVectors>(last,
                              [&](int i, int j, Lanes) HANSA_INLINE_LAMBDA { sums[i][j] = Vec16::zero(); });
  } else if (t.start == GemmStart::bias) {
    for_tile<kRows, kVectors>(last, [&](int i, int j, Lanes lanes) HANSA_INLINE_LAMBDA {
      sums[i][j] = Vec16::load(t.bias + column + 16 * j, lanes);
    });
  } else {
    for_tile<kRows, kVectors>(last, [&](int i, int j, Lanes lanes) HANSA_INLINE_LAMBDA {
      sums[i][j] = Vec16::load(c + at(i, j), lanes);
    });
  }
  const std::size_t a_row = t.a_row;
  const float* a = t.a + row * a_row;
  const float* b = t.b + column;
  const std::size_t a_column = t.a_column;
  const std::size_t b_row = t.b_row;
  for (std::size_t k = t.k; k > 0; --k, a += a_column, b += b_row) {
    Vec16 right[kVectors];
    HANSA_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      right[j] = j + 1 == kVectors ? Vec16::load(b + 16 * j, last) : Vec16::load(b + 16 * j);
    }
    HANSA_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec16 left = Vec16::all(a[static_cast<std::size_t>(i) * a_row]);
      HANSA_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = fma(left, right[j], sums[i][j]);
    }
  }
  switch (t.finish) {
    case GemmFinish::store:
      for_tile<kRows, kVectors>(last, [&](int i, int j, Lanes lanes)
                                          HANSA_INLINE_LAMBDA { sums[i][j].store(c + at(i, j), lanes); });
      break;
    case GemmFinish::relu:
      for_tile<kRows, kVectors>(last, [&](int i, int j, Lanes lanes) HANSA_INLINE_LAMBDA {
        max(sums[i][j], Vec16::zero()).store(c + at(i, j), lanes);
      });
      break;
    case GemmFinish::mask: {
      const float* const mask = t.mask + row * t.c_row + column;
      for_tile<kRows, kVectors>(last, [&](int i, int j, Lanes lanes) HANSA_INLINE_LAMBDA {
        where_gt_or_zero(Vec16::load(mask + at(i, j), lanes), Vec16::zero(), sums[i][j])
            .store(c + at(i, j), lanes);
      });
      break;
    }
    case GemmFinish::sgd: {
      const Vec16 rate = Vec16::all(-t.rate);
      const Vec16 decay = Vec16::all(t.decay);
      const bool decays = t.decay != 0;
      for_tile<kRows, kVectors>(last, [&](int i, int j, Lanes lanes) HANSA_INLINE_LAMBDA {
        const Vec16 w = Vec16::load(c + at(i, j), lanes);
        fma(rate, decays ? fma(decay, w, sums[i][j]) : sums[i][j], w).store(c + at(i, j), lanes);
      });
      break;
    }
  }
}

/// As many tiles of kRows rows as fit.
template <int kRows, int kVectors>
HANSA_FORCE_INLINE void gemm_rows(const GemmTask& t, std::size_t& row, std::size_t column, Lanes last) {
  for (; row + kRows <= t.m; row += kRows) gemm_tile<kRows, kVectors>(t, row, column, last);
}

/// All rows of `16 * kVectors` columns (the last vector perhaps in part). A handful of tile heights: more of
/// them gain nothing measurable, and each is unrolled code.
template <int kVectors>
void gemm_columns(const GemmTask& t, std::size_t column, Lanes last) {
  std::size_t row = 0;
  constexpr int kTile = rows_of_tile(kVectors);
  gemm_rows<kTile, kVectors>(t, row, column, last);
  if constexpr (kTile > 8) gemm_rows<8, kVectors>(t, row, column, last);
  gemm_rows<4, kVectors>(t, row, column, last);
  gemm_rows<2, kVectors>(t, row, column, last);
  gemm_rows<1, kVectors>(t, row, column, last);
}

void gemm(const GemmTask& t) {
  std::size_t column = 0;
  while (column < t.n) {
    const std::size_t left = t.n - column;
    const std::size_t vectors = (left + 15) / 16;
    if constexpr (kMaxColumnVectors >= 4) {
      if (vectors >= 4) {
        gemm_columns<4>(t, column, Lanes::first(left - 48));
        column += 64;
        continue;
      }
      if (vectors >= 2) {
        gemm_columns<2>(t, column, Lanes::first(left - 16));
        column += 32;
        continue;
      }
    }
    gemm_columns<1>(t, column, Lanes::first(left));
    column += 16;
  }
}

}  // namespace
}  // namespace hansa::learn
