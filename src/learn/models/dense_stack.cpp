// Every pass over a layer is one matrix product: forward with bias and ReLU, the gradient by the input with
// the ReLU mask, and the weight update, which for plain SGD happens inside the product.
#include "src/learn/models/dense_stack.hpp"

#include <hansa/assert.hpp>

#include "src/learn/kernels/kernels.hpp"
#include "src/learn/models/slots.hpp"

#include <algorithm>
#include <cmath>

namespace hansa::learn {
namespace {

constexpr float kOne = 1.0f;

std::string layer_name(std::size_t i, std::size_t layers) {
  return i + 1 == layers ? std::string("output") : "hidden" + std::to_string(i);
}

/// A matrix product whose result is a gradient: applied at once (plain SGD) or by way of a buffer.
void update(Optimiser& optimiser, std::size_t offset, GemmTask task, Workspace& workspace) {
  task.c_row = task.n;
  if (optimiser.plain_sgd()) {
    task.c = optimiser.parameters().data() + offset;
    task.finish = GemmFinish::sgd;
    task.rate = optimiser.options().learning_rate;
    task.decay = optimiser.options().l2;
    kernels().gemm(task);
    return;
  }
  task.c = workspace.floats(kSlotGradient, task.m * task.n).data();
  kernels().gemm(task);
  optimiser.apply(offset, task.c, task.m * task.n);
}

}  // namespace

void transpose(const float* in, std::size_t rows, std::size_t columns, float* out) noexcept {
  constexpr std::size_t kBlock = 16;  // a block of both matrices stays in the first-level cache
  for (std::size_t r0 = 0; r0 < rows; r0 += kBlock) {
    const std::size_t r1 = std::min(r0 + kBlock, rows);
    for (std::size_t c0 = 0; c0 < columns; c0 += kBlock) {
      const std::size_t c1 = std::min(c0 + kBlock, columns);
      for (std::size_t r = r0; r < r1; ++r) {
        for (std::size_t c = c0; c < c1; ++c) out[c * rows + r] = in[r * columns + c];
      }
    }
  }
}

void update_matrix(Optimiser& optimiser, std::size_t offset, const float* a, std::size_t inputs,
                   const float* d, std::size_t outputs, std::size_t rows, Workspace& workspace) {
  GemmTask task;
  task.m = inputs;
  task.n = outputs;
  task.k = rows;
  task.a = a;
  task.a_row = 1;
  task.a_column = inputs;
  task.b = d;
  task.b_row = outputs;
  update(optimiser, offset, task, workspace);
}

void update_bias(Optimiser& optimiser, std::size_t offset, const float* d, std::size_t outputs,
                 std::size_t rows, Workspace& workspace) {
  GemmTask task;  // a row of ones times D: the one is read again and again with stride 0
  task.m = 1;
  task.n = outputs;
  task.k = rows;
  task.a = &kOne;
  task.a_row = 0;
  task.a_column = 0;
  task.b = d;
  task.b_row = outputs;
  update(optimiser, offset, task, workspace);
}

DenseStack::DenseStack(std::size_t inputs, std::span<const std::uint32_t> hidden, std::size_t outputs,
                       std::size_t offset) {
  const auto add = [&](std::size_t width) {
    Layer layer{inputs, width, offset, offset + inputs * width};
    offset = layer.bias + width;
    inputs = width;
    layers_.push_back(layer);
  };
  for (const std::uint32_t width : hidden) add(width);
  add(outputs);
  end_ = offset;
}

void DenseStack::append_layout(Layout& layout) const {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const std::string name = layer_name(i, layers_.size());
    layout.push_back({name + ".weight", layer.weight, {layer.inputs, layer.outputs}});
    layout.push_back({name + ".bias", layer.bias, {layer.outputs}});
  }
}

void DenseStack::initialise(std::span<float> parameters, Rng& rng) const {
  for (const Layer& layer : layers_) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(layer.inputs));
    for (std::size_t i = layer.weight; i < layer.bias + layer.outputs; ++i) {
      parameters[i] = static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
    }
  }
}

std::size_t DenseStack::activation_width() const noexcept {
  std::size_t width = 0;
  for (const Layer& layer : layers_) width += layer.outputs;
  return width;
}

std::span<float> DenseStack::forward(std::span<const float> parameters, const float* input, std::size_t rows,
                                     Workspace& workspace) const {
  float* out = workspace.floats(kSlotActivations, rows * activation_width()).data();
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    GemmTask task;
    task.m = rows;
    task.n = layer.outputs;
    task.k = layer.inputs;
    task.a = input;
    task.a_row = layer.inputs;
    task.b = parameters.data() + layer.weight;
    task.b_row = layer.outputs;
    task.c = out;
    task.c_row = layer.outputs;
    task.start = GemmStart::bias;
    task.bias = parameters.data() + layer.bias;
    task.finish = i + 1 < layers_.size() ? GemmFinish::relu : GemmFinish::store;
    kernels().gemm(task);
    input = out;
    out += rows * layer.outputs;
  }
  return {out - rows * outputs(), rows * outputs()};
}

void DenseStack::backward(Optimiser& optimiser, const float* input, std::size_t rows,
                          const float* output_delta, float* input_delta, const float* input_mask,
                          Workspace& workspace) const {
  std::size_t widest = 0;
  std::size_t largest = 0;
  for (const Layer& layer : layers_) {
    widest = std::max(widest, layer.outputs);
    largest = std::max(largest, layer.inputs * layer.outputs);
  }
  const std::size_t width = activation_width();
  const float* activations = workspace.floats(kSlotActivations, rows * width).data();
  float* buffers = workspace.floats(kSlotDeltas, 2 * rows * widest).data();
  const float* delta = output_delta;
  std::size_t end = rows * (width - outputs());  // where the output of layer i - 1 ends
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const float* in = i == 0 ? input : activations + end - rows * layer.inputs;
    float* in_delta = i == 0 ? input_delta : buffers + (i % 2) * rows * widest;
    if (in_delta != nullptr) {  // before the weights change
      float* transposed = workspace.floats(kSlotTransposed, largest).data();
      transpose(optimiser.parameters().data() + layer.weight, layer.inputs, layer.outputs, transposed);
      GemmTask task;
      task.m = rows;
      task.n = layer.inputs;
      task.k = layer.outputs;
      task.a = delta;
      task.a_row = layer.outputs;
      task.b = transposed;
      task.b_row = layer.inputs;
      task.c = in_delta;
      task.c_row = layer.inputs;
      task.mask = i == 0 ? input_mask : in;
      task.finish = task.mask != nullptr ? GemmFinish::mask : GemmFinish::store;
      kernels().gemm(task);
    }
    update_matrix(optimiser, layer.weight, in, layer.inputs, delta, layer.outputs, rows, workspace);
    update_bias(optimiser, layer.bias, delta, layer.outputs, rows, workspace);
    delta = in_delta;
    if (i > 0) end -= rows * layer.inputs;
  }
}

std::vector<std::vector<double>> DenseStack::oracle_forward(std::span<const float> parameters,
                                                            const std::vector<double>& input) const {
  std::vector<std::vector<double>> activations;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const std::vector<double>& in = i == 0 ? input : activations.back();
    std::vector<double> out(layer.outputs);
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      out[o] = parameters[layer.bias + o];
      for (std::size_t k = 0; k < layer.inputs; ++k) {
        out[o] += in[k] * static_cast<double>(parameters[layer.weight + k * layer.outputs + o]);
      }
      if (i + 1 < layers_.size()) out[o] = std::max(out[o], 0.0);
    }
    activations.push_back(std::move(out));
  }
  return activations;
}

std::vector<double> DenseStack::oracle_backward(std::span<const float> parameters,
                                                const std::vector<double>& input,
                                                const std::vector<std::vector<double>>& activations,
                                                std::vector<double> delta, std::span<double> gradient) const {
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const std::vector<double>& in = i == 0 ? input : activations[i - 1];
    std::vector<double> in_delta(layer.inputs, 0.0);
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      gradient[layer.bias + o] += delta[o];
      for (std::size_t k = 0; k < layer.inputs; ++k) {
        const std::size_t at = layer.weight + k * layer.outputs + o;
        gradient[at] += in[k] * delta[o];
        in_delta[k] += delta[o] * static_cast<double>(parameters[at]);
      }
    }
    if (i > 0) {
      for (std::size_t k = 0; k < layer.inputs; ++k) {
        if (in[k] <= 0) in_delta[k] = 0;
      }
    }
    delta = std::move(in_delta);
  }
  return delta;
}

double DenseStack::flop_per_row(bool with_input_gradient) const noexcept {
  double flop = 0;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const double product = 2.0 * static_cast<double>(layers_[i].inputs * layers_[i].outputs);
    flop += product * (i > 0 || with_input_gradient ? 3 : 2);
  }
  return flop;
}

}  // namespace hansa::learn
