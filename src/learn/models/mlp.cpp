// One training step: gather, forward, loss gradient, backward with the update fused in.
#include "src/learn/models/mlp.hpp"

#include <hansa/assert.hpp>

#include "src/learn/models/batch_order.hpp"
#include "src/learn/models/dense_input.hpp"
#include "src/learn/models/models.hpp"
#include "src/learn/models/row_loss.hpp"

#include <algorithm>

namespace hansa::learn {

Mlp::Mlp(std::string_view name, const Dataset& shape, std::span<const std::uint32_t> hidden,
         bool zero_initial)
    : name_(name),
      task_(shape.task),
      storage_(shape.storage == Storage::pixels ? Storage::pixels : Storage::dense),
      zero_initial_(zero_initial),
      stack_(shape.features, hidden, output_count(shape), 0) {}

Layout Mlp::layout() const {
  Layout layout;
  stack_.append_layout(layout);
  return layout;
}

void Mlp::initialise(std::span<float> parameters, Rng rng) const {
  HANSA_ASSERT(parameters.size() == parameter_count());
  if (zero_initial_) {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
  } else {
    stack_.initialise(parameters, rng);
  }
}

std::size_t Mlp::optimiser_state_count(const TrainOptions& options) const noexcept {
  return optimiser_state_size(options.optimiser, parameter_count());
}

TrainStatistics Mlp::train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                           const TrainOptions& options, Rng rng, Workspace& workspace) const {
  HANSA_ASSERT(parameters.size() == parameter_count() && shard.dataset->storage == storage_);
  const Dataset& dataset = *shard.dataset;
  Optimiser optimiser(options, parameters, optimiser_state);
  BatchOrder order(shard, options, rng, workspace);
  TrainStatistics statistics;
  for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
    const float* input = gather_features(dataset, rows, workspace);
    const float* labels = gather_labels(dataset, rows, workspace);
    const std::span<float> scores = stack_.forward(parameters, input, rows.size(), workspace);
    statistics.loss_sum += loss_gradient(task_, scores.data(), rows.size(), outputs(), labels,
                                         1.0f / static_cast<float>(rows.size()), workspace);
    optimiser.begin_step();
    stack_.backward(optimiser, input, rows.size(), scores.data(), nullptr, nullptr, workspace);
    statistics.rows += rows.size();
    ++statistics.steps;
  }
  return statistics;
}

void Mlp::predict(std::span<const float> parameters, const Dataset& dataset,
                  std::span<const std::uint32_t> rows, std::span<float> out, Workspace& workspace) const {
  constexpr std::size_t kRows = 64;  // enough for full register tiles, small enough for the cache
  for (std::size_t i = 0; i < rows.size(); i += kRows) {
    const auto piece = rows.subspan(i, std::min(kRows, rows.size() - i));
    const float* input = gather_features(dataset, piece, workspace);
    const std::span<float> scores = stack_.forward(parameters, input, piece.size(), workspace);
    std::copy(scores.begin(), scores.end(), out.begin() + static_cast<std::ptrdiff_t>(i * outputs()));
  }
}

double Mlp::loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                              std::span<const std::uint32_t> rows, std::span<double> gradient) const {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  double loss = 0;
  const double scale = 1.0 / static_cast<double>(rows.size());
  for (const std::uint32_t row : rows) {
    const std::vector<double> input = oracle_features(dataset, row);
    const auto activations = stack_.oracle_forward(parameters, input);
    std::vector<double> delta = activations.back();
    loss += scale * oracle_loss(task_, delta, dataset.label[row]);
    for (double& d : delta) d *= scale;
    stack_.oracle_backward(parameters, input, activations, std::move(delta), gradient);
  }
  return loss;
}

Cost Mlp::train_cost(std::uint64_t rows, std::uint64_t steps, std::uint64_t) const noexcept {
  const double n = static_cast<double>(rows);
  const double element = storage_ == Storage::pixels ? 1 : sizeof(float);
  const double parameters = static_cast<double>(parameter_count());
  return {n * stack_.flop_per_row(false), static_cast<double>(steps) * parameters * 2 * sizeof(float) +
                                              n * element * static_cast<double>(stack_.inputs())};
}

MadeModel make_mlp(const Dataset& shape, const ModelOptions& options) {
  for (const std::uint32_t width : options.hidden) {
    if (width == 0)
      return Error{ErrorKind::usage, "mlp: a hidden layer has width 0", "give widths of at least 1"};
  }
  if (shape.features == 0) return Error{ErrorKind::usage, "mlp: the data set has no features", ""};
  return std::unique_ptr<const Model>(std::make_unique<Mlp>("mlp", shape, options.hidden, false));
}

}  // namespace hansa::learn
