// The ring: party i talks to i - 1 and i + 1, modulo the number of parties. The slowest mixer that still
// treats all parties alike: its spectral gap is (2/3)(1 - cos(2 pi / n)).
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// Errors: fewer than 2 parties.
TopologyResult make_ring(const TopologyOptions& options);

}  // namespace hansa::topology
