// As in the paper: the lattice links are visited lap by lap (nearest neighbours first), and the far end of
// each is moved with the given probability to a random party that is not linked yet.
#include "topology/small_world.hpp"

#include <hansa/rng.hpp>

#include <algorithm>

namespace hansa::topology {
namespace {

std::vector<Edge> draw(std::uint32_t parties, std::uint32_t degree, double probability, Rng& rng) {
  std::vector<std::vector<std::uint32_t>> links(parties);
  const std::uint32_t half = degree / 2;
  std::vector<Edge> edges;
  edges.reserve(std::size_t{parties} * half);
  for (std::uint32_t hop = 1; hop <= half; ++hop) {
    for (std::uint32_t i = 0; i < parties; ++i) edges.push_back({i, (i + hop) % parties});
  }
  for (const auto& [a, b] : edges) {
    links[a].push_back(b);
    links[b].push_back(a);
  }
  const auto drop = [&](std::uint32_t a, std::uint32_t b) {
    auto& list = links[a];
    *std::find(list.begin(), list.end(), b) = list.back();
    list.pop_back();
  };
  for (auto& [from, to] : edges) {
    if (rng.uniform() >= probability || links[from].size() >= parties - 1) continue;
    std::uint32_t target = from;
    while (target == from || std::find(links[from].begin(), links[from].end(), target) != links[from].end()) {
      target = static_cast<std::uint32_t>(rng.below(parties));
    }
    drop(from, to);
    drop(to, from);
    links[from].push_back(target);
    links[target].push_back(from);
    to = target;
  }
  return edges;
}

}  // namespace

TopologyResult make_small_world(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const std::uint32_t k = options.degree;
  const double p = options.probability;
  if (auto checked = check_options("small-world", options, std::uint64_t{n} * k); !checked) {
    return checked.error();
  }
  if (k < 2 || k % 2 != 0 || k >= n) {
    return usage_error(
        "small-world needs an even degree of at least 2 and below the number of parties, not " +
            std::to_string(k) + " of " + std::to_string(n),
        "set degree = 2 or 4");
  }
  if (!(p >= 0 && p <= 1)) {
    return usage_error("small-world needs a rewiring probability in [0, 1], not " + std::to_string(p),
                       "set probability between 0 and 1");
  }
  for (std::uint32_t attempt = 0; attempt < kDrawsMax; ++attempt) {
    Rng rng(options.seed, Purpose::topology, n, attempt);
    std::vector<Edge> edges = draw(n, k, p, rng);
    if (options.allow_disconnected || links_everyone(n, edges))
      return build_static(options, std::move(edges));
  }
  return usage_error("small-world was not connected in " + std::to_string(kDrawsMax) + " draws",
                     "raise degree or lower probability");
}

}  // namespace hansa::topology
