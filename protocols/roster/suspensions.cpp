#include "protocols/roster/suspensions.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace hansa::protocols::roster {
namespace {

auto order(const Suspension& demand) {
  return std::tie(demand.subject, demand.accuser, demand.issued_at, demand.renewal);
}

/// The accusers whose demand lasts at `now`.
std::set<PublicKey> accusers_at(const std::vector<const Suspension*>& demands, UnixTime now) {
  std::set<PublicKey> out;
  for (const Suspension* demand : demands) {
    if (demand->issued_at <= now && now < demand->issued_at + kSuspensionLifetime)
      out.insert(demand->accuser);
  }
  return out;
}

}  // namespace

bool Suspensions::add(const Suspension& demand) {
  const auto at =
      std::lower_bound(demands_.begin(), demands_.end(), demand,
                       [](const Suspension& a, const Suspension& b) { return order(a) < order(b); });
  if (at != demands_.end() && order(*at) == order(demand)) return false;
  bool renews = false;
  for (const Suspension& other : demands_) {
    if (other.subject != demand.subject || other.accuser != demand.accuser) continue;
    const UnixTime apart = demand.issued_at - other.issued_at;
    if (demand.renewal) {
      renews = renews || (!other.renewal && apart >= 0 && apart <= kSuspensionLifetime);
      if (other.renewal && std::max(apart, -apart) < kSuspensionPause) return false;
    } else if (std::max(apart, -apart) < kSuspensionPause && !other.renewal) {
      return false;
    }
  }
  if (demand.renewal && !renews) return false;
  demands_.insert(at, demand);
  return true;
}

std::optional<ActiveSuspension> Suspensions::active(const PublicKey& subject,
                                                    const std::set<PublicKey>& electorate,
                                                    UnixTime now) const {
  std::vector<const Suspension*> demands;
  for (const Suspension& demand : demands_) {
    if (demand.subject == subject && electorate.contains(demand.accuser)) demands.push_back(&demand);
  }
  std::stable_sort(demands.begin(), demands.end(),
                   [](const Suspension* a, const Suspension* b) { return a->issued_at < b->issued_at; });
  // Episodes begin where a second accuser joins, and not before the pause after the last one is over.
  std::optional<UnixTime> begun;
  for (const Suspension* demand : demands) {
    if (demand->issued_at > now) break;
    if (begun && demand->issued_at < *begun + kSuspensionPause) continue;
    if (accusers_at(demands, demand->issued_at).size() >= kAccusersNeeded) begun = demand->issued_at;
  }
  if (!begun || now >= *begun + 2 * kSuspensionLifetime) return std::nullopt;
  if (accusers_at(demands, now).size() < kAccusersNeeded) return std::nullopt;
  ActiveSuspension out{.subject = subject, .since = *begun};
  std::map<PublicKey, UnixTime> ends;  // of each accuser's last demand that has begun
  for (const Suspension* demand : demands) {
    if (demand->issued_at > now || now >= demand->issued_at + kSuspensionLifetime) continue;
    out.demands.push_back(*demand);
    UnixTime& end = ends[demand->accuser];
    end = std::max(end, demand->issued_at + kSuspensionLifetime);
  }
  std::vector<UnixTime> sorted;
  for (const auto& [accuser, end] : ends) sorted.push_back(end);
  std::sort(sorted.rbegin(), sorted.rend());
  out.until = std::min(sorted[kAccusersNeeded - 1], *begun + 2 * kSuspensionLifetime);
  std::stable_sort(out.demands.begin(), out.demands.end(),
                   [](const Suspension& a, const Suspension& b) { return a.accuser < b.accuser; });
  return out;
}

void Suspensions::forget_before(UnixTime now) {
  std::erase_if(demands_, [&](const Suspension& demand) {
    return demand.issued_at + kSuspensionPause + 2 * kSuspensionLifetime < now;
  });
}

}  // namespace hansa::protocols::roster
