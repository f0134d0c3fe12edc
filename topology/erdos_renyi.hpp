// Erdos-Renyi graphs G(n, p): every pair is linked with the same probability, independently.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// `options.probability` in [0, 1]. Drawn again, at most kDrawsMax times, until connected; then an error, or
/// with `options.allow_disconnected` the first draw as it is.
TopologyResult make_erdos_renyi(const TopologyOptions& options);

}  // namespace hansa::topology
