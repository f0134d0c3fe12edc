// What fm and deepfm share: where bias, linear weights and factors lie, their start values, and the training
// of the touched part of them.
#pragma once

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/model.hpp"
#include "src/learn/optimisers/optimiser.hpp"

#include <cstddef>
#include <span>

namespace hansa::learn {

/// Layout: bias | linear[features] | padding | factors[features][padded rank]. Factors start at a multiple of
/// 16 floats and rows are padded to 8 floats or to a multiple of 16, so that a row of rank 16 is one cache
/// line. Padding is 0 at first and stays exactly 0, because its gradient is 0.
struct Factorization {
  std::size_t features = 0;
  std::size_t rank = 0;
  std::size_t padded_rank = 0;
  std::size_t linear_at = 1;
  std::size_t factors_at = 0;

  Factorization(std::size_t features, std::size_t rank) noexcept;
  [[nodiscard]] std::size_t end() const noexcept { return factors_at + features * padded_rank; }
  void append_layout(Layout& layout) const;
  /// Factors from a normal distribution, everything else 0.
  void initialise(std::span<float> parameters, float stddev, Rng& rng) const;

  [[nodiscard]] FmParameters view(std::span<float> parameters) const noexcept;
  /// For kernels that only read.
  [[nodiscard]] FmParameters view(std::span<const float> parameters) const noexcept;

  /// One step on bias, touched linear weights and touched factors. `error[i]` is the gradient of the mean
  /// loss by the score of row i, and `pull[i][padded_rank]` the gradient by its factor sum.
  void step(Optimiser& optimiser, const Dataset& dataset, std::span<const std::uint32_t> rows,
            const float* error, const float* pull, Workspace& workspace) const;

  /// One row in double: score, and the factor sum into `sum`.
  double oracle_score(std::span<const float> parameters, const Dataset& dataset, std::uint32_t row,
                      std::vector<double>& sum) const;
  /// Adds one row's gradient; `pull` as in `step`.
  void oracle_gradient(std::span<const float> parameters, const Dataset& dataset, std::uint32_t row,
                       double error, const std::vector<double>& pull, std::span<double> gradient) const;
};

/// Why these data or options do not fit, or success.
Result<void> check_factorization(std::string_view model, const Dataset& shape, const ModelOptions& options);

}  // namespace hansa::learn
