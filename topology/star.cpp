// Party 0 is the centre, as the first party of a run always exists.
#include "topology/star.hpp"

namespace hansa::topology {

TopologyResult make_star(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  if (auto checked = check_options("star", options, 2ULL * n); !checked) return checked.error();
  std::vector<Edge> edges;
  edges.reserve(n);
  for (std::uint32_t i = 1; i < n; ++i) edges.push_back({0, i});
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
