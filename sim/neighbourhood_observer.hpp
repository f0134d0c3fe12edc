// The adversary of secure sums over the neighbourhoods of a graph. There one model enters a sum of every
// neighbour of its owner, so that receivers that work together hold several equations about the same models;
// what follows is computed over all the sums of a round together (El Mrini et al. 2024 attack like this).
//
// The colluders are drawn anew for each round, close together, where their sums overlap most: one party, and
// the others among its neighbours and theirs. As many as a neighbourhood promises to withstand.
#pragma once

#include "sim/observer.hpp"

#include <map>
#include <memory>
#include <vector>

namespace hansa::sim {

/// Not thread-safe.
class NeighbourhoodObserver final : public Observer {
 public:
  /// `run` is that of an aggregation = "secure" run on an undirected graph that does not change.
  explicit NeighbourhoodObserver(std::shared_ptr<const protocols::RunOptions> run);

  void on_sent(PartyId from, PartyId to, const protocols::Message& message) override;
  void on_delivered(PartyId from, PartyId to, const protocols::Message& message) override;
  Findings close() override;
  [[nodiscard]] std::size_t rounds_kept() const noexcept override { return rounds_.size(); }

  /// The parties that work together in `round`, ascending.
  [[nodiscard]] static std::vector<PartyId> coalition_of(const protocols::RunOptions& run, Round round);

 private:
  struct RoundFacts {
    std::vector<PartyId> coalition;
    std::map<PartyId, secure_sum::CoalitionView> sums;  // by receiver
  };
  void hold(PartyId by, const protocols::RelayedPacketMessage& message);
  [[nodiscard]] secure_sum::CoalitionView view_of(const RoundFacts& facts, PartyId receiver) const;
  void judge(const RoundFacts& facts);

  std::shared_ptr<const protocols::RunOptions> run_;
  std::map<Round, RoundFacts> rounds_;
  RoundsInUse in_use_;
  Findings findings_;
};

}  // namespace hansa::sim
