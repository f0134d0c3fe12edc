// The hypercube: 2^d parties, linked when their numbers differ in one bit. Its gap is 2 / (d + 1).
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Errors: not a power of two.
TopologyResult make_hypercube(const TopologyOptions& options);

}  // namespace hansa::topology
