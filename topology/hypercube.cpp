// One link per party and bit; kept where the bit is clear, so every link comes once.
#include "topology/hypercube.hpp"

#include <bit>

namespace hansa::topology {

TopologyResult make_hypercube(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const auto dimensions = static_cast<std::uint32_t>(std::bit_width(n) - 1);
  if (auto checked = check_options("hypercube", options, std::uint64_t{n} * dimensions); !checked) {
    return checked.error();
  }
  if (!std::has_single_bit(n)) {
    const std::uint64_t below = std::bit_floor(n);
    return usage_error(
        "hypercube needs a power of two, not " + std::to_string(n) + " parties",
        "nearest sizes that fit: " + std::to_string(below) + " or " + std::to_string(2 * below));
  }
  std::vector<Edge> edges;
  edges.reserve(std::size_t{n} / 2 * dimensions);
  for (std::uint32_t party = 0; party < n; ++party) {
    for (std::uint32_t bit = 1; bit < n; bit *= 2) {
      if ((party & bit) == 0) edges.push_back({party, party | bit});
    }
  }
  return build_static(options, std::move(edges));
}

}  // namespace hansa::topology
