// tau = ceil(log2 n) offsets 1, 2, 4, ..., all below n, so no two of them meet modulo n.
#include "topology/exponential.hpp"

#include <bit>

namespace hansa::topology {

TopologyResult make_exponential(const TopologyOptions& options) {
  const std::uint32_t n = options.parties;
  const auto tau = static_cast<std::uint32_t>(n < 2 ? 0 : std::bit_width(n - 1));
  if (auto checked = check_options("exponential", options, 2ULL * n * tau); !checked) return checked.error();
  return build_schedule(options, true, 1, [&](std::uint32_t, RoundLinks& links) {
    links.edges.reserve(std::size_t{n} * tau);
    for (std::uint32_t i = 0; i < n; ++i) {
      for (std::uint32_t j = 0; j < tau; ++j) {
        links.edges.push_back({i, static_cast<std::uint32_t>((i + (1ULL << j)) % n)});
      }
    }
  });
}

}  // namespace hansa::topology
