#include "sim/observer.hpp"

#include "sim/cohort_observer.hpp"
#include "sim/neighbourhood_observer.hpp"

#include <algorithm>
#include <utility>

namespace hansa::sim {
namespace {

// A round is over when every party has moved on by so much ...
constexpr Round kRoundsAfter = 2;
// ... or the fastest by so much: one that is down for ever must not keep all that follows in memory.
constexpr Round kRoundsKeptMax = 8;

}  // namespace

std::unique_ptr<Observer> make_observer(std::shared_ptr<const protocols::RunOptions> run,
                                        CohortsSource cohorts) {
  if (run->aggregation != protocols::Aggregation::secure) return nullptr;
  if (run->topology != nullptr) return std::make_unique<NeighbourhoodObserver>(std::move(run));
  return std::make_unique<CohortObserver>(std::move(run), std::move(cohorts));
}

void RoundsInUse::heard(PartyId from, Round round) {
  Round& latest = latest_[index(from)];
  if (round <= latest) return;
  if (--parties_at_[latest] == 0) parties_at_.erase(latest);
  ++parties_at_[round];
  latest = round;
}

Round RoundsInUse::first() const noexcept {
  const Round slowest = parties_at_.begin()->first, fastest = parties_at_.rbegin()->first;
  const auto less = [](Round round, Round by) { return round < by ? 0 : round - by + 1; };
  return std::max(less(slowest, kRoundsAfter), less(fastest, kRoundsKeptMax));
}

bool says_something(secure_sum::BytesView packet) noexcept {
  using secure_sum::PacketType;
  const auto type = packet.empty() ? PacketType{} : static_cast<PacketType>(packet[0]);
  return type == PacketType::chunk || type == PacketType::reveal || type == PacketType::result ||
         type == PacketType::audited;
}

}  // namespace hansa::sim
