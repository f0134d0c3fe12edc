// The Base-(k+1) graph (Takezawa et al., "Beyond exponential graph: communication-efficient topologies for
// decentralized learning via finite-time convergence", NeurIPS 2023): a time-varying graph of degree at most
// k whose product of mixing matrices is the exact average after finitely many rounds, for any number of
// parties.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// `options.degree` is the maximum degree k, at least 1. The weights are part of the construction (under
/// "metropolis-hastings"); symmetric in every round.
TopologyResult make_base_k(const TopologyOptions& options);

}  // namespace hansa::topology
