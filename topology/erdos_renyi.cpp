// Instead of tossing a coin for each of the n (n - 1) / 2 pairs, the gap to the next success is drawn from
// the geometric distribution (Batagelj and Brandes, "Efficient generation of large random networks", 2005):
// time and memory grow with the number of links, not of pairs.
#include "topology/erdos_renyi.hpp"

#include <hansa/math.hpp>
#include <hansa/rng.hpp>

namespace hansa::topology {
namespace {

std::vector<Edge> draw(std::uint32_t parties, double probability, Rng& rng) {
  std::vector<Edge> edges;
  if (probability <= 0) return edges;
  const double log_miss = probability < 1 ? log_exact(1.0 - probability) : 0.0;
  const double pairs_max = static_cast<double>(parties) * parties;  // beyond any gap that can matter
  std::uint64_t row = 1;                                            // pairs (row, column) with column < row
  std::uint64_t column = 0;
  while (true) {
    if (probability < 1) {
      // 1 - u is in (0, 1]; log_miss may be -0 for probabilities below 1e-16, and the gap is capped then.
      const double gap = log_exact(1.0 - rng.uniform()) / log_miss;
      column += static_cast<std::uint64_t>(gap < pairs_max ? gap : pairs_max);
    }
    while (row < parties && column >= row) column -= row++;
    if (row >= parties) return edges;
    edges.push_back({static_cast<std::uint32_t>(column), static_cast<std::uint32_t>(row)});
    ++column;
  }
}

}  // namespace

TopologyResult make_erdos_renyi(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const double p = options.probability;
  if (!(p >= 0 && p <= 1)) {
    return usage_error("erdos-renyi needs a probability in [0, 1], not " + std::to_string(p),
                       "set probability between 0 and 1");
  }
  const auto expected = n + static_cast<std::uint64_t>(static_cast<double>(n) * n * p);
  if (auto checked = check_options("erdos-renyi", options, expected); !checked) return checked.error();
  for (std::uint32_t attempt = 0; attempt < kDrawsMax; ++attempt) {
    Rng rng(options.seed, Purpose::topology, n, attempt);
    std::vector<Edge> edges = draw(n, p, rng);
    if (options.allow_disconnected || links_everyone(n, edges))
      return build_static(options, std::move(edges));
  }
  const double needed = log_exact(static_cast<double>(n)) / n;
  return usage_error("erdos-renyi with " + std::to_string(n) + " parties and probability " +
                         std::to_string(p) + " was not connected in " + std::to_string(kDrawsMax) + " draws",
                     "raise probability well above log(n)/n = " + std::to_string(needed));
}

}  // namespace hansa::topology
