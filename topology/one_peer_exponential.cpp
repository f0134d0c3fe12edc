// One rotation of the ring of parties per round.
#include "topology/one_peer_exponential.hpp"

#include <bit>

namespace hansa::topology {

TopologyResult make_one_peer_exponential(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const auto tau = static_cast<std::uint32_t>(n < 2 ? 0 : std::bit_width(n - 1));
  if (auto checked = check_options("one-peer-exponential", options, 2ULL * n * tau); !checked) {
    return checked.error();
  }
  return build_schedule(options, true, tau, [&](std::uint32_t round, RoundLinks& links) {
    links.edges.reserve(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      links.edges.push_back({i, static_cast<std::uint32_t>((i + (1ULL << round)) % n)});
    }
  });
}

}  // namespace hansa::topology
