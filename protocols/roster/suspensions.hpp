// Keeping a member out in an emergency, until there can be a vote: any two other organisations suffice, for
// at most 72 hours, renewable once; then the same subject is safe from it for 30 days after the beginning.
// Who demanded it, and why, is signed and stays visible.
#pragma once

#include "protocols/roster/layout.hpp"

#include <optional>
#include <set>
#include <vector>

namespace hansa::protocols::roster {

inline constexpr std::size_t kAccusersNeeded = 2;

/// A suspension that is in force.
struct ActiveSuspension {
  PublicKey subject{};
  UnixTime since = 0, until = 0;
  std::vector<Suspension> demands;  ///< the ones that count, ascending by accuser
};

/// Not thread-safe. The caller has checked signatures.
class Suspensions {
 public:
  /// False if it is here already, or if its accuser may not (again) demand it: one demand and one renewal
  /// while the demand lasts, then a pause of 30 days.
  bool add(const Suspension& demand);
  /// The demands against `subject` of accusers in `electorate` that are in force at `now`.
  [[nodiscard]] std::optional<ActiveSuspension> active(const PublicKey& subject,
                                                       const std::set<PublicKey>& electorate,
                                                       UnixTime now) const;
  /// Drops what can matter no more.
  void forget_before(UnixTime now);
  [[nodiscard]] const std::vector<Suspension>& all() const noexcept { return demands_; }

 private:
  std::vector<Suspension> demands_;  ///< ascending by (subject, accuser, issued_at)
};

}  // namespace hansa::protocols::roster
