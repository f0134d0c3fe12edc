// What a model is to everything above it: a size, an initial value, a training step and a score. A model
// object holds no parameters; they are a flat float vector that the caller owns, so that it can travel, be
// averaged and be masked without anyone knowing what it means. Implementations are immutable and thread-safe;
// scratch memory comes from a `Workspace` that each thread owns.
#pragma once

#include "src/learn/dataset.hpp"

#include <hansa/result.hpp>
#include <hansa/rng.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::learn {

/// One named piece of the flat vector, for documentation, checkpoints and checks.
struct LayoutPart {
  std::string name;                ///< e.g. "hidden0.weight"
  std::size_t offset = 0;          ///< first float
  std::vector<std::size_t> shape;  ///< row-major
};
using Layout = std::vector<LayoutPart>;

/// Scratch buffers that grow and stay. One per thread.
class Workspace {
 public:
  /// At least `count` floats, 64-byte aligned, unspecified content. `slot` names the buffer (0..15).
  std::span<float> floats(std::size_t slot, std::size_t count);
  std::span<std::uint32_t> integers(std::size_t slot, std::size_t count);

 private:
  struct Buffer {
    std::unique_ptr<void, void (*)(void*)> memory{nullptr, nullptr};
    std::size_t bytes = 0;
  };
  void* ensure(Buffer& buffer, std::size_t bytes);
  Buffer floats_[16];
  Buffer integers_[16];
};

enum class OptimiserKind { sgd, momentum, nesterov, adagrad, adam };

/// Hyper-parameters of local training; the same for every party of a run.
struct TrainOptions {
  OptimiserKind optimiser = OptimiserKind::sgd;
  float learning_rate = 0.1f;
  float momentum = 0.9f;          ///< momentum, nesterov; beta1 of adam
  float beta2 = 0.999f;           ///< adam
  float epsilon = 1e-8f;          ///< adagrad, adam
  float l2 = 0.0f;                ///< weight decay: adds l2 * w to the gradient
  std::uint32_t batch_size = 32;  ///< rows per step (clipped to the shard)
  std::uint32_t epochs = 1;       ///< passes over the shard per round, if steps == 0
  std::uint32_t steps = 0;        ///< optimiser steps per round; 0 = use epochs
};

/// What one call of `train` did.
struct TrainStatistics {
  double loss_sum = 0;     ///< sum of per-row losses (before each step, without the L2 term)
  std::uint64_t rows = 0;  ///< rows processed
  std::uint64_t steps = 0;
};

/// Work and traffic that no implementation can avoid, for the efficiency figure of a run.
struct Cost {
  double flop = 0;
  double bytes = 0;
};

class Model {
 public:
  virtual ~Model() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual std::size_t parameter_count() const noexcept = 0;
  [[nodiscard]] virtual Layout layout() const = 0;
  /// The storage its `train` and `predict` want; the data set is converted once, at load.
  [[nodiscard]] virtual Storage storage() const noexcept = 0;

  /// Writes the initial parameters; the same for every party of a run.
  virtual void initialise(std::span<float> parameters, Rng rng) const = 0;

  /// Floats of optimiser state that `train` keeps between rounds for `options` (0 for plain SGD).
  [[nodiscard]] virtual std::size_t optimiser_state_count(const TrainOptions& options) const noexcept = 0;

  /// One round of local training, in place. `rng` decides the order of rows: one permutation per epoch,
  /// batches are consecutive pieces of it. `optimiser_state` has optimiser_state_count() floats, zero at
  /// first. Deterministic: the same inputs give the same bits on any thread and any instruction-set variant.
  /// Precondition: the shard has at least one row and the storage is storage().
  virtual TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state,
                                const Shard& shard, const TrainOptions& options, Rng rng,
                                Workspace& workspace) const = 0;

  /// Raw scores for rows[i] of the data set into out[i * outputs() ...]: a logit for binary, a value for
  /// regression, one logit per class for multiclass.
  virtual void predict(std::span<const float> parameters, const Dataset& dataset,
                       std::span<const std::uint32_t> rows, std::span<float> out,
                       Workspace& workspace) const = 0;
  [[nodiscard]] virtual std::size_t outputs() const noexcept = 0;

  /// Mean loss over the given rows and its gradient (without L2), in plain loops: the oracle for gradient
  /// checks, not for speed. `gradient` has parameter_count() floats and is overwritten.
  virtual double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                                   std::span<const std::uint32_t> rows, std::span<double> gradient) const = 0;

  /// Unavoidable work of `steps` optimiser steps that process `rows` rows holding `non_zeros` non-zero
  /// features in all (rows * features for dense data).
  [[nodiscard]] virtual Cost train_cost(std::uint64_t rows, std::uint64_t steps,
                                        std::uint64_t non_zeros) const noexcept = 0;
};

/// Model-specific hyper-parameters, as the configuration gives them.
struct ModelOptions {
  std::uint32_t fm_rank = 8;
  float fm_init_stddev = 0.05f;
  std::vector<std::uint32_t> hidden = {64};  ///< mlp and deepfm: hidden layer widths
  std::vector<std::uint32_t> channels = {6,
                                         16};  ///< cnn: convolution channels (5x5, ReLU, 2x2 max pool each)
  std::vector<std::uint32_t> dense = {120,
                                      84};  ///< cnn: widths of the fully connected layers before the output
};

/// One line of the model registry.
struct ModelEntry {
  std::string_view name;     ///< in the config file, `hansa list models` and the docs
  std::string_view summary;  ///< one line for people
  Result<std::unique_ptr<const Model>> (*make)(const Dataset& shape, const ModelOptions& options);
};

/// All models: logistic-regression, fm, mlp, cnn, deepfm. In the order shown to people.
std::span<const ModelEntry> model_registry() noexcept;

/// The model called `name` for data of the shape of `shape` (features, classes, task, image size); an error
/// names the known ones, or says why this data does not fit (cnn needs images).
Result<std::unique_ptr<const Model>> make_model(std::string_view name, const Dataset& shape,
                                                const ModelOptions& options);

}  // namespace hansa::learn
