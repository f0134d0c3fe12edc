// Small-world graphs (Watts and Strogatz, "Collective dynamics of small-world networks", Nature 1998): a ring
// lattice in which some links are bent to a random party.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// `options.degree` (even) neighbours on the ring, each link bent with `options.probability`. Drawn again
/// until connected like erdos-renyi.
TopologyResult make_small_world(const TopologyOptions& options);

}  // namespace hansa::topology
