// A mixing matrix as something that is applied, not stored: y = W x for the W of one round.
#pragma once

#include "topology/topology.hpp"

#include <cstddef>
#include <span>

namespace hansa::topology {

/// y = W_round x for `width` vectors at once: x and y hold parties * width numbers, the numbers of one party
/// next to each other. x and y must not overlap.
void mix(const Topology& topology, Round round, std::span<const double> x, std::span<double> y,
         std::size_t width);

/// y = W_round^T x, otherwise like mix.
void mix_transposed(const Topology& topology, Round round, std::span<const double> x, std::span<double> y,
                    std::size_t width);

}  // namespace hansa::topology
