// The parts of a factorization machine that do not depend on what else is added to its score.
#include "src/learn/models/factorization.hpp"

#include "src/learn/models/slots.hpp"
#include "src/learn/models/touched.hpp"

#include <algorithm>
#include <string>

namespace hansa::learn {

Factorization::Factorization(std::size_t features_, std::size_t rank_) noexcept
    : features(features_),
      rank(rank_),
      padded_rank(rank_ <= 8 ? 8 : (rank_ + 15) / 16 * 16),
      factors_at((1 + features_ + 15) / 16 * 16) {}

void Factorization::append_layout(Layout& layout) const {
  layout.push_back({"bias", 0, {1}});
  layout.push_back({"linear", linear_at, {features}});
  layout.push_back({"factors", factors_at, {features, padded_rank}});
}

void Factorization::initialise(std::span<float> parameters, float stddev, Rng& rng) const {
  std::fill_n(parameters.begin(), end(), 0.0f);
  for (std::size_t f = 0; f < features; ++f) {
    float* row = parameters.data() + factors_at + f * padded_rank;
    for (std::size_t i = 0; i < rank; ++i)
      row[i] = static_cast<float>(static_cast<double>(stddev) * rng.normal());
  }
}

FmParameters Factorization::view(std::span<float> parameters) const noexcept {
  return {parameters.data(), parameters.data() + linear_at, parameters.data() + factors_at, padded_rank};
}

FmParameters Factorization::view(std::span<const float> parameters) const noexcept {
  return view(std::span<float>(const_cast<float*>(parameters.data()), parameters.size()));
}

void Factorization::step(Optimiser& optimiser, const Dataset& dataset, std::span<const std::uint32_t> rows,
                         const float* error, const float* pull, Workspace& workspace) const {
  const TouchedFeatures touched = find_touched(dataset, rows, workspace);
  const std::size_t count = touched.features.size();
  const std::span<float> linear = workspace.floats(kSlotSparseLinear, count);
  const std::span<float> factors = workspace.floats(kSlotSparseFactors, count * padded_rank);
  std::fill(linear.begin(), linear.end(), 0.0f);
  std::fill(factors.begin(), factors.end(), 0.0f);
  kernels().fm_accumulate(view(optimiser.parameters()), sparse_rows(dataset, rows), error, pull,
                          touched.slots.data(), linear.data(), factors.data());
  float bias = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) bias += error[i];
  optimiser.apply(0, &bias, 1);
  for (std::size_t s = 0; s < count; ++s) {
    const std::size_t feature = touched.features[s];
    optimiser.apply(linear_at + feature, &linear[s], 1);
    optimiser.apply(factors_at + feature * padded_rank, &factors[s * padded_rank], padded_rank);
  }
}

double Factorization::oracle_score(std::span<const float> parameters, const Dataset& dataset,
                                   std::uint32_t row, std::vector<double>& sum) const {
  sum.assign(rank, 0.0);
  double score = parameters[0];
  double squares = 0;
  for (std::size_t j = dataset.row_begin[row]; j < dataset.row_begin[row + std::size_t{1}]; ++j) {
    const std::size_t feature = dataset.column[j];
    const double x = static_cast<double>(dataset.value[j]);
    score += static_cast<double>(parameters[linear_at + feature]) * x;
    for (std::size_t i = 0; i < rank; ++i) {
      const double term = static_cast<double>(parameters[factors_at + feature * padded_rank + i]) * x;
      sum[i] += term;
      squares += term * term;
    }
  }
  double pairs = -squares;
  for (const double s : sum) pairs += s * s;
  return score + 0.5 * pairs;
}

void Factorization::oracle_gradient(std::span<const float> parameters, const Dataset& dataset,
                                    std::uint32_t row, double error, const std::vector<double>& pull,
                                    std::span<double> gradient) const {
  gradient[0] += error;
  for (std::size_t j = dataset.row_begin[row]; j < dataset.row_begin[row + std::size_t{1}]; ++j) {
    const std::size_t feature = dataset.column[j];
    const double x = static_cast<double>(dataset.value[j]);
    gradient[linear_at + feature] += error * x;
    for (std::size_t i = 0; i < rank; ++i) {
      const std::size_t at = factors_at + feature * padded_rank + i;
      gradient[at] += x * pull[i] - error * x * x * static_cast<double>(parameters[at]);
    }
  }
}

Result<void> check_factorization(std::string_view model, const Dataset& shape, const ModelOptions& options) {
  const std::string name(model);
  if (shape.task == TaskKind::multiclass) {
    return Error{ErrorKind::usage, name + ": multiclass labels are not supported",
                 "use logistic-regression or mlp, or a binary or regression label"};
  }
  if (options.fm_rank < 1 || options.fm_rank > 128) {
    return Error{ErrorKind::usage, name + ": rank is " + std::to_string(options.fm_rank),
                 "choose a rank from 1 to 128"};
  }
  if (!(options.fm_init_stddev >= 0.0f)) {
    return Error{ErrorKind::usage, name + ": the initial standard deviation is negative or not a number",
                 "choose a number of at least 0, such as 0.05"};
  }
  if (shape.features == 0) return Error{ErrorKind::usage, name + ": the data set has no features", ""};
  return {};
}

}  // namespace hansa::learn
