// The factorization machine (Rendle, "Factorization Machines", ICDM 2010) row by row:
//   score = bias + sum_f w_f x_f + 1/2 sum_k ((sum_f v_fk x_f)^2 - sum_f (v_fk x_f)^2).
// A row costs two passes over the factors of its own features; the first comes from memory, so the next row's
// factors are prefetched meanwhile, and the second finds them in the first-level cache.
// Include it only from kernels_*.cpp.
#pragma once

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/kernels/simd.hpp"

namespace hansa::learn {
namespace {

/// Everything a row needs, in locals: through the structs, every vector store would make the compiler reload
/// the pointers.
template <class Vec, int kBlocks>
struct FmView {
  static constexpr std::size_t kRank = Vec::kLanes * kBlocks;
  float* const linear;
  float* const factors;
  const std::uint64_t* const row_begin;
  const std::uint32_t* const column;
  const float* const value;

  FmView(const FmParameters& fm, const SparseRows& rows)
      : linear(fm.linear),
        factors(fm.factors),
        row_begin(rows.row_begin),
        column(rows.column),
        value(rows.value) {}

  [[nodiscard]] HANSA_FORCE_INLINE float* factor(std::uint32_t feature) const {
    return factors + static_cast<std::size_t>(feature) * kRank;
  }
  HANSA_FORCE_INLINE void prefetch(std::uint32_t feature) const {
    for (std::size_t i = 0; i < kRank; i += 16) _mm_prefetch(factor(feature) + i, _MM_HINT_T0);
    _mm_prefetch(linear + feature, _MM_HINT_T0);
  }
};

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
    if (at < end) {  // a row that starts inside a cache line also ends inside one
      _mm_prefetch(rows.column + end - 1, _MM_HINT_T0);
      _mm_prefetch(rows.value + end - 1, _MM_HINT_T0);
    }
    _mm_prefetch(rows.label + later, _MM_HINT_T0);
  }
  if (i + 8 < rows.count) _mm_prefetch(rows.row_begin + rows.rows[i + 8], _MM_HINT_T0);
  return range;
}

/// Sums over the non-zeros of one row. Even and odd ones go to separate sums, which halves the chain of
/// dependent additions; the order is the same everywhere.
template <class Vec, int kBlocks>
struct FmSums {
  Vec plain[2][kBlocks];
  Vec square[2][kBlocks];
  float linear[2] = {0, 0};

  HANSA_FORCE_INLINE FmSums() {
    HANSA_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      plain[0][b] = plain[1][b] = square[0][b] = square[1][b] = Vec::zero();
    }
  }
  template <int kParity>
  HANSA_FORCE_INLINE void add(const FmView<Vec, kBlocks>& view, std::uint64_t j) {
    const std::uint32_t feature = view.column[j];
    const float* factors = view.factor(feature);
    linear[kParity] = __builtin_fmaf(view.linear[feature], view.value[j], linear[kParity]);
    const Vec x = Vec::all(view.value[j]);
    HANSA_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      const Vec term = Vec::load(factors + Vec::kLanes * static_cast<std::size_t>(b)) * x;
      plain[kParity][b] = plain[kParity][b] + term;
      square[kParity][b] = fma(term, term, square[kParity][b]);
    }
  }
};

/// Score of one row; `total` receives sum_f v_f x_f.
template <class Vec, int kBlocks>
HANSA_FORCE_INLINE float fm_row(const FmView<Vec, kBlocks>& view, float bias, const RowRange& range,
                                Vec (&total)[kBlocks]) {
  FmSums<Vec, kBlocks> sums;
  std::uint64_t next = range.next;
  std::uint64_t j = range.begin;
  for (; j + 2 <= range.end && next + 2 <= range.next_end; j += 2, next += 2) {
    view.prefetch(view.column[next]);
    view.prefetch(view.column[next + 1]);
    sums.template add<0>(view, j);
    sums.template add<1>(view, j + 1);
  }
  for (; j + 2 <= range.end; j += 2) {
    sums.template add<0>(view, j);
    sums.template add<1>(view, j + 1);
  }
  if (j < range.end) sums.template add<0>(view, j);
  for (; next < range.next_end; ++next) view.prefetch(view.column[next]);
  Vec pairs = Vec::zero();
  HANSA_UNROLL
  for (int b = 0; b < kBlocks; ++b) {
    total[b] = sums.plain[0][b] + sums.plain[1][b];
    pairs = pairs + (total[b] * total[b] - (sums.square[0][b] + sums.square[1][b]));
  }
  return (bias + (sums.linear[0] + sums.linear[1])) + 0.5f * sum(pairs);
}

template <class Vec, int kBlocks>
void fm_sgd_blocks(const FmParameters& fm, const SparseRows& rows, bool logistic, float rate, float decay,
                   float* score) {
  const FmView<Vec, kBlocks> view(fm, rows);
  const float keep = 1.0f - rate * decay;
  const Vec keeps = Vec::all(keep);
  float bias = *fm.bias;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const RowRange range = row_range(rows, i);
    Vec total[kBlocks];
    const float z = fm_row<Vec, kBlocks>(view, bias, range, total);
    score[i] = z;
    const float error = (logistic ? sigmoid(Vec16::all(z)).first() : z) - rows.label[rows.rows[i]];
    const float step = -rate * error;
    const Vec steps = Vec::all(step);
    bias = __builtin_fmaf(bias, keep, step);
    for (std::uint64_t j = range.begin; j < range.end; ++j) {
      const std::uint32_t feature = view.column[j];
      const Vec x = Vec::all(view.value[j]);
      const Vec pull = steps * x;
      view.linear[feature] = __builtin_fmaf(view.linear[feature], keep, pull.first());
      float* factors = view.factor(feature);
      // v - rate (error x (total - x v) + decay v) = v (keep - pull x) + pull total
      const Vec own = fnma(pull, x, keeps);
      HANSA_UNROLL
      for (int b = 0; b < kBlocks; ++b) {
        float* p = factors + Vec::kLanes * static_cast<std::size_t>(b);
        fma(Vec::load(p), own, pull * total[b]).store(p);
      }
    }
  }
  *fm.bias = bias;
}

/// AdaGrad of one vector: adds gradient^2 to `squares` and steps `w`.
template <class Vec>
HANSA_FORCE_INLINE Vec adagrad(Vec w, Vec gradient, float* squares, Vec rate, Vec epsilon, Vec decay) {
  gradient = fma(decay, w, gradient);
  const Vec total = fma(gradient, gradient, Vec::load(squares));
  total.store(squares);
  // The smallest normal number keeps 0 / 0 out of padding and of features that never had a gradient.
  const Vec scale = max(square_root(total) + epsilon, Vec::all(1.17549435e-38f));
  return w - rate * gradient / scale;
}

HANSA_FORCE_INLINE void adagrad_scalar(float& w, float gradient, float& squares, float rate, float epsilon,
                                       float decay) {
  gradient = __builtin_fmaf(decay, w, gradient);
  squares = __builtin_fmaf(gradient, gradient, squares);
  const float scale = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(squares))) + epsilon;
  w -= rate * gradient / (scale > 1.17549435e-38f ? scale : 1.17549435e-38f);
}

template <class Vec, int kBlocks>
void fm_adagrad_blocks(const FmParameters& fm, const FmParameters& squares, const SparseRows& rows,
                       bool logistic, float rate, float epsilon, float decay, float* score) {
  const FmView<Vec, kBlocks> view(fm, rows);
  const FmView<Vec, kBlocks> square(squares, rows);
  const Vec rates = Vec::all(rate);
  const Vec epsilons = Vec::all(epsilon);
  const Vec decays = Vec::all(decay);
  for (std::size_t i = 0; i < rows.count; ++i) {
    const RowRange range = row_range(rows, i);
    for (std::uint64_t j = range.next; j < range.next_end; ++j) square.prefetch(view.column[j]);
    Vec total[kBlocks];
    const float z = fm_row<Vec, kBlocks>(view, *fm.bias, range, total);
    score[i] = z;
    const float error = (logistic ? sigmoid(Vec16::all(z)).first() : z) - rows.label[rows.rows[i]];
    adagrad_scalar(*fm.bias, error, *squares.bias, rate, epsilon, decay);
    const Vec errors = Vec::all(error);
    for (std::uint64_t j = range.begin; j < range.end; ++j) {
      const std::uint32_t feature = view.column[j];
      const Vec x = Vec::all(view.value[j]);
      const Vec pull = errors * x;
      adagrad_scalar(view.linear[feature], pull.first(), square.linear[feature], rate, epsilon, decay);
      const Vec own = pull * x;
      HANSA_UNROLL
      for (int b = 0; b < kBlocks; ++b) {
        const std::size_t at = Vec::kLanes * static_cast<std::size_t>(b);
        float* p = view.factor(feature) + at;
        const Vec v = Vec::load(p);
        adagrad(v, fnma(own, v, pull * total[b]), square.factor(feature) + at, rates, epsilons, decays)
            .store(p);
      }
    }
  }
}

template <class Vec, int kBlocks>
void fm_forward_blocks(const FmParameters& fm, const SparseRows& rows, float* score, float* sums) {
  const FmView<Vec, kBlocks> view(fm, rows);
  const float bias = *fm.bias;
  for (std::size_t i = 0; i < rows.count; ++i) {
    Vec total[kBlocks];
    score[i] = fm_row<Vec, kBlocks>(view, bias, row_range(rows, i), total);
    if (sums == nullptr) continue;
    HANSA_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      total[b].store(sums + i * fm.rank + Vec::kLanes * static_cast<std::size_t>(b));
    }
  }
}

/// A vector type and a number of vectors, as a value.
template <class V, int n>
struct Blocks {
  using Vec = V;
  static constexpr int kBlocks = n;
};

/// Calls f with the Blocks that make up a padded rank.
template <class F>
HANSA_FORCE_INLINE void with_blocks(std::size_t rank, const F& f) {
  switch (rank) {
    case 8:
      f(Blocks<Vec8, 1>{});
      break;
    case 16:
      f(Blocks<Vec16, 1>{});
      break;
    case 32:
      f(Blocks<Vec16, 2>{});
      break;
    case 48:
      f(Blocks<Vec16, 3>{});
      break;
    case 64:
      f(Blocks<Vec16, 4>{});
      break;
    case 80:
      f(Blocks<Vec16, 5>{});
      break;
    case 96:
      f(Blocks<Vec16, 6>{});
      break;
    case 112:
      f(Blocks<Vec16, 7>{});
      break;
    case 128:
      f(Blocks<Vec16, 8>{});
      break;
    default:
      __builtin_trap();
  }
}

void fm_sgd(const FmParameters& fm, const SparseRows& rows, bool logistic, float rate, float decay,
            float* score) {
  with_blocks(fm.rank, [&]<class B>(B) {
    fm_sgd_blocks<typename B::Vec, B::kBlocks>(fm, rows, logistic, rate, decay, score);
  });
}

void fm_adagrad(const FmParameters& fm, const FmParameters& squares, const SparseRows& rows, bool logistic,
                float rate, float epsilon, float decay, float* score) {
  with_blocks(fm.rank, [&]<class B>(B) {
    fm_adagrad_blocks<typename B::Vec, B::kBlocks>(fm, squares, rows, logistic, rate, epsilon, decay, score);
  });
}

void fm_forward(const FmParameters& fm, const SparseRows& rows, float* score, float* sums) {
  with_blocks(fm.rank,
              [&]<class B>(B) { fm_forward_blocks<typename B::Vec, B::kBlocks>(fm, rows, score, sums); });
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
