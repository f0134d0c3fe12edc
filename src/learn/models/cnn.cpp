// A small convolutional network after LeNet-5 (LeCun et al., "Gradient-Based Learning Applied to Document
// Recognition", Proc. IEEE 1998), with ReLU and max pooling as in the federated-learning literature: for each
// entry of `channels` a 5x5 convolution, ReLU and 2x2 max pooling, then fully connected layers. 28x28 images
// with {6, 16} and {120, 84} give 256-120-84-classes at the end.
//
// Maps are stored [row][column][channel], so that a patch is five contiguous runs and the kernels vectorise
// over output channels. A convolution is a matrix product over the patches of one image at a time (im2col):
// patches then stay in the cache, and are cheap enough to rebuild on the way back.
#include <hansa/assert.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/models/batch_order.hpp"
#include "src/learn/models/cnn_stage.hpp"
#include "src/learn/models/dense_input.hpp"
#include "src/learn/models/dense_stack.hpp"
#include "src/learn/models/models.hpp"
#include "src/learn/models/row_loss.hpp"
#include "src/learn/models/slots.hpp"

#include <algorithm>
#include <cmath>

namespace hansa::learn {
namespace {

class Cnn final : public Model {
 public:
  Cnn(const Dataset& shape, std::vector<ConvStage> stages, DenseStack stack)
      : task_(shape.task), stages_(std::move(stages)), stack_(std::move(stack)) {
    for (const ConvStage& s : stages_) {
      pooled_width_ += s.pooled();
      columns_ = std::max(columns_, s.positions() * s.column_stride() + ConvStage::kSlack);
      map_ = std::max(map_, s.positions() * s.out_channels);
      weights_ = std::max(weights_, s.column_stride() * s.out_channels);
    }
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "cnn"; }
  [[nodiscard]] std::size_t parameter_count() const noexcept override { return stack_.end(); }
  [[nodiscard]] Layout layout() const override {
    Layout layout;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const ConvStage& s = stages_[i];
      const std::string name = "conv" + std::to_string(i);
      layout.push_back({name + ".weight", s.weight, {5, 5, s.in_channels, s.out_channels}});
      layout.push_back({name + ".bias", s.bias, {s.out_channels}});
    }
    stack_.append_layout(layout);
    return layout;
  }
  [[nodiscard]] Storage storage() const noexcept override { return Storage::pixels; }
  void initialise(std::span<float> parameters, Rng rng) const override {
    HANSA_ASSERT(parameters.size() == parameter_count());
    for (const ConvStage& s : stages_) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(s.patch()));
      for (std::size_t i = s.weight; i < s.bias + s.out_channels; ++i) {
        parameters[i] = static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
      }
    }
    stack_.initialise(parameters, rng);
  }
  [[nodiscard]] std::size_t optimiser_state_count(const TrainOptions& options) const noexcept override {
    return optimiser_state_size(options.optimiser, parameter_count());
  }
  [[nodiscard]] std::size_t outputs() const noexcept override { return stack_.outputs(); }

  TrainStatistics train(std::span<float> parameters, std::span<float> optimiser_state, const Shard& shard,
                        const TrainOptions& options, Rng rng, Workspace& workspace) const override {
    HANSA_ASSERT(parameters.size() == parameter_count() && shard.dataset->storage == Storage::pixels);
    const Dataset& dataset = *shard.dataset;
    Optimiser optimiser(options, parameters, optimiser_state);
    BatchOrder order(shard, options, rng, workspace);
    TrainStatistics statistics;
    for (auto rows = order.next(); !rows.empty(); rows = order.next()) {
      const std::size_t count = rows.size();
      const float* input = images(dataset, rows, workspace);
      const float* labels = gather_labels(dataset, rows, workspace);
      const float* pooled = convolve(parameters, input, count, workspace);
      const std::span<float> scores = stack_.forward(parameters, pooled, count, workspace);
      statistics.loss_sum += loss_gradient(task_, scores.data(), count, outputs(), labels,
                                           1.0f / static_cast<float>(count), workspace);
      optimiser.begin_step();
      float* deltas = workspace.floats(kSlotMapDeltas, delta_size(count)).data();
      float* last_delta = deltas + count * (pooled_width_ - stages_.back().pooled());
      stack_.backward(optimiser, pooled, count, scores.data(), last_delta, pooled, workspace);
      convolve_back(optimiser, input, count, deltas, workspace);
      statistics.rows += count;
      ++statistics.steps;
    }
    return statistics;
  }

  void predict(std::span<const float> parameters, const Dataset& dataset, std::span<const std::uint32_t> rows,
               std::span<float> out, Workspace& workspace) const override {
    constexpr std::size_t kRows = 32;
    for (std::size_t i = 0; i < rows.size(); i += kRows) {
      const auto piece = rows.subspan(i, std::min(kRows, rows.size() - i));
      const float* input = images(dataset, piece, workspace);
      const float* pooled = convolve(parameters, input, piece.size(), workspace);
      const std::span<float> scores = stack_.forward(parameters, pooled, piece.size(), workspace);
      std::copy(scores.begin(), scores.end(), out.begin() + static_cast<std::ptrdiff_t>(i * outputs()));
    }
  }

  double loss_and_gradient(std::span<const float> parameters, const Dataset& dataset,
                           std::span<const std::uint32_t> rows, std::span<double> gradient) const override {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    const double scale = 1.0 / static_cast<double>(rows.size());
    double loss = 0;
    for (const std::uint32_t row : rows) {
      std::vector<std::vector<double>> maps{oracle_features(dataset, row)};
      for (const ConvStage& s : stages_) maps.push_back(s.oracle_forward(parameters, maps.back()));
      const auto activations = stack_.oracle_forward(parameters, maps.back());
      std::vector<double> delta = activations.back();
      loss += scale * oracle_loss(task_, delta, dataset.label[row]);
      for (double& d : delta) d *= scale;
      delta = stack_.oracle_backward(parameters, maps.back(), activations, std::move(delta), gradient);
      for (std::size_t i = stages_.size(); i-- > 0;) {
        delta = stages_[i].oracle_backward(parameters, maps[i], delta, gradient);
      }
    }
    return loss;
  }

  [[nodiscard]] Cost train_cost(std::uint64_t rows, std::uint64_t steps,
                                std::uint64_t) const noexcept override {
    double flop = stack_.flop_per_row(true);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const ConvStage& s = stages_[i];
      flop += 2.0 * static_cast<double>(s.positions() * s.patch() * s.out_channels) * (i > 0 ? 3 : 2);
    }
    const double n = static_cast<double>(rows);
    return {n * flop,
            n * static_cast<double>(stages_.front().input_size()) +
                static_cast<double>(steps) * static_cast<double>(parameter_count()) * 2 * sizeof(float)};
  }

 private:
  [[nodiscard]] std::size_t delta_size(std::size_t rows) const noexcept {
    return rows * pooled_width_ + map_ + weights_;
  }

  /// The rows as floats, with room behind them for ConvStage::patches.
  static const float* images(const Dataset& dataset, std::span<const std::uint32_t> rows,
                             Workspace& workspace) {
    workspace.floats(kSlotInput, rows.size() * dataset.features + ConvStage::kSlack);
    return gather_features(dataset, rows, workspace);
  }

  /// All convolution stages; returns the last pooled maps, [rows][stage.pooled()].
  const float* convolve(std::span<const float> parameters, const float* input, std::size_t rows,
                        Workspace& workspace) const {
    float* pooled = workspace.floats(kSlotMaps, rows * pooled_width_ + ConvStage::kSlack).data();
    std::uint32_t* winners = workspace.integers(kSlotWinners, rows * pooled_width_).data();
    float* columns = workspace.floats(kSlotColumns, 2 * columns_ + map_).data();
    float* map = columns + 2 * columns_;
    for (const ConvStage& s : stages_) {
      for (std::size_t r = 0; r < rows; ++r) {
        s.patches(input + r * s.input_size(), columns);
        s.convolve(parameters, columns, map);
        s.pool(map, pooled + r * s.pooled(), winners + r * s.pooled());
      }
      input = pooled;
      pooled += rows * s.pooled();
      winners += rows * s.pooled();
    }
    return input;
  }

  /// Steps all stages. `deltas` holds, for each stage, the gradient by its pooled maps (that of the last
  /// stage is filled in, and zero where the pooled value is not positive), then scratch.
  void convolve_back(Optimiser& optimiser, const float* input, std::size_t rows, float* deltas,
                     Workspace& workspace) const {
    const float* pooled = workspace.floats(kSlotMaps, rows * pooled_width_ + ConvStage::kSlack).data();
    const std::uint32_t* winners = workspace.integers(kSlotWinners, rows * pooled_width_).data();
    float* columns = workspace.floats(kSlotColumns, 2 * columns_ + map_).data();
    float* map_delta = deltas + rows * pooled_width_;
    float* gradient = map_delta + map_;
    std::size_t end = rows * pooled_width_;
    for (std::size_t i = stages_.size(); i-- > 0;) {
      const ConvStage& s = stages_[i];
      const std::size_t begin = end - rows * s.pooled();
      const std::size_t before = i == 0 ? 0 : begin - rows * stages_[i - 1].pooled();
      float* transposed = nullptr;
      if (i > 0) {
        transposed = workspace.floats(kSlotTransposed, s.patch() * s.out_channels).data();
        transpose(optimiser.parameters().data() + s.weight, s.patch(), s.out_channels, transposed);
      }
      std::fill_n(gradient, s.column_stride() * s.out_channels, 0.0f);
      for (std::size_t r = 0; r < rows; ++r) {
        const float* in = i == 0 ? input + r * s.input_size() : pooled + before + r * s.input_size();
        s.unpool(deltas + begin + r * s.pooled(), winners + begin + r * s.pooled(), map_delta);
        s.patches(in, columns);
        s.add_gradient(columns, map_delta, gradient);
        if (i > 0) {
          s.input_delta(transposed, map_delta, columns + columns_, in, deltas + before + r * s.input_size());
        }
      }
      optimiser.apply(s.weight, gradient, s.column_stride() * s.out_channels);
      end = begin;
    }
  }

  TaskKind task_;
  std::vector<ConvStage> stages_;
  DenseStack stack_;
  std::size_t pooled_width_ = 0;  ///< floats of all pooled maps of one row
  std::size_t columns_ = 0;       ///< largest patch matrix of one image
  std::size_t map_ = 0;           ///< largest convolution output of one image
  std::size_t weights_ = 0;       ///< most parameters of one stage
};

}  // namespace

MadeModel make_cnn(const Dataset& shape, const ModelOptions& options) {
  if (shape.image_height == 0 || shape.image_width == 0 || shape.storage != Storage::pixels) {
    return Error{ErrorKind::usage, "cnn: the data set \"" + shape.name + "\" has no images",
                 "use mlp, or an image data set such as fashion-mnist"};
  }
  if (options.channels.empty()) {
    return Error{ErrorKind::usage, "cnn: no convolution channels",
                 "use mlp, or give channels such as [6, 16]"};
  }
  std::size_t height = shape.image_height;
  std::size_t width = shape.image_width;
  std::size_t channels = shape.image_channels;
  std::size_t offset = 0;
  std::vector<ConvStage> stages;
  for (const std::uint32_t out : options.channels) {
    if (out == 0) return Error{ErrorKind::usage, "cnn: a convolution has 0 channels", "give at least 1"};
    if (height < 6 || width < 6) {
      return Error{ErrorKind::usage,
                   "cnn: " + std::to_string(shape.image_height) + "x" + std::to_string(shape.image_width) +
                       " images are too small for " + std::to_string(options.channels.size()) +
                       " convolutions",
                   "each convolution with pooling takes (size - 4) / 2; give fewer channels"};
    }
    stages.emplace_back(height, width, channels, out, offset);
    offset = stages.back().bias + out;
    height = (height - 4) / 2;
    width = (width - 4) / 2;
    channels = out;
  }
  for (const std::uint32_t w : options.dense) {
    if (w == 0) return Error{ErrorKind::usage, "cnn: a dense layer has width 0", "give widths of at least 1"};
  }
  DenseStack stack(height * width * channels, options.dense, output_count(shape), offset);
  return std::unique_ptr<const Model>(std::make_unique<Cnn>(shape, std::move(stages), std::move(stack)));
}

}  // namespace hansa::learn
