// The largest eigenvalue of a symmetric matrix that is only given as y = A x (Lanczos 1950): the power
// iteration's vectors, but combined optimally, so it needs about the square root of the power iteration's
// steps.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace hansa::topology {

/// max |lambda| of the symmetric matrix A with 1 as the largest value that matters: stops when 1 - |lambda|
/// settles to a relative 1e-7, or after `steps_max` steps (then the result is a lower bound). Deterministic.
double largest_eigenvalue(std::size_t size, std::size_t steps_max,
                          const std::function<void(std::span<const double> x, std::span<double> y)>& apply);

}  // namespace hansa::topology
