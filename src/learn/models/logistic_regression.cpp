// Linear models. By task the loss is logistic, softmax cross-entropy or half the squared error; all are
// convex, so training starts from zero. Three implementations behind one name:
//   one output, dense data   rows are read where they lie; a step is two passes over a batch that fits the
//   cache many outputs, dense data a network without hidden layers (mlp.cpp) sparse data              touches
//   only the weights of a batch's features (sparse_linear.cpp)
#include <hansa/assert.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/models/batch_order.hpp"
#include "src/learn/models/mlp.hpp"
#include "src/learn/models/models.hpp"
#include "src/learn/models/row_loss.hpp"
#include "src/learn/models/slots.hpp"
#include "src/learn/models/sparse_linear.hpp"

#include <algorithm>

namespace hansa::learn {
namespace {

/// One output, dense rows. Layout: weight[features] | bias.
class DenseLinear final : public Model {
 public:
  explicit DenseLinear(const Dataset& shape) : task_(shape.task), features_(shape.features) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "logistic-regression"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return features_ + 1; }
  [[nodiscard]] Layout layout() const override {
    return {{"weight", 0, {features_}}, {"bias", features_, {1}}};
  }
  [[nodiscard]] Storage storage() const noexcept override { return Storage::dense; }
  void initialise(std::span<float> parameters, Rng) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
  }
  [[nodiscard]] std::size_t optimiser_state_count(const TrainOptions& options) const noexcept override {
    return optimiser_state_size(options.optimiser, parameter_count());
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return 1; }

  TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                        const TrainOptions& options, Rng rng, Workspace& workspace) const override {
    HANSA_ASSERT(parameters.size() == parameter_count() && shard.dataset->storage == Storage::dense);
    const Dataset& dataset = *shard.dataset;
    const KernelTable& k = kernels();
    Optimiser optimiser(options, parameters, optimiser_state);
    BatchOrder order(shard, options, rng, workspace);
    float* w = parameters.data();
    TrainStatistics statistics;
    for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
      const std::size_t count = rows.size();
      const float* labels = gather_labels(dataset, rows, workspace);
      float* z = workspace.floats(kSlotScores, count).data();
      k.dot_rows(dataset.dense.data(), rows.data(), count, w, features_, w[features_], z);
      statistics.loss_sum +=
          loss_gradient(task_, z, count, 1, labels, 1.0f / static_cast<float>(count), workspace);
      float bias_gradient = 0;
      for (std::size_t i = 0; i < count; ++i) bias_gradient += z[i];
      optimiser.begin_step();
      if (optimiser.plain_sgd()) {
        k.mix_rows_sgd(w, dataset.dense.data(), rows.data(), z, count, features_, options.learning_rate,
                       options.l2);
      } else {
        float* gradient = workspace.floats(kSlotGradient, features_).data();
        k.mix_rows(gradient, dataset.dense.data(), rows.data(), z, count, features_);
        optimiser.apply(0, gradient, features_);
      }
      optimiser.apply(features_, &bias_gradient, 1);
      statistics.rows += count;
      ++statistics.steps;
    }
    return statistics;
  }

  void predict(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
               std::span<float> out, Workspace&) const override {
    kernels().dot_rows(dataset.dense.data(), rows.data(), rows.size(), parameters.data(), features_,
                       parameters[features_], out.data());
  }

  double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                           std::span<const std::uint32_t> rows, std::span<double> gradient) const override {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double scale = 1.0 / static_cast<double>(rows.size());
    double loss = 0;
    for (const std::uint32_t row : rows) {
      const std::vector<double> x = oracle_features(dataset, row);
      std::vector<double> z{static_cast<double>(parameters[features_])};
      for (std::size_t i = 0; i < features_; ++i) z[0] += x[i] * static_cast<double>(parameters[i]);
      loss += scale * oracle_loss(task_, z, dataset.label[row]);
      for (std::size_t i = 0; i < features_; ++i) gradient[i] += scale * z[0] * x[i];
      gradient[features_] += scale * z[0];
    }
    return loss;
  }

  [[nodiscard]] Cost train_cost(std::uint64_t rows, std::uint64_t steps,
                                std::uint64_t) const noexcept override {
    const double elements = static_cast<double>(rows) * static_cast<double>(features_);
    return {4 * elements, elements * sizeof(float) + static_cast<double>(steps) *
                                                         static_cast<double>(parameter_count()) * 2 *
                                                         sizeof(float)};
  }

 private:
  TaskKind task_;
  std::size_t features_;
};

}  // namespace

MadeModel make_logistic_regression(const Dataset& shape, const ModelOptions&) {
  if (shape.features == 0) {
    return Error{ErrorKind::usage, "logistic-regression: the data set has no features", ""};
  }
  if (shape.storage == Storage::sparse) return make_sparse_linear(shape);
  if (shape.task == TaskKind::multiclass) {
    // Named "output" in the layout; without hidden layers it is the whole model. Pixels are used as they are.
    return std::unique_ptr<const Model>(
        std::make_unique<Mlp>("logistic-regression", shape, std::span<const std::uint32_t>{}, true));
  }
  return std::unique_ptr<const Model>(std::make_unique<DenseLinear>(shape));
}

}  // namespace hansa::learn
