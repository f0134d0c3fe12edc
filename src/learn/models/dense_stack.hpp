// A stack of fully connected layers with ReLU between them: the whole of the MLP, the end of the CNN and the
// deep part of DeepFM. Weights are stored [in][out], so that kernels vectorise over outputs.
#pragma once

#include "src/learn/model.hpp"
#include "src/learn/optimisers/optimiser.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace hansa::learn {

class DenseStack {
 public:
  struct Layer {
    std::size_t inputs = 0, outputs = 0;
    std::size_t weight = 0, bias = 0;  ///< offsets in the flat vector
  };

  /// Layers of the given widths and a last one of `outputs`; parameters start at float `offset`.
  DenseStack(std::size_t inputs, std::span<const std::uint32_t> hidden, std::size_t outputs,
             std::size_t offset);

  [[nodiscard]] std::size_t end() const noexcept { return end_; }  ///< first float behind the stack
  [[nodiscard]] std::size_t inputs() const noexcept { return layers_.front().inputs; }
  [[nodiscard]] std::size_t outputs() const noexcept { return layers_.back().outputs; }
  /// Appends hidden0.weight, hidden0.bias, ..., output.weight, output.bias.
  void append_layout(Layout& layout) const;
  /// Uniform within 1 / sqrt(inputs of the layer), weights and biases alike, as torch.nn.Linear.
  void initialise(std::span<float> parameters, Rng& rng) const;

  /// Runs `rows` rows of `input` ([rows][inputs]) through the stack. Returns the last layer's output
  /// ([rows][outputs]) inside the workspace, where `backward` expects everything to stay.
  std::span<float> forward(std::span<const float> parameters, const float* input, std::size_t rows,
                           Workspace& workspace) const;

  /// One step of `optimiser` on all layers, given the gradient of the loss by the last layer's output (which
  /// may be what `forward` returned, overwritten). Writes the gradient by `input` to `input_delta` unless it
  /// is null; where `input_mask` is given, entries whose mask is not positive become 0.
  void backward(Optimiser& optimiser, const float* input, std::size_t rows, const float* output_delta,
                float* input_delta, const float* input_mask, Workspace& workspace) const;

  /// The same in plain double loops, one row at a time. Returns the outputs of every layer.
  [[nodiscard]] std::vector<std::vector<double>> oracle_forward(std::span<const float> parameters,
                                                                const std::vector<double>& input) const;
  /// Adds this row's gradient to `gradient` (whole flat vector) and returns the gradient by the input.
  std::vector<double> oracle_backward(std::span<const float> parameters, const std::vector<double>& input,
                                      const std::vector<std::vector<double>>& activations,
                                      std::vector<double> delta, std::span<double> gradient) const;

  /// Multiply-adds (as two) of forward, weight gradient and input gradient for one row.
  [[nodiscard]] double flop_per_row(bool with_input_gradient) const noexcept;

 private:
  [[nodiscard]] std::size_t activation_width() const noexcept;
  std::vector<Layer> layers_;
  std::size_t end_ = 0;
};

/// out[column][row] = in[row][column]
void transpose(const float* in, std::size_t rows, std::size_t columns, float* out) noexcept;

/// One optimiser step on the matrix at `offset` whose gradient is A^T * D: A is [rows][inputs], D is
/// [rows][outputs]. Plain SGD never stores the gradient.
void update_matrix(Optimiser& optimiser, std::size_t offset, const float* a, std::size_t inputs,
                   const float* d, std::size_t outputs, std::size_t rows, Workspace& workspace);
/// The same for a bias: its gradient is the sum of the rows of D.
void update_bias(Optimiser& optimiser, std::size_t offset, const float* d, std::size_t outputs,
                 std::size_t rows, Workspace& workspace);

}  // namespace hansa::learn
