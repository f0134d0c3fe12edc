// The fully connected network as a model; multiclass logistic regression is the case without hidden layers.
#pragma once

#include "src/learn/model.hpp"
#include "src/learn/models/dense_stack.hpp"

#include <string_view>

namespace hansa::learn {

class Mlp final : public Model {
 public:
  /// `zero_initial` starts from all zeros (convex losses) instead of random weights.
  Mlp(std::string_view name, const Dataset& shape, std::span<const std::uint32_t> hidden, bool zero_initial);

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return stack_.end(); }
  [[nodiscard]] Layout layout() const override;
  [[nodiscard]] Storage storage() const noexcept override { return storage_; }
  void initialise(std::span<float> parameters, Rng rng) const override;
  [[nodiscard]] std::size_t optimiser_state_count(const TrainOptions& options) const noexcept override;
  TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                        const TrainOptions& options, Rng rng, Workspace& workspace) const override;
  void predict(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
               std::span<float> out, Workspace& workspace) const override;
  [[nodiscard]] std::size_t outputs() const noexcept override { return stack_.outputs(); }
  double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                           std::span<const std::uint32_t> rows, std::span<double> gradient) const override;
  [[nodiscard]] Cost train_cost(std::uint64_t rows, std::uint64_t steps,
                                std::uint64_t non_zeros) const noexcept override;

 private:
  std::string_view name_;
  TaskKind task_;
  Storage storage_;
  bool zero_initial_;
  DenseStack stack_;
};

}  // namespace hansa::learn
