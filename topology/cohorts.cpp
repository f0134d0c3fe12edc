// Random cohorts are consecutive places in a random order; the inverse permutation tells who stands there.
#include "topology/cohorts.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include "topology/build.hpp"
#include "topology/permutation.hpp"

#include <algorithm>
#include <cmath>

namespace hansa::topology {
namespace {

std::uint64_t square_side(std::uint64_t parties) {
  auto side = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(parties)));
  while (side * side > parties) --side;
  while ((side + 1) * (side + 1) <= parties) ++side;
  return side;
}

std::vector<PartyId> on_grid(std::uint32_t parties, Round round, std::uint32_t party) {
  const auto side = static_cast<std::uint32_t>(square_side(parties));
  const bool rows = round % 2 == 0;
  std::vector<PartyId> members(side);
  for (std::uint32_t i = 0; i < side; ++i) {
    members[i] = PartyId{rows ? party / side * side + i : i * side + party % side};
  }
  return members;
}

}  // namespace

Result<void> check(const CohortOptions& options) {
  if (options.parties < 1)
    return usage_error("cohorts need at least one party", "raise the number of parties");
  if (!options.grid && options.size < 1)
    return usage_error("cohorts need a size of at least 1", "set size = 8");
  const std::uint64_t side = square_side(options.parties);
  if (options.grid && side * side != options.parties) {
    return usage_error("grid cohorts need a square number of parties, not " + std::to_string(options.parties),
                       "nearest sizes that fit: " + std::to_string(side * side) + " or " +
                           std::to_string((side + 1) * (side + 1)) + "; or set grid = false");
  }
  return {};
}

std::vector<PartyId> cohort_of(const CohortOptions& options, Round round, PartyId party) {
  HANSA_ASSERT(index(party) < options.parties && check(options).ok());
  const auto id = static_cast<std::uint32_t>(party);
  if (options.grid) return on_grid(options.parties, round, id);
  const Permutation order(Rng(options.seed, Purpose::cohort, ~0ULL, round).next(), options.parties);
  // The first `longer` cohorts have one member more.
  const std::uint32_t cohorts = std::max(1U, options.parties / options.size);
  const std::uint32_t size = options.parties / cohorts;
  const std::uint32_t longer = options.parties % cohorts;
  const std::uint32_t place = order(id);
  const std::uint32_t boundary = longer * (size + 1);
  std::uint32_t first = 0;
  std::uint32_t count = size;
  if (place < boundary) {
    count = size + 1;
    first = place / count * count;
  } else {
    first = boundary + (place - boundary) / size * size;
  }
  std::vector<PartyId> members(count);
  for (std::uint32_t i = 0; i < count; ++i) members[i] = PartyId{order.inverse(first + i)};
  std::sort(members.begin(), members.end());
  return members;
}

}  // namespace hansa::topology
