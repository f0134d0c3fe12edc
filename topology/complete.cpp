// Every pair once, in lexicographic order, so that the neighbour lists come out sorted.
#include "topology/complete.hpp"

namespace hansa::topology {

TopologyResult make_complete(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const std::uint64_t stored = n == 0 ? 0 : std::uint64_t{n} * (n - 1);
  if (auto checked = check_options("complete", options, stored); !checked) return checked.error();
  std::vector<Edge> edges;
  edges.reserve(stored / 2);
  for (std::uint32_t i = 0; i < n; ++i) {
    for (std::uint32_t j = i + 1; j < n; ++j) edges.push_back({i, j});
  }
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
