// The static exponential graph (Ying et al., "Exponential graph is provably efficient for decentralized deep
// training", NeurIPS 2021): party i sends to i + 1, i + 2, i + 4, ..., so log2 n hops reach everybody.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Directed; weights 1/(tau + 1) with tau = ceil(log2 n), doubly stochastic.
TopologyResult make_exponential(const TopologyOptions& options);

}  // namespace hansa::topology
