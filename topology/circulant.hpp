// Schedules in which every party does the same as party 0, only shifted (ring, complete, both exponential
// graphs): their mixing matrices are circulant, share the Fourier basis as eigenvectors, and the spectrum of
// any product is the product of the eigenvalues. That is exact at any size.
#pragma once

#include "topology/topology.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace hansa::topology {

/// What party 0 sends in one round: to party `offset` with `weight`; offset 0 is what it keeps.
struct CirculantRound {
  std::vector<std::uint32_t> offsets;
  std::vector<double> weights;
};

/// One entry per round of the period; nothing if some round is not circulant (or has more than 64 links a
/// party).
std::optional<std::vector<CirculantRound>> circulant_rounds(const Topology& topology);

/// |k-th eigenvalue| of one round's matrix, k in [0, parties).
double circulant_eigenvalue(const CirculantRound& round, std::uint32_t parties, std::uint32_t k);

}  // namespace hansa::topology
