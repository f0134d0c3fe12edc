// Spans and double weights in front of the raw-pointer mixing kernel.
#include "src/learn/mix.hpp"

#include <hansa/assert.hpp>

#include "src/learn/kernels/kernels.hpp"

#include <algorithm>
#include <array>

namespace hansa::learn {

void mix(std::span<float> out, std::span<const float* const> inputs,
         std::span<const double> weights) noexcept {
  HANSA_ASSERT(!inputs.empty() && inputs.size() == weights.size());
  // Weights go through a small array so that no call allocates. Beyond its size the sum continues on top of
  // what is already there with weight 1, which is exact; each output stays one chain in order. The continued
  // sum reads `out`, so `out` may then not be one of the later inputs.
  constexpr std::size_t kPiece = 256;
  std::array<float, kPiece + 1> factor{};
  std::array<const float*, kPiece + 1> input{};
  std::size_t done = 0;
  while (done < inputs.size()) {
    const std::size_t carried = done == 0 ? 0 : 1;
    const std::size_t count = std::min(kPiece, inputs.size() - done);
    if (carried == 1) {
      factor[0] = 1.0f;
      input[0] = out.data();
    }
    for (std::size_t j = 0; j < count; ++j) {
      HANSA_ASSERT(carried == 0 || inputs[done + j] != out.data());
      factor[carried + j] = static_cast<float>(weights[done + j]);
      input[carried + j] = inputs[done + j];
    }
    kernels().mix(out.data(), input.data(), factor.data(), carried + count, out.size());
    done += count;
  }
}

double squared_distance(std::span<const float> a, std::span<const float> b) noexcept {
  HANSA_ASSERT(a.size() == b.size());
  return kernels().squared_distance(a.data(), b.data(), a.size());
}

}  // namespace hansa::learn
