// The one-peer exponential graph (Ying et al. 2021): the links of the exponential graph one at a time. In
// round t every party sends to i + 2^(t mod tau) and averages half and half; exact after tau rounds if n is a
// power of two.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Directed, period tau = ceil(log2 n); weights 1/2, doubly stochastic.
TopologyResult make_one_peer_exponential(const TopologyOptions& options);

}  // namespace hansa::topology
