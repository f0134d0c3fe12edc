// A ring with one link taken out.
#include "topology/line.hpp"

namespace hansa::topology {

TopologyResult make_line(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  if (auto checked = check_options("line", options, 2ULL * n); !checked) return checked.error();
  std::vector<Edge> edges;
  edges.reserve(n);
  for (std::uint32_t i = 0; i + 1 < n; ++i) edges.push_back({i, i + 1});
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
