// DeepFM (Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017):
// a factorization machine plus a network that share one set of embeddings; their scores are added. The paper
// concatenates one embedding per field. Our rows have no fields, so the network sees the sum of the
// embeddings of all features of a row, sum_f v_f x_f: sum pooling instead of concatenation, any number of
// features per row.
#include <hansa/assert.hpp>

#include "src/learn/models/batch_order.hpp"
#include "src/learn/models/dense_stack.hpp"
#include "src/learn/models/factorization.hpp"
#include "src/learn/models/models.hpp"
#include "src/learn/models/row_loss.hpp"
#include "src/learn/models/slots.hpp"
#include "src/learn/models/touched.hpp"

#include <algorithm>

namespace hansa::learn {
namespace {

/// Layout: that of the factorization machine, then the layers. The first layer has `padded rank` inputs;
/// those of the padding are always 0, so their weights only feel weight decay.
class DeepFm final : public Model {
 public:
  DeepFm(const Dataset& shape, const ModelOptions& options)
      : task_(shape.task),
        stddev_(options.fm_init_stddev),
        fm_(shape.features, options.fm_rank),
        stack_(fm_.padded_rank, options.hidden, 1, fm_.end()) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "deepfm"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return stack_.end(); }
  [[nodiscard]] Layout layout() const override {
    Layout layout;
    fm_.append_layout(layout);
    stack_.append_layout(layout);
    return layout;
  }
  [[nodiscard]] Storage storage() const noexcept override { return Storage::sparse; }
  void initialise(std::span<float> parameters, Rng rng) const override {
    HANSA_ASSERT(parameters.size() == parameter_count());
    fm_.initialise(parameters, stddev_, rng);
    stack_.initialise(parameters, rng);
  }
  [[nodiscard]] std::size_t optimiser_state_count(const TrainOptions& options) const noexcept override {
    return optimiser_state_size(options.optimiser, parameter_count());
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return 1; }

  TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                        const TrainOptions& options, Rng rng, Workspace& workspace) const override {
    HANSA_ASSERT(parameters.size() == parameter_count() && shard.dataset->storage == Storage::sparse);
    const Dataset& dataset = *shard.dataset;
    Optimiser optimiser(options, parameters, optimiser_state);
    BatchOrder order(shard, options, rng, workspace);
    TrainStatistics statistics;
    for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
      const std::size_t count = rows.size();
      float* error = workspace.floats(kSlotScores, count).data();
      float* sums = workspace.floats(kSlotSums, count * fm_.padded_rank).data();
      float* pull = workspace.floats(kSlotPull, count * fm_.padded_rank).data();
      const float* labels = gather_labels(dataset, rows, workspace);
      scores(parameters, dataset, rows, error, sums, workspace);
      statistics.loss_sum +=
          loss_gradient(task_, error, count, 1, labels, 1.0f / static_cast<float>(count), workspace);
      optimiser.begin_step();
      stack_.backward(optimiser, sums, count, error, pull, nullptr, workspace);
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t r = 0; r < fm_.rank; ++r) {
          pull[i * fm_.padded_rank + r] += error[i] * sums[i * fm_.padded_rank + r];
        }
        // The first layer's weights for padding are not 0; the padding of the factors must stay 0.
        for (std::size_t r = fm_.rank; r < fm_.padded_rank; ++r) pull[i * fm_.padded_rank + r] = 0;
      }
      fm_.step(optimiser, dataset, rows, error, pull, workspace);
      statistics.rows += count;
      ++statistics.steps;
    }
    return statistics;
  }

  void predict(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
               std::span<float> out, Workspace& workspace) const override {
    constexpr std::size_t kRows = 64;
    for (std::size_t i = 0; i < rows.size(); i += kRows) {
      const auto piece = rows.subspan(i, std::min(kRows, rows.size() - i));
      float* sums = workspace.floats(kSlotSums, piece.size() * fm_.padded_rank).data();
      scores(parameters, dataset, piece, out.data() + i, sums, workspace);
    }
  }

  double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                           std::span<const std::uint32_t> rows, std::span<double> gradient) const override {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double scale = 1.0 / static_cast<double>(rows.size());
    double loss = 0;
    std::vector<double> sum;
    for (const std::uint32_t row : rows) {
      const double fm_score = fm_.oracle_score(parameters, dataset, row, sum);
      std::vector<double> input = sum;
      input.resize(fm_.padded_rank, 0.0);
      const auto activations = stack_.oracle_forward(parameters, input);
      std::vector<double> z{fm_score + activations.back()[0]};
      loss += scale * oracle_loss(task_, z, dataset.label[row]);
      const double error = scale * z[0];
      std::vector<double> pull = stack_.oracle_backward(parameters, input, activations, {error}, gradient);
      for (std::size_t i = 0; i < fm_.rank; ++i) pull[i] += error * sum[i];
      fm_.oracle_gradient(parameters, dataset, row, error, pull, gradient);
    }
    return loss;
  }

  [[nodiscard]] Cost train_cost(std::uint64_t rows, std::uint64_t steps,
                                std::uint64_t non_zeros) const noexcept override {
    const double n = static_cast<double>(non_zeros);
    const double rank = static_cast<double>(fm_.rank);
    const double dense = static_cast<double>(stack_.end() - fm_.end());
    return {
        n * (7 * rank + 6) + static_cast<double>(rows) * stack_.flop_per_row(true),
        n * (8 + 2 * sizeof(float) * (rank + 1)) + static_cast<double>(steps) * dense * 2 * sizeof(float)};
  }

 private:
  /// Scores of all rows into `out`, factor sums into `sums`.
  void scores(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
              float* out, float* sums, Workspace& workspace) const {
    kernels().fm_forward(fm_.view(parameters), sparse_rows(dataset, rows), out, sums);
    const std::span<const float> deep = stack_.forward(parameters, sums, rows.size(), workspace);
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] += deep[i];
  }

  TaskKind task_;
  float stddev_;
  Factorization fm_;
  DenseStack stack_;
};

}  // namespace

MadeModel make_deepfm(const Dataset& shape, const ModelOptions& options) {
  if (auto fits = check_factorization("deepfm", shape, options); !fits) return fits.error();
  for (const std::uint32_t width : options.hidden) {
    if (width == 0) {
      return Error{ErrorKind::usage, "deepfm: a hidden layer has width 0", "give widths of at least 1"};
    }
  }
  return std::unique_ptr<const Model>(std::make_unique<DeepFm>(shape, options));
}

}  // namespace hansa::learn
