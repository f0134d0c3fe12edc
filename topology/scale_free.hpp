// Scale-free graphs (Barabasi and Albert, "Emergence of scaling in random networks", Science 1999): every new
// party links to existing ones with probability proportional to their degree, so a few become hubs.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// `options.attachments` links per new party, at least 1 and below the number of parties. Always connected.
TopologyResult make_scale_free(const TopologyOptions& options);

}  // namespace hansa::topology
