// The star: party 0 in the middle, everybody else talks to it alone. Central federated learning as a
// degenerate graph; with Metropolis-Hastings weights the gap is 1/n.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Errors: fewer than 2 parties.
TopologyResult make_star(const TopologyOptions& options);

}  // namespace hansa::topology
