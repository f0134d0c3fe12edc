// One participant of a round-based training run. A round is: train on local data, exchange, mix. The party
// never waits for ever: every exchange has a deadline that adapts to what peers really take; at the deadline
// it goes on with whoever is present and says who was missing and why. Peers that keep missing are no longer
// waited for until they are heard again. A party that comes back from a crash and finds its peers two or more
// rounds ahead joins them where they are.
//
// In a healthy network no deadline fires, so round r mixes exactly the round-r messages of the senders that
// (seed, round) determines, in id order: the result does not depend on who was faster.
#pragma once

#include "protocols/machine.hpp"
#include "protocols/party/deadline.hpp"
#include "protocols/party/options.hpp"
#include "protocols/party/strategy.hpp"

#include <hansa/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace hansa::protocols {

/// Not thread-safe. At rest about half a KiB plus its model.
class Party final : public Machine {
 public:
  Party(PartyOptions options, std::unique_ptr<Strategy> strategy);

  void start(Time now, Effects& out) override;
  void on_message(PartyId from, Message message, Time now, Effects& out) override;
  void on_computed(ComputeId id, Computed result, Time now, Effects& out) override;
  void on_deadline(Time now, Effects& out) override;
  void on_peer_down(PartyId peer, Time now, Effects& out) override;
  [[nodiscard]] std::optional<Time> next_deadline() const override;
  [[nodiscard]] bool finished() const override { return phase_ == Phase::finished; }
  [[nodiscard]] Round round() const override { return round_; }

  /// Mass held: 1 unless the strategy is push-sum. For checkers.
  [[nodiscard]] double mass() const noexcept { return strategy_->mass(); }
  /// Everything that would survive a crash now. For checkers.
  [[nodiscard]] Record record() const;
  /// Asserts what must always hold; for tests.
  void check_invariants() const;

 private:
  enum class Phase : std::uint8_t { idle, training, collecting, mixing, finished };
  enum class Answer : std::uint8_t { awaited, arrived, not_awaited };
  struct Expected {
    PartyId peer{};
    Answer answer = Answer::awaited;
  };
  struct Misses {
    PartyId peer{};
    std::uint32_t count = 0;
    bool down = false;
  };

  // The round, in the order things happen (party.cpp).
  void begin_training(ParametersRef from, Effects& out);
  void trained(Computed result, Time now, Effects& out);
  void begin_exchange(std::uint32_t step, Time now, Effects& out);
  void mix(Effects& out);
  void complete_round(Computed result, Time now, Effects& out);
  void finish(ParametersRef model, Effects& out);
  void absorb_late(Effects& out);
  void compute(Task task, Effects& out);
  [[nodiscard]] bool trains_in(Round round) const noexcept;

  // What arrives, and what does not (party_inbox.cpp).
  void store(Received received, Time now, Effects& out);
  void collect_early_arrivals();
  bool accept_now(const Received& received) noexcept;
  std::vector<Received> take_arrived();
  void account_for_missing(Effects& out);
  bool join_peers_ahead(Time now, Effects& out);
  void heard_from(PartyId peer, Time now);
  [[nodiscard]] Misses& misses_of(PartyId peer);
  [[nodiscard]] Misses* find_misses(PartyId peer) noexcept;
  [[nodiscard]] bool too_many_from(PartyId sender) const noexcept;

  std::shared_ptr<const RunOptions> run_;
  std::unique_ptr<Record> restored_;  // until start()
  std::unique_ptr<Strategy> strategy_;
  Phase phase_ = Phase::idle;
  Round round_ = 0;
  std::uint32_t step_ = 0;
  ComputeId compute_id_ = 0;
  bool computing_ = false;
  ParametersRef model_;  // trained in round_; after the end, the final model
  ParametersRef own_;    // what this exchange is about: model_, or the previous step's result
  ParametersRef optimiser_state_;
  double loss_sum_ = 0;  // of round_'s training
  std::uint64_t loss_rows_ = 0;
  Time exchange_began_{};
  std::optional<Time> deadline_;
  DeadlineEstimator estimator_;
  Round timed_out_round_ = ~Round{0};  // the last round that ended at its deadline, and when it began
  Time timed_out_began_{};
  std::vector<Expected> expected_;  // ascending by peer
  std::uint32_t awaited_ = 0;       // entries of expected_ that are still awaited
  std::vector<PartyId> scratch_;
  std::vector<Received> inbox_;  // in order of arrival
  std::vector<Misses> misses_;   // ascending by peer; only peers that are missing now
};

}  // namespace hansa::protocols
