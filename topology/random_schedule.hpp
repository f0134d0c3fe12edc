// A fresh random graph every round that nobody has to announce (EL-Oracle in de Vos et al., "Epidemic
// Learning: boosting decentralized learning with randomized communication", NeurIPS 2023). In round r the
// parties are put on a circle in a random order that follows from (seed, r), and everybody sends to the next
// `fanout` on the circle.
#pragma once

#include <hansa/result.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <vector>

namespace hansa::topology {

/// Every party sends to, and receives from, exactly `fanout` distinct others in every round. Stateless,
/// thread-safe.
class RandomSchedule {
 public:
  /// Errors: fewer than 2 parties; a fanout of 0 or not below the number of parties.
  static Result<void> check(std::uint32_t parties, std::uint32_t fanout);

  /// `parties` and `fanout` must pass check().
  RandomSchedule(std::uint64_t seed, std::uint32_t parties, std::uint32_t fanout);

  [[nodiscard]] std::uint32_t parties() const noexcept { return parties_; }
  [[nodiscard]] std::uint32_t fanout() const noexcept { return fanout_; }

  /// Whom `party` sends to in `round`, ascending by id, never itself. O(fanout log fanout).
  [[nodiscard]] std::vector<PartyId> targets(Round round, PartyId party) const;
  /// Whom `party` receives from in `round`, ascending by id: those that have it among their targets.
  [[nodiscard]] std::vector<PartyId> sources(Round round, PartyId party) const;

 private:
  std::uint64_t seed_;
  std::uint32_t parties_;
  std::uint32_t fanout_;
};

}  // namespace hansa::topology
