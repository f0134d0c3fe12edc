// Every row and every hidden weight has its own random stream, so a data set with more rows begins with the
// rows of the smaller one.
#include "src/learn/data/generate.hpp"

#include "src/learn/data/limits.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace hansa::learn {
namespace {

// Stream counters under Purpose::dataset; the party is the row, feature or class.
constexpr std::uint64_t kRowStream = 0;
constexpr std::uint64_t kFeatureStream = 1;
constexpr std::uint64_t kClassStream = 2;

constexpr std::size_t kHiddenRank = 4;
constexpr std::size_t kHiddenWidth = 1 + kHiddenRank;  // linear weight, then factors

Error usage(std::string message, std::string hint = "") {
  return Error{ErrorKind::usage, std::move(message), std::move(hint)};
}

Result<void> check_size(std::uint64_t rows, std::uint64_t features, std::uint64_t values_per_row) {
  if (rows > kReadLimits.rows || rows * values_per_row > kReadLimits.dense_bytes / sizeof(float)) {
    return usage("data.rows = " + std::to_string(rows) + " is too large for a generated data set",
                 "generated sets hold at most 2^30 values");
  }
  if (features > kReadLimits.features) {
    return usage("data.features = " + std::to_string(features) + " is above the limit of " +
                 std::to_string(kReadLimits.features));
  }
  return {};
}

std::shared_ptr<Dataset> make_dataset(const DataOptions& options, Storage storage, std::uint64_t rows,
                                      std::uint32_t features, std::size_t classes) {
  auto dataset = std::make_shared<Dataset>();
  dataset->name = options.dataset;
  dataset->task = options.task;
  dataset->storage = storage;
  dataset->rows = static_cast<std::size_t>(rows);
  dataset->features = features;
  dataset->classes = classes;
  dataset->label.reserve(dataset->rows);
  return dataset;
}

std::vector<float> hidden_machine(std::uint64_t seed, std::uint32_t features) {
  // Standard deviations such that linear part and interactions each contribute about as much to the score.
  constexpr double kLinear = 1.2;
  constexpr double kFactor = 0.95;
  std::vector<float> hidden(std::size_t{features} * kHiddenWidth);
  for (std::uint32_t j = 0; j < features; ++j) {
    Rng rng(seed, Purpose::dataset, j, kFeatureStream);
    float* const at = hidden.data() + std::size_t{j} * kHiddenWidth;
    at[0] = static_cast<float>(kLinear * rng.normal());
    for (std::size_t f = 1; f < kHiddenWidth; ++f) at[f] = static_cast<float>(kFactor * rng.normal());
  }
  return hidden;
}

/// Score of the hidden machine for one row of equal values `x`.
double hidden_score(const std::vector<float>& hidden, const std::uint32_t* columns, std::uint32_t count,
                    double x) {
  double sum[kHiddenWidth] = {};
  double squares = 0;
  for (std::uint32_t k = 0; k < count; ++k) {
    const float* const at = hidden.data() + std::size_t{columns[k]} * kHiddenWidth;
    for (std::size_t f = 0; f < kHiddenWidth; ++f) sum[f] += static_cast<double>(at[f]);
    for (std::size_t f = 1; f < kHiddenWidth; ++f)
      squares += static_cast<double>(at[f]) * static_cast<double>(at[f]);
  }
  double interactions = -squares;
  for (std::size_t f = 1; f < kHiddenWidth; ++f) interactions += sum[f] * sum[f];
  return x * sum[0] + 0.5 * x * x * interactions;
}

}  // namespace

Result<Generated> generate_fm(const DataOptions& options) {
  const std::uint64_t rows = options.rows != 0 ? options.rows : 200'000;
  const std::uint32_t features = options.features != 0 ? options.features : 226'000;
  const std::uint32_t non_zeros = options.non_zeros != 0 ? options.non_zeros : std::min(30U, features);
  if (options.task == TaskKind::multiclass) {
    return usage("synthetic-fm has binary labels or regression values, not classes",
                 "set data.task = \"binary\"");
  }
  if (non_zeros > features) {
    return usage("data.non_zeros = " + std::to_string(non_zeros) +
                 " is more than data.features = " + std::to_string(features));
  }
  if (Result<void> fits = check_size(rows, features, non_zeros); !fits) return std::move(fits).error();
  const bool binary = options.task == TaskKind::binary;
  auto dataset = make_dataset(options, Storage::sparse, rows, features, binary ? 2 : 1);
  const std::vector<float> hidden = hidden_machine(options.seed, features);

  // Field k covers features [first[k], first[k + 1]); one of them is set in each row, so columns ascend.
  std::vector<std::uint64_t> first(non_zeros + 1ULL);
  std::vector<double> log_size(non_zeros);
  for (std::uint64_t k = 0; k <= non_zeros; ++k) first[k] = k * features / non_zeros;
  for (std::uint32_t k = 0; k < non_zeros; ++k)
    log_size[k] = log_exact(static_cast<double>(first[k + 1] - first[k] + 1));
  const double x = 1.0 / std::sqrt(static_cast<double>(non_zeros));
  Generated made{dataset, {}};
  made.hidden_score.reserve(dataset->rows);
  dataset->column.resize(dataset->rows * non_zeros);
  dataset->value.assign(dataset->rows * non_zeros, static_cast<float>(x));
  dataset->row_begin.resize(dataset->rows + 1);
  for (std::uint64_t row = 0; row < rows; ++row) {
    Rng rng(options.seed, Purpose::dataset, row, kRowStream);
    std::uint32_t* const columns = dataset->column.data() + row * non_zeros;
    for (std::uint32_t k = 0; k < non_zeros; ++k) {
      // Log-uniform rank: P(rank r) is proportional to log((r + 2) / (r + 1)), about 1 / (r + 1).
      const auto rank = static_cast<std::uint64_t>(exp_exact(rng.uniform() * log_size[k])) - 1;
      columns[k] = static_cast<std::uint32_t>(first[k] + std::min(rank, first[k + 1] - first[k] - 1));
    }
    dataset->row_begin[row + 1] = (row + 1) * non_zeros;
    const double score = hidden_score(hidden, columns, non_zeros, x) - 1.0;  // a base rate below one half
    made.hidden_score.push_back(static_cast<float>(score));
    dataset->label.push_back(binary ? (rng.uniform() * (1 + exp_exact(-score)) < 1 ? 1.0f : 0.0f)
                                    : static_cast<float>(score + 0.5 * rng.normal()));
  }
  return made;
}

Result<Generated> generate_classification(const DataOptions& options) {
  const std::uint64_t rows = options.rows != 0 ? options.rows : 2'000;
  const std::uint32_t features = options.features != 0 ? options.features : 20;
  if (Result<void> fits = check_size(rows, features, features); !fits) return std::move(fits).error();
  const bool regression = options.task == TaskKind::regression;
  const std::size_t classes = regression ? 1 : options.task == TaskKind::binary ? 2 : 4;
  auto dataset = make_dataset(options, Storage::dense, rows, features, classes);

  // Centres on average 2.4 standard deviations apart, whatever the number of features: a best AUC of about
  // .95.
  const double spread = regression ? 1.0 / std::sqrt(features) : 2.4 / std::sqrt(2.0 * features);
  std::vector<float> centre(classes * features);
  for (std::size_t c = 0; c < classes; ++c) {
    Rng rng(options.seed, Purpose::dataset, c, kClassStream);
    for (std::uint32_t j = 0; j < features; ++j)
      centre[c * features + j] = static_cast<float>(spread * rng.normal());
  }
  Generated made{dataset, {}};
  dataset->dense.resize(dataset->rows * features);
  for (std::uint64_t row = 0; row < rows; ++row) {
    Rng rng(options.seed, Purpose::dataset, row, kRowStream);
    const std::size_t c = regression ? 0 : static_cast<std::size_t>(rng.below(classes));
    float* const out = dataset->dense.data() + row * features;
    double score = 0;  // regression: the hidden function; binary: the log odds, up to a constant
    for (std::uint32_t j = 0; j < features; ++j) {
      out[j] = static_cast<float>(rng.normal()) + (regression ? 0.0f : centre[c * features + j]);
      const float direction = classes == 2 ? centre[features + j] - centre[j] : centre[j];
      score += static_cast<double>(out[j]) * static_cast<double>(direction);
    }
    if (classes <= 2) made.hidden_score.push_back(static_cast<float>(score));
    dataset->label.push_back(regression ? static_cast<float>(score + 0.1 * rng.normal())
                                        : static_cast<float>(c));
  }
  return made;
}

}  // namespace hansa::learn
