// sigma maps a party to its place on the circle of the round; sigma^-1 says who stands at a place.
#include "topology/random_schedule.hpp"

#include <hansa/assert.hpp>
#include <hansa/rng.hpp>

#include "topology/build.hpp"
#include "topology/permutation.hpp"

#include <algorithm>

namespace hansa::topology {
namespace {

Permutation circle(std::uint64_t seed, Round round, std::uint32_t parties) {
  return {Rng(seed, Purpose::peer_choice, ~0ULL, round).next(), parties};
}

}  // namespace

Result<void> RandomSchedule::check(std::uint32_t parties, std::uint32_t fanout) {
  if (parties < 2)
    return usage_error("a random schedule needs at least 2 parties", "raise the number of parties");
  if (fanout < 1 || fanout >= parties) {
    return usage_error(
        "fanout " + std::to_string(fanout) + " does not fit " + std::to_string(parties) + " parties",
        "set fanout between 1 and " + std::to_string(parties - 1));
  }
  return {};
}

RandomSchedule::RandomSchedule(std::uint64_t seed, std::uint32_t parties, std::uint32_t fanout)
    : seed_(seed), parties_(parties), fanout_(fanout) {
  HANSA_ASSERT(parties >= 2 && fanout >= 1 && fanout < parties);
}

std::vector<PartyId> RandomSchedule::targets(Round round, PartyId party) const {
  HANSA_ASSERT(index(party) < parties_);
  const Permutation sigma = circle(seed_, round, parties_);
  std::uint64_t place = sigma(static_cast<std::uint32_t>(party));
  std::vector<PartyId> found(fanout_);
  for (PartyId& target : found) {
    place = place + 1 == parties_ ? 0 : place + 1;
    target = PartyId{sigma.inverse(static_cast<std::uint32_t>(place))};
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<PartyId> RandomSchedule::sources(Round round, PartyId party) const {
  HANSA_ASSERT(index(party) < parties_);
  const Permutation sigma = circle(seed_, round, parties_);
  std::uint32_t place = sigma(static_cast<std::uint32_t>(party));
  std::vector<PartyId> found(fanout_);
  for (PartyId& source : found) {
    place = place == 0 ? parties_ - 1 : place - 1;
    source = PartyId{sigma.inverse(place)};
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace hansa::topology
