// Neighbours by index arithmetic; with two parties both directions are the same link.
#include "topology/ring.hpp"

namespace hansa::topology {

TopologyResult make_ring(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  if (auto checked = check_options("ring", options, 2ULL * n); !checked) return checked.error();
  std::vector<Edge> edges;
  edges.reserve(n);
  for (std::uint32_t i = 0; i + 1 < n; ++i) edges.push_back({i, i + 1});
  if (n > 2) edges.push_back({0, n - 1});
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
