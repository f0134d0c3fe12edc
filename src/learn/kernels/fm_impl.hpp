// The factorization machine (Rendle, "Factorization Machines", ICDM 2010) row by row:
//   score = bias + sum_f w_f x_f + 1/2 sum_k ((sum_f v_fk x_f)^2 - sum_f (v_fk x_f)^2).
// A row costs two passes over the factors of its own features; the first comes from memory, so the next row's
// factors are prefetched meanwhile, and the second finds them in the first-level cache.
// Include it only from kernels_*.cpp.
#pragma once

#include <hansa/math.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/kernels/simd.hpp"

namespace hansa::learn {
namespace {

HANSA_FORCE_INLINE void prefetch_factors(const FmParameters& fm, std::uint32_t feature) {
  const float* factors = fm.factors + static_cast<std::size_t>(feature) * fm.rank;
  for (std::size_t i = 0; i < fm.rank; i += 16) _mm_prefetch(factors + i, _MM_HINT_T0);
  _mm_prefetch(fm.linear + feature, _MM_HINT_T0);
}

/// The non-zeros of row `i` of the given order, and those of the row after it to prefetch.
struct RowRange {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t next = 0, next_end = 0;
};
HANSA_FORCE_INLINE RowRange row_range(const SparseRows& rows, std::size_t i) {
  RowRange range;
  range.begin = rows.row_begin[rows.rows[i]];
  range.end = rows.row_begin[rows.rows[i] + std::uint64_t{1}];
  if (i + 1 < rows.count) {
    range.next = rows.row_begin[rows.rows[i + 1]];
    range.next_end = rows.row_begin[rows.rows[i + 1] + std::uint64_t{1}];
  }
  if (i + 4 < rows.count) {  // the row's own data must have arrived before its features can be prefetched
    const std::uint32_t later = rows.rows[i + 4];
    const std::uint64_t at = rows.row_begin[later];
    const std::uint64_t end = rows.row_begin[later + std::uint64_t{1}];
    for (std::uint64_t j = at; j < end; j += 16) {
      _mm_prefetch(rows.column + j, _MM_HINT_T0);
      _mm_prefetch(rows.value + j, _MM_HINT_T0);
    }
    _mm_prefetch(rows.label + later, _MM_HINT_T0);
  }
  if (i + 8 < rows.count) _mm_prefetch(rows.row_begin + rows.rows[i + 8], _MM_HINT_T0);
  return range;
}

/// Score of one row; `total` receives sum_f v_f x_f. Even and odd non-zeros go to separate sums, which halves
/// the chain of dependent additions; the order is the same everywhere.
template <class Vec, int kBlocks>
HANSA_FORCE_INLINE float fm_row(const FmParameters& fm, const SparseRows& rows, const RowRange& range,
                                Vec (&total)[kBlocks]) {
  Vec square[2][kBlocks];
  Vec plain[2][kBlocks];
  for (int s = 0; s < 2; ++s) {
    for (int b = 0; b < kBlocks; ++b) plain[s][b] = square[s][b] = Vec::zero();
  }
  float linear[2] = {0, 0};
  const auto add = [&](std::uint64_t j, int s) HANSA_INLINE_LAMBDA {
    const std::uint32_t feature = rows.column[j];
    const float x = rows.value[j];
    const float* factors = fm.factors + static_cast<std::size_t>(feature) * fm.rank;
    linear[s] = __builtin_fmaf(fm.linear[feature], x, linear[s]);
    const Vec value = Vec::all(x);
    for (int b = 0; b < kBlocks; ++b) {
      const Vec term = Vec::load(factors + Vec::kLanes * static_cast<std::size_t>(b)) * value;
      plain[s][b] = plain[s][b] + term;
      square[s][b] = fma(term, term, square[s][b]);
    }
  };
  std::uint64_t next = range.next;
  std::uint64_t j = range.begin;
  for (; j + 2 <= range.end; j += 2) {
    if (next < range.next_end) prefetch_factors(fm, rows.column[next++]);
    if (next < range.next_end) prefetch_factors(fm, rows.column[next++]);
    add(j, 0);
    add(j + 1, 1);
  }
  if (j < range.end) add(j, 0);
  for (; next < range.next_end; ++next) prefetch_factors(fm, rows.column[next]);
  Vec pairs = Vec::zero();
  for (int b = 0; b < kBlocks; ++b) {
    total[b] = plain[0][b] + plain[1][b];
    pairs = pairs + (total[b] * total[b] - (square[0][b] + square[1][b]));
  }
  return (*fm.bias + (linear[0] + linear[1])) + 0.5f * sum(pairs);
}

template <class Vec, int kBlocks>
void fm_sgd_blocks(const FmParameters& fm, const SparseRows& rows, bool logistic, float rate, float decay,
                   float* score) {
  const float keep = 1.0f - rate * decay;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const RowRange range = row_range(rows, i);
    Vec total[kBlocks];
    const float z = fm_row<Vec, kBlocks>(fm, rows, range, total);
    score[i] = z;
    const float error = (logistic ? hansa::sigmoid(z) : z) - rows.label[rows.rows[i]];
    const float step = -rate * error;
    *fm.bias = __builtin_fmaf(*fm.bias, keep, step);
    for (std::uint64_t j = range.begin; j < range.end; ++j) {
      const std::uint32_t feature = rows.column[j];
      const float x = rows.value[j];
      const float pull = step * x;
      fm.linear[feature] = __builtin_fmaf(fm.linear[feature], keep, pull);
      float* factors = fm.factors + static_cast<std::size_t>(feature) * fm.rank;
      // v - rate (error x (total - x v) + decay v) = v (keep - pull x) + pull total
      const Vec own = Vec::all(__builtin_fmaf(-pull, x, keep));
      const Vec other = Vec::all(pull);
      for (int b = 0; b < kBlocks; ++b) {
        float* p = factors + Vec::kLanes * static_cast<std::size_t>(b);
        fma(Vec::load(p), own, other * total[b]).store(p);
      }
    }
  }
}

template <class Vec, int kBlocks>
void fm_forward_blocks(const FmParameters& fm, const SparseRows& rows, float* score, float* sums) {
  for (std::size_t i = 0; i < rows.count; ++i) {
    Vec total[kBlocks];
    score[i] = fm_row<Vec, kBlocks>(fm, rows, row_range(rows, i), total);
    if (sums == nullptr) continue;
    for (int b = 0; b < kBlocks; ++b) {
      total[b].store(sums + i * fm.rank + Vec::kLanes * static_cast<std::size_t>(b));
    }
  }
}

void fm_sgd(const FmParameters& fm, const SparseRows& rows, bool logistic, float rate, float decay,
            float* score) {
  switch (fm.rank) {
    case 8:
      fm_sgd_blocks<Vec8, 1>(fm, rows, logistic, rate, decay, score);
      break;
    case 16:
      fm_sgd_blocks<Vec16, 1>(fm, rows, logistic, rate, decay, score);
      break;
    case 32:
      fm_sgd_blocks<Vec16, 2>(fm, rows, logistic, rate, decay, score);
      break;
    case 48:
      fm_sgd_blocks<Vec16, 3>(fm, rows, logistic, rate, decay, score);
      break;
    case 64:
      fm_sgd_blocks<Vec16, 4>(fm, rows, logistic, rate, decay, score);
      break;
    case 80:
      fm_sgd_blocks<Vec16, 5>(fm, rows, logistic, rate, decay, score);
      break;
    case 96:
      fm_sgd_blocks<Vec16, 6>(fm, rows, logistic, rate, decay, score);
      break;
    case 112:
      fm_sgd_blocks<Vec16, 7>(fm, rows, logistic, rate, decay, score);
      break;
    case 128:
      fm_sgd_blocks<Vec16, 8>(fm, rows, logistic, rate, decay, score);
      break;
    default:
      __builtin_trap();
  }
}

void fm_forward(const FmParameters& fm, const SparseRows& rows, float* score, float* sums) {
  switch (fm.rank) {
    case 8:
      fm_forward_blocks<Vec8, 1>(fm, rows, score, sums);
      break;
    case 16:
      fm_forward_blocks<Vec16, 1>(fm, rows, score, sums);
      break;
    case 32:
      fm_forward_blocks<Vec16, 2>(fm, rows, score, sums);
      break;
    case 48:
      fm_forward_blocks<Vec16, 3>(fm, rows, score, sums);
      break;
    case 64:
      fm_forward_blocks<Vec16, 4>(fm, rows, score, sums);
      break;
    case 80:
      fm_forward_blocks<Vec16, 5>(fm, rows, score, sums);
      break;
    case 96:
      fm_forward_blocks<Vec16, 6>(fm, rows, score, sums);
      break;
    case 112:
      fm_forward_blocks<Vec16, 7>(fm, rows, score, sums);
      break;
    case 128:
      fm_forward_blocks<Vec16, 8>(fm, rows, score, sums);
      break;
    default:
      __builtin_trap();
  }
}

void fm_accumulate(const FmParameters& fm, const SparseRows& rows, const float* error, const float* pull,
                   const std::uint32_t* slots, float* linear_gradient, float* factor_gradient) {
  for (std::size_t i = 0; i < rows.count; ++i) {
    const RowRange range = row_range(rows, i);
    const float* base = pull + i * fm.rank;
    for (std::uint64_t j = range.begin; j < range.end; ++j, ++slots) {
      const float x = rows.value[j];
      const float ex = error[i] * x;
      linear_gradient[*slots] += ex;
      const float* factors = fm.factors + static_cast<std::size_t>(rows.column[j]) * fm.rank;
      float* gradient = factor_gradient + static_cast<std::size_t>(*slots) * fm.rank;
      const Vec8 value = Vec8::all(x);
      const Vec8 own = Vec8::all(-(ex * x));
      for (std::size_t b = 0; b < fm.rank; b += 8) {
        const Vec8 g = fma(value, Vec8::load(base + b), Vec8::load(gradient + b));
        fma(own, Vec8::load(factors + b), g).store(gradient + b);
      }
    }
  }
}

}  // namespace
}  // namespace hansa::learn
