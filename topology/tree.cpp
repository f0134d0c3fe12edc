// Numbered level by level, like a heap.
#include "topology/tree.hpp"

namespace hansa::topology {

TopologyResult make_tree(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  if (auto checked = check_options("tree", options, 2ULL * n); !checked) return checked.error();
  if (options.degree < 1) return usage_error("tree needs an arity of at least 1", "set degree = 2 or more");
  std::vector<Edge> edges;
  edges.reserve(n);
  for (std::uint32_t i = 1; i < n; ++i) edges.push_back({(i - 1) / options.degree, i});
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
