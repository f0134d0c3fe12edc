// The mixing step of decentralized learning: a weighted sum of models, each read once, added in the order
// given so that the bits do not depend on arrival order, thread count or instruction set.
#pragma once

#include <span>

namespace hansa::learn {

/// out[i] = sum_j weights[j] * inputs[j][i]; the first term is a product, the following are fused
/// multiply-adds in order j = 1, 2, ... Weights are rounded to float first. Every inputs[j] has out.size()
/// floats; `out` may be one of the first 256 inputs. At least one input. Thread-safe.
void mix(std::span<float> out, std::span<const float* const> inputs,
         std::span<const double> weights) noexcept;

/// sum_i (a[i] - b[i])^2 in double. Same sizes.
double squared_distance(std::span<const float> a, std::span<const float> b) noexcept;

}  // namespace hansa::learn
