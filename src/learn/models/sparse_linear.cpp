// Linear model over sparse rows: a step reads and writes only the weights of the features its rows have, and
// so does weight decay. With batch size 1 and plain SGD the weights are updated in place; otherwise the mean
// gradient of the batch is gathered over the touched features first.
#include "src/learn/models/sparse_linear.hpp"

#include <hansa/assert.hpp>

#include "src/learn/models/batch_order.hpp"
#include "src/learn/models/row_loss.hpp"
#include "src/learn/models/slots.hpp"
#include "src/learn/models/touched.hpp"
#include "src/learn/optimisers/optimiser.hpp"

#include <algorithm>

namespace hansa::learn {
namespace {

/// Layout: weight[features][outputs] | bias[outputs].
class SparseLinear final : public Model {
 public:
  explicit SparseLinear(const Dataset& shape)
      : task_(shape.task), features_(shape.features), outputs_(output_count(shape)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "logistic-regression"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return bias_at() + outputs_; }
  [[nodiscard]] Layout layout() const override {
    return {{"weight", 0, {features_, outputs_}}, {"bias", bias_at(), {outputs_}}};
  }
  [[nodiscard]] Storage storage() const noexcept override { return Storage::sparse; }
  void initialise(std::span<float> parameters, Rng) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
  }
  [[nodiscard]] std::size_t optimiser_state_count(const TrainOptions& options) const noexcept override {
    return optimiser_state_size(options.optimiser, parameter_count());
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return outputs_; }

  TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                        const TrainOptions& options, Rng rng, Workspace& workspace) const override {
    HANSA_ASSERT(parameters.size() == parameter_count() && shard.dataset->storage == Storage::sparse);
    const Dataset& dataset = *shard.dataset;
    Optimiser optimiser(options, parameters, optimiser_state);
    BatchOrder order(shard, options, rng, workspace);
    TrainStatistics statistics;
    for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
      const float* labels = gather_labels(dataset, rows, workspace);
      float* z = workspace.floats(kSlotScores, rows.size() * outputs_).data();
      scores(parameters.data(), dataset, rows, z);
      statistics.loss_sum += loss_gradient(task_, z, rows.size(), outputs_, labels,
                                           1.0f / static_cast<float>(rows.size()), workspace);
      optimiser.begin_step();
      if (rows.size() == 1 && optimiser.plain_sgd()) {
        step_in_place(parameters.data(), dataset, rows[0], z, options);
      } else {
        step(optimiser, dataset, rows, z, workspace);
      }
      statistics.rows += rows.size();
      ++statistics.steps;
    }
    return statistics;
  }

  void predict(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
               std::span<float> out, Workspace&) const override {
    scores(parameters.data(), dataset, rows, out.data());
  }

  double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                           std::span<const std::uint32_t> rows, std::span<double> gradient) const override {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double scale = 1.0 / static_cast<double>(rows.size());
    double loss = 0;
    for (const std::uint32_t row : rows) {
      std::vector<double> z(outputs_);
      for (std::size_t o = 0; o < outputs_; ++o) z[o] = parameters[bias_at() + o];
      for (std::size_t j = dataset.row_begin[row]; j < dataset.row_begin[row + std::size_t{1}]; ++j) {
        for (std::size_t o = 0; o < outputs_; ++o) {
          const float w = parameters[dataset.column[j] * outputs_ + o];
          z[o] += static_cast<double>(dataset.value[j]) * static_cast<double>(w);
        }
      }
      loss += scale * oracle_loss(task_, z, dataset.label[row]);
      for (std::size_t o = 0; o < outputs_; ++o) {
        gradient[bias_at() + o] += scale * z[o];
        for (std::size_t j = dataset.row_begin[row]; j < dataset.row_begin[row + std::size_t{1}]; ++j) {
          gradient[dataset.column[j] * outputs_ + o] += scale * z[o] * static_cast<double>(dataset.value[j]);
        }
      }
    }
    return loss;
  }

  [[nodiscard]] Cost train_cost(std::uint64_t, std::uint64_t,
                                std::uint64_t non_zeros) const noexcept override {
    const double n = static_cast<double>(non_zeros);
    const double width = static_cast<double>(outputs_);
    return {4 * n * width, n * (8 + 2 * sizeof(float) * width)};
  }

 private:
  [[nodiscard]] std::size_t bias_at() const noexcept { return features_ * outputs_; }

  void scores(const float* parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
              float* z) const noexcept {
    for (const std::uint32_t row : rows) {
      const std::size_t begin = dataset.row_begin[row];
      const std::size_t end = dataset.row_begin[row + std::size_t{1}];
      if (outputs_ == 1) {
        float part[4] = {0, 0, 0, 0};  // four chains; the order is part of the result
        for (std::size_t j = begin; j < end; ++j) {
          part[(j - begin) % 4] += parameters[dataset.column[j]] * dataset.value[j];
        }
        z[0] = parameters[bias_at()] + ((part[0] + part[1]) + (part[2] + part[3]));
      } else {
        std::copy_n(parameters + bias_at(), outputs_, z);
        for (std::size_t j = begin; j < end; ++j) {
          const float* w = parameters + dataset.column[j] * outputs_;
          const float x = dataset.value[j];
          for (std::size_t o = 0; o < outputs_; ++o) z[o] += w[o] * x;
        }
      }
      z += outputs_;
    }
  }

  void step_in_place(float* parameters, const Dataset& dataset, std::uint32_t row, const float* error,
                     const TrainOptions& options) const noexcept {
    for (std::size_t j = dataset.row_begin[row]; j < dataset.row_begin[row + std::size_t{1}]; ++j) {
      float* w = parameters + dataset.column[j] * outputs_;
      const float x = dataset.value[j];
      for (std::size_t o = 0; o < outputs_; ++o) {
        w[o] -= options.learning_rate * (error[o] * x + options.l2 * w[o]);
      }
    }
    float* bias = parameters + bias_at();
    for (std::size_t o = 0; o < outputs_; ++o) {
      bias[o] -= options.learning_rate * (error[o] + options.l2 * bias[o]);
    }
  }

  void step(Optimiser& optimiser, const Dataset& dataset, std::span<const std::uint32_t> rows,
            const float* errors, Workspace& workspace) const {
    const TouchedFeatures touched = find_touched(dataset, rows, workspace);
    const std::span<float> gradient = workspace.floats(kSlotSparseLinear, touched.features.size() * outputs_);
    const std::span<float> bias_gradient = workspace.floats(kSlotGradient, outputs_);
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    std::fill(bias_gradient.begin(), bias_gradient.end(), 0.0f);
    const std::uint32_t* slot = touched.slots.data();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* error = errors + i * outputs_;
      for (std::size_t j = dataset.row_begin[rows[i]]; j < dataset.row_begin[rows[i] + std::size_t{1}]; ++j) {
        float* g = gradient.data() + *slot++ * outputs_;
        for (std::size_t o = 0; o < outputs_; ++o) g[o] += error[o] * dataset.value[j];
      }
      for (std::size_t o = 0; o < outputs_; ++o) bias_gradient[o] += error[o];
    }
    for (std::size_t s = 0; s < touched.features.size(); ++s) {
      optimiser.apply(touched.features[s] * outputs_, gradient.data() + s * outputs_, outputs_);
    }
    optimiser.apply(bias_at(), bias_gradient.data(), outputs_);
  }

  TaskKind task_;
  std::size_t features_;
  std::size_t outputs_;
};

}  // namespace

MadeModel make_sparse_linear(const Dataset& shape) {
  return std::unique_ptr<const Model>(std::make_unique<SparseLinear>(shape));
}

}  // namespace hansa::learn
