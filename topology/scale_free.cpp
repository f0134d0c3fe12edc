// A list that holds every party once per link end makes "proportional to the degree" a uniform draw. It
// starts from a star of attachments + 1 parties.
#include "topology/scale_free.hpp"

#include <hansa/rng.hpp>

#include <algorithm>

namespace hansa::topology {

TopologyResult make_scale_free(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const std::uint32_t m = options.attachments;
  if (auto checked = check_options("scale-free", options, 2ULL * n * m); !checked) return checked.error();
  if (m < 1 || m >= n) {
    return usage_error("scale-free needs at least 1 attachment and fewer than the " + std::to_string(n) +
                           " parties, not " + std::to_string(m),
                       "set attachments = 2");
  }
  Rng rng(options.seed, Purpose::topology, m);
  std::vector<Edge> edges;
  std::vector<std::uint32_t> ends;
  edges.reserve(std::size_t{n} * m);
  ends.reserve(2ULL * n * m);
  const auto link = [&](std::uint32_t a, std::uint32_t b) {
    edges.push_back({a, b});
    ends.push_back(a);
    ends.push_back(b);
  };
  for (std::uint32_t i = 1; i <= m; ++i) link(0, i);
  std::vector<std::uint32_t> chosen;
  for (std::uint32_t party = m + 1; party < n; ++party) {
    chosen.clear();
    while (chosen.size() < m) {
      const std::uint32_t target = ends[rng.below(ends.size())];
      if (std::find(chosen.begin(), chosen.end(), target) == chosen.end()) chosen.push_back(target);
    }
    for (const std::uint32_t target : chosen) link(target, party);
  }
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
