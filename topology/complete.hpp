// The complete graph: everybody talks to everybody, the exact average in one round, n (n - 1) messages.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Errors: fewer than 2 parties, or more than kStoredNeighboursMax holds.
TopologyResult make_complete(const TopologyOptions& options);

}  // namespace hansa::topology
