// The two-dimensional torus: a grid whose rows and columns close into rings.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Errors: no factorisation with both sides at least 2 (the message names the nearest sizes that fit).
TopologyResult make_torus(const TopologyOptions& options);

}  // namespace hansa::topology
