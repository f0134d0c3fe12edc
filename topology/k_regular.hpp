// Random regular graphs: every party has the same number of neighbours, chosen at random. Nearly the best gap
// that a static graph of that degree can have, independent of n (Friedman 2008).
#pragma once

#include "topology/build.hpp"

namespace hansa::topology {

/// `options.degree` neighbours each, drawn with `options.seed`, always connected. Errors: degree not below
/// the number of parties, odd number of stubs, or a degree that cannot connect everybody.
TopologyResult make_k_regular(const TopologyOptions& options);

}  // namespace hansa::topology
