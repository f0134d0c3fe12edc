// Which graphs may carry secure neighbourhood sums. There every model enters as many sums as its owner has
// neighbours, and sums over sets that differ little are equations for what they differ in. So the graph must
// be fixed and undirected, with many neighbours for each party, and no two parties may have almost the same
// neighbours (El Mrini et al. 2024 solve such systems; docs/secure-aggregation.md has figures).
#pragma once

#include "topology/topology.hpp"

#include <hansa/result.hpp>

#include <cstddef>

namespace hansa::protocols {

/// Fewer are refused: with 8 random neighbours, colluding receivers find nothing even where a fifth collude.
inline constexpr std::size_t kNeighboursMin = 8;
/// A session counts its members in 64 bits, the receiver included.
inline constexpr std::size_t kNeighboursMax = 63;
/// Neighbours that belong to one of two receivers and not to the other, the two receivers themselves not
/// counted since they know their own models.
inline constexpr std::size_t kDifferenceMin = 4;

/// Neighbours of a receiver that may work together, with it too, and learn nothing but the sum over the
/// others: all but two, since the sum needs every one of them.
[[nodiscard]] constexpr std::size_t colluders_among(std::size_t neighbours) noexcept {
  return neighbours - 2;
}

/// Whether strategy d-psgd may run with aggregation = "secure" on `graph`; if not, which party stands in the
/// way, why, and what to do. `colluders` is what the user asks for; any k - 2 of k neighbours are tolerated
/// anyway. Time: parties * degree^2.
Result<void> check_neighbourhoods(const topology::Topology& graph, std::size_t colluders);

}  // namespace hansa::protocols
