// From edge lists to a topology. A family says which pairs of parties are linked in each round; this file
// turns that into compact in- and out-lists with mixing weights, the same way for every family.
#pragma once

#include <hansa/result.hpp>

#include "topology/topology.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hansa::topology {

using TopologyResult = Result<std::unique_ptr<const Topology>>;

/// Neighbours (16 bytes each, in- and out-lists together, over all rounds of a period) that a topology may
/// store: 1 GiB. A complete graph reaches it at 8,192 parties.
inline constexpr std::uint64_t kStoredNeighboursMax = 1ULL << 26;

/// Random families are drawn again, at most this often in all, until the graph is connected.
inline constexpr std::uint32_t kDrawsMax = 100;

/// The links of one round. In an undirected schedule every link is given once, in either orientation.
struct RoundLinks {
  std::vector<Edge> edges;
  /// Weights of the edges if the family brings its own (used under "metropolis-hastings"); else empty.
  std::vector<double> weights;
};

/// An error of kind usage.
Error usage_error(std::string message, std::string hint);

/// `options.parties` >= 2, weights known, and `stored` neighbours (as counted by kStoredNeighboursMax) few
/// enough. `name` opens the message.
Result<void> check_options(const char* name, const TopologyOptions& options, std::uint64_t stored);

/// A schedule of `period` rounds; `draw` fills the (empty) links of one round. No self-loops, no duplicates.
/// Errors: unknown weights; "metropolis-hastings" on a directed graph that is not regular.
TopologyResult build_schedule(const TopologyOptions& options, bool directed, std::uint32_t period,
                              const std::function<void(std::uint32_t round, RoundLinks& links)>& draw);

/// A static, undirected graph.
TopologyResult build_static(const TopologyOptions& options, std::vector<Edge> edges);

/// True if the undirected `edges` link all of [0, parties).
bool links_everyone(std::uint32_t parties, const std::vector<Edge>& edges);

}  // namespace hansa::topology
