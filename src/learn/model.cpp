// Scratch memory and the table of models.
#include "src/learn/model.hpp"

#include <hansa/assert.hpp>

#include "src/learn/models/models.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace hansa::learn {

void* Workspace::ensure(Buffer& buffer, std::size_t bytes) {
  if (buffer.bytes < bytes) {
    // Half as much again, so that slowly growing requests do not allocate each time.
    const std::size_t size = (std::max(bytes, buffer.bytes + buffer.bytes / 2) + 63) / 64 * 64;
    buffer.memory = {std::aligned_alloc(64, size), [](void* p) { std::free(p); }};
    HANSA_ASSERT(buffer.memory != nullptr);
    buffer.bytes = size;
  }
  return buffer.memory.get();
}

std::span<float> Workspace::floats(std::size_t slot, std::size_t count) {
  HANSA_ASSERT(slot < std::size(floats_));
  return {static_cast<float*>(ensure(floats_[slot], count * sizeof(float))), count};
}

std::span<std::uint32_t> Workspace::integers(std::size_t slot, std::size_t count) {
  HANSA_ASSERT(slot < std::size(integers_));
  return {static_cast<std::uint32_t*>(ensure(integers_[slot], count * sizeof(std::uint32_t))), count};
}

std::span<const ModelEntry> model_registry() noexcept {
  static constexpr std::array<ModelEntry, 5> kModels{{
      {"logistic-regression",
       "linear model: logistic, softmax or least squares by task; dense or sparse data",
       make_logistic_regression},
      {"fm", "factorization machine: linear model plus all pairwise interactions of low rank; sparse data",
       make_fm},
      {"mlp", "fully connected network with ReLU hidden layers; dense data or images", make_mlp},
      {"cnn", "LeNet-style network: 5x5 convolutions, 2x2 max pooling, dense layers; images", make_cnn},
      {"deepfm", "factorization machine plus a network over its summed embeddings; sparse data", make_deepfm},
  }};
  return kModels;
}

Result<std::unique_ptr<const Model>> make_model(std::string_view name, const Dataset& shape,
                                                const ModelOptions& options) {
  for (const ModelEntry& entry : model_registry()) {
    if (entry.name == name) return entry.make(shape, options);
  }
  std::string known;
  for (const ModelEntry& entry : model_registry()) {
    known += known.empty() ? "" : ", ";
    known += entry.name;
  }
  return Error{ErrorKind::usage, "unknown model \"" + std::string(name) + "\"", "choose one of: " + known};
}

}  // namespace hansa::learn
