// The factorization machine (Rendle, "Factorization Machines", ICDM 2010): a linear model plus an interaction
// weight for every pair of features, where the weight of a pair is the inner product of two short vectors.
// Over one-hot {user, item} rows it is matrix factorization with biases. A step touches only the features of
// its rows, weight decay included. Batch size 1 with plain SGD is the fast path: parameters are updated in
// place, row by row.
#include <hansa/assert.hpp>

#include "src/learn/models/batch_order.hpp"
#include "src/learn/models/factorization.hpp"
#include "src/learn/models/models.hpp"
#include "src/learn/models/row_loss.hpp"
#include "src/learn/models/slots.hpp"
#include "src/learn/models/touched.hpp"

#include <algorithm>

namespace hansa::learn {
namespace {

class FactorizationMachine final : public Model {
 public:
  FactorizationMachine(const Dataset& shape, const ModelOptions& options)
      : task_(shape.task), stddev_(options.fm_init_stddev), fm_(shape.features, options.fm_rank) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "fm"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return fm_.end(); }
  [[nodiscard]] Layout layout() const override {
    Layout layout;
    fm_.append_layout(layout);
    return layout;
  }
  [[nodiscard]] Storage storage() const noexcept override { return Storage::sparse; }
  void initialise(std::span<float> parameters, Rng rng) const override {
    HANSA_ASSERT(parameters.size() == parameter_count());
    fm_.initialise(parameters, stddev_, rng);
  }
  [[nodiscard]] std::size_t optimiser_state_count(const TrainOptions& options) const noexcept override {
    return optimiser_state_size(options.optimiser, parameter_count());
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return 1; }

  TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                        const TrainOptions& options, Rng rng, Workspace& workspace) const override {
    HANSA_ASSERT(parameters.size() == parameter_count() && shard.dataset->storage == Storage::sparse);
    BatchOrder order(shard, options, rng, workspace);
    const bool in_place =
        options.optimiser == OptimiserKind::sgd || options.optimiser == OptimiserKind::adagrad;
    if (order.batch_size() == 1 && in_place) {
      return train_rows(parameters, optimiser_state, *shard.dataset, options, order, workspace);
    }
    return train_batches(parameters, optimiser_state, *shard.dataset, options, order, workspace);
  }

  void predict(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
               std::span<float> out, Workspace&) const override {
    kernels().fm_forward(fm_.view(parameters), sparse_rows(dataset, rows), out.data(), nullptr);
  }

  double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                           std::span<const std::uint32_t> rows, std::span<double> gradient) const override {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double scale = 1.0 / static_cast<double>(rows.size());
    double loss = 0;
    std::vector<double> sum;
    for (const std::uint32_t row : rows) {
      std::vector<double> z{fm_.oracle_score(parameters, dataset, row, sum)};
      loss += scale * oracle_loss(task_, z, dataset.label[row]);
      const double error = scale * z[0];
      for (double& s : sum) s *= error;
      fm_.oracle_gradient(parameters, dataset, row, error, sum, gradient);
    }
    return loss;
  }

  [[nodiscard]] Cost train_cost(std::uint64_t, std::uint64_t,
                                std::uint64_t non_zeros) const noexcept override {
    const double n = static_cast<double>(non_zeros);
    const double rank = static_cast<double>(fm_.rank);
    // Per non-zero: product, sum and square forward, one multiply and one multiply-add back; the linear part
    // twice. Bytes: the row itself, and its parameters read and written.
    return {n * (7 * rank + 6), n * (8 + 2 * sizeof(float) * (rank + 1))};
  }

 private:
  TrainStatistics train_rows(std::span<float> parameters, std::span<float> optimiser_state,
                             const Dataset& dataset, const TrainOptions& options, BatchOrder& order,
                             Workspace& workspace) const {
    constexpr std::size_t kRows = 256;  // rows per kernel call; the losses are added up in between
    TrainStatistics statistics;
    const bool logistic = task_ == TaskKind::binary;
    for (auto rows = order.next(kRows); !rows.empty(); rows = order.next(kRows)) {
      float* scores = workspace.floats(kSlotScores, rows.size()).data();
      if (options.optimiser == OptimiserKind::sgd) {
        kernels().fm_sgd(fm_.view(parameters), sparse_rows(dataset, rows), logistic, options.learning_rate,
                         options.l2, scores);
      } else {
        HANSA_ASSERT(optimiser_state.size() >= parameter_count());
        kernels().fm_adagrad(fm_.view(parameters), fm_.view(optimiser_state), sparse_rows(dataset, rows),
                             logistic, options.learning_rate, options.epsilon, options.l2, scores);
      }
      const float* labels = gather_labels(dataset, rows, workspace);
      statistics.loss_sum += loss_sum(task_, scores, rows.size(), labels, workspace);
      statistics.rows += rows.size();
      statistics.steps += rows.size();
    }
    return statistics;
  }

  TrainStatistics train_batches(std::span<float> parameters, std::span<float> optimiser_state,
                                const Dataset& dataset, const TrainOptions& options, BatchOrder& order,
                                Workspace& workspace) const {
    Optimiser optimiser(options, parameters, optimiser_state);
    TrainStatistics statistics;
    for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
      const std::size_t count = rows.size();
      float* error = workspace.floats(kSlotScores, count).data();
      float* sums = workspace.floats(kSlotSums, count * fm_.padded_rank).data();
      const float* labels = gather_labels(dataset, rows, workspace);
      kernels().fm_forward(fm_.view(parameters), sparse_rows(dataset, rows), error, sums);
      statistics.loss_sum +=
          loss_gradient(task_, error, count, 1, labels, 1.0f / static_cast<float>(count), workspace);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t r = 0; r < fm_.padded_rank; ++r) sums[i * fm_.padded_rank + r] *= error[i];
      }
      optimiser.begin_step();
      fm_.step(optimiser, dataset, rows, error, sums, workspace);
      statistics.rows += count;
      ++statistics.steps;
    }
    return statistics;
  }

  TaskKind task_;
  float stddev_;
  Factorization fm_;
};

}  // namespace

MadeModel make_fm(const Dataset& shape, const ModelOptions& options) {
  if (auto fits = check_factorization("fm", shape, options); !fits) return fits.error();
  return std::unique_ptr<const Model>(std::make_unique<FactorizationMachine>(shape, options));
}

}  // namespace hansa::learn
