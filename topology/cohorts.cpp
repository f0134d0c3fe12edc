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

std::vector<PartyId> on_grid(std::uint32_t parties, Round round, std::uint32_t place) {
  const auto side = static_cast<std::uint32_t>(square_side(parties));
  const bool rows = round % 2 == 0;
  std::vector<PartyId> members(side);
  for (std::uint32_t i = 0; i < side; ++i) {
    members[i] = PartyId{rows ? place / side * side + i : i * side + place % side};
  }
  return members;
}

/// The grid of a draw: its cells are given out once, so that rows and columns still meet.
std::vector<PartyId> on_drawn_grid(const CohortOptions& options, Round round, std::uint32_t party) {
  constexpr Round kNoRound = ~Round{0};
  const Permutation cells(options.draw->key(kNoRound), options.parties);
  std::vector<PartyId> members = on_grid(options.parties, round, cells(party));
  for (PartyId& member : members) member = PartyId{cells.inverse(static_cast<std::uint32_t>(member))};
  std::sort(members.begin(), members.end());
  const std::vector<PartyId>& all = options.draw->members;
  std::erase_if(members, [&](PartyId id) { return !std::binary_search(all.begin(), all.end(), id); });
  return members;
}

/// Numbers of those who stand with number `self` of `parties`, in the order that `key` gives, cut into
/// cohorts.
std::vector<std::uint32_t> in_order(std::uint64_t key, std::uint32_t parties, std::uint32_t cohort_size,
                                    std::uint32_t self) {
  const Permutation order(key, parties);
  // The first `longer` cohorts have one member more.
  const std::uint32_t cohorts = std::max(1U, parties / cohort_size);
  const std::uint32_t size = parties / cohorts;
  const std::uint32_t longer = parties % cohorts;
  const std::uint32_t place = order(self);
  const std::uint32_t boundary = longer * (size + 1);
  std::uint32_t first = 0;
  std::uint32_t count = size;
  if (place < boundary) {
    count = size + 1;
    first = place / count * count;
  } else {
    first = boundary + (place - boundary) / size * size;
  }
  std::vector<std::uint32_t> members(count);
  for (std::uint32_t i = 0; i < count; ++i) members[i] = order.inverse(first + i);
  std::sort(members.begin(), members.end());
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
  std::vector<PartyId> members;
  if (options.draw == nullptr) {
    if (options.grid) return on_grid(options.parties, round, id);
    const std::uint64_t key = Rng(options.seed, Purpose::cohort, ~0ULL, round).next();
    for (const std::uint32_t i : in_order(key, options.parties, options.size, id))
      members.push_back(PartyId{i});
    return members;
  }
  const std::vector<PartyId>& all = options.draw->members;
  const auto self = std::lower_bound(all.begin(), all.end(), party);
  if (self == all.end() || *self != party) return {party};
  if (options.grid) return on_drawn_grid(options, round, id);
  for (const std::uint32_t i : in_order(options.draw->key(round), static_cast<std::uint32_t>(all.size()),
                                        options.size, static_cast<std::uint32_t>(self - all.begin()))) {
    members.push_back(all[i]);
  }
  return members;
}

}  // namespace hansa::topology
