// The balanced tree: party 0 is the root, party i hangs below (i - 1) / arity.
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// `options.degree` is the arity (children per party), at least 1.
TopologyResult make_tree(const TopologyOptions& options);

}  // namespace hansa::topology
