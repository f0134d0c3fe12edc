// The line: party i talks to i - 1 and i + 1; the ends have one neighbour.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Errors: fewer than 2 parties.
TopologyResult make_line(const TopologyOptions& options);

}  // namespace hansa::topology
