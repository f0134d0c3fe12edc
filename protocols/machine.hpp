// The one contract of the architecture. A party is a pure state machine: it is told what happened and what
// time it is, and answers with effects. It reads no clock, draws no randomness it was not given, touches no
// socket, file or thread. The simulator, the actors of a live node and a test are three drivers of the same
// object.
//
// A driver feeds one input, performs the effects in order, and keeps one alarm for next_deadline(). A late,
// early or repeated alarm is harmless, because the machine compares with `now`: there are no timers to
// cancel. Nothing that follows a Persist may leave the process before the record is durable.
#pragma once

#include "protocols/beacon/record.hpp"
#include "protocols/entropy.hpp"
#include "protocols/messages.hpp"
#include "protocols/tasks.hpp"

#include <hansa/parameters.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace hansa::protocols {

using ComputeId = std::uint64_t;

/// Deliver `message` to `to`, if the network can.
struct Send {
  PartyId to{};
  Message message;
};

/// Perform `task` and come back with on_computed(id, ...), once.
struct Compute {
  ComputeId id = 0;
  Task task;
};

/// Why a party went on without a neighbour.
enum class MissReason : std::uint8_t {
  deadline,   ///< it was waited for, in vain
  suspected,  ///< it missed several rounds in a row, so it was not waited for
  down,       ///< the driver reported that it is gone, or it said itself that it does not take part
};

/// Why a message was dropped.
enum class RejectReason : std::uint8_t {
  unexpected_sender,  ///< not a neighbour in that round
  wrong_size,         ///< not the model's size or place
  bad_weight,         ///< not a positive number of a size that can be (also: a mass, an age)
  duplicate,          ///< already here
  late,               ///< its round is over
  too_many,           ///< the sender is too far ahead
  unexpected_type,    ///< this strategy does not use such a message
};

/// The party has `completed` rounds behind it. `model` is set when an evaluation is due, and after the last
/// round.
struct RoundCompleted {
  Round completed = 0;
  ParametersRef model;
  double loss_sum = 0;  ///< training loss of this round's local work, summed over `rows`
  std::uint64_t rows = 0;
};
/// The party mixed `round` without `peer`.
struct PeerMissing {
  Round round = 0;
  PartyId peer{};
  MissReason reason = MissReason::deadline;
};
/// The party found its peers ahead and joined them at round `to`.
struct RoundsSkipped {
  Round from = 0, to = 0;
};
/// A message was dropped.
struct Rejected {
  PartyId from{};
  RejectReason reason = RejectReason::duplicate;
};
/// The party is done; it may be said again if mass arrives afterwards.
struct Finished {
  ParametersRef model;
  double mass = 1;  ///< push-sum weight; 1 elsewhere
};
/// A secure sum is over for this party.
struct SumEnded {
  Round round = 0;
  std::uint32_t attempt = 0;
  PartyId first_member{};  ///< with round and attempt, names the session; neighbourhoods: the receiver
  std::uint32_t members = 0;
  std::uint32_t contributors = 0;  ///< whose inputs are in the sum; 0 if it was given up
  bool whole = false;  ///< no piece of it is missing; in a cohort, whoever has it holds the same model
};
/// This party could not contribute to the sum of `round`: its model is not finite.
struct ContributionRefused {
  Round round = 0;
};
/// A member of this party's secure sum broke the protocol; what it signed is evidence.
struct MemberCaught {
  Round round = 0;
  PartyId peer{};
  std::uint8_t misdeed = 0;  ///< secure_sum::Misdeed
};
/// The ceremony before the training is over for this party (protocols/beacon/).
struct BeaconDrawn {
  std::shared_ptr<const beacon::BeaconRecord> record;  ///< never null
};
using Event = std::variant<RoundCompleted, PeerMissing, RoundsSkipped, Rejected, Finished, SumEnded,
                           ContributionRefused, MemberCaught, BeaconDrawn>;

/// Tell whoever watches: metrics, reports, checkers.
struct Emit {
  Event event;
};

/// A push-sum share that its receiver has not acknowledged.
struct PendingShare {
  PartyId to{};
  std::uint64_t sequence = 0;
  Round round = 0;
  double mass = 0;
  ParametersRef model;
};
/// Which shares of one sender have been absorbed: all up to `through`, and some above it.
struct AbsorbedShares {
  PartyId from{};
  std::uint64_t through = 0;
  std::vector<std::uint64_t> above;  ///< ascending
};

/// All a party needs to go on after a crash.
struct Record {
  Round round = 0;  ///< the round whose training is in `model`; with secure sums the one that begins with it
  ParametersRef model;
  ParametersRef optimiser_state;
  double mass = 1;  ///< push-sum: mass held; cohort: average weight in the last cohort
  std::uint64_t age = 0;
  bool finished = false;
  std::vector<PendingShare> pending;
  std::vector<AbsorbedShares> absorbed;
  std::vector<std::pair<PartyId, std::uint64_t>> shares_sent;  ///< push-sum: last sequence per receiver
  std::shared_ptr<const beacon::BeaconRecord> beacon;          ///< cohorts from a beacon; else null
};

/// Make `record` durable; it replaces the previous one. Later effects wait for it.
struct Persist {
  Record record;
};

using Effect = std::variant<Send, Compute, Emit, Persist>;

/// An ordered list of effects, filled by a machine and emptied by its driver.
class Effects {
 public:
  void send(PartyId to, Message message) { items_.emplace_back(Send{to, std::move(message)}); }
  void compute(ComputeId id, Task task) { items_.emplace_back(Compute{id, std::move(task)}); }
  void emit(Event event) { items_.emplace_back(Emit{std::move(event)}); }
  void persist(Record record) { items_.emplace_back(Persist{std::move(record)}); }

  [[nodiscard]] std::span<Effect> items() noexcept { return items_; }
  [[nodiscard]] std::span<const Effect> items() const noexcept { return items_; }
  void clear() noexcept { items_.clear(); }

 private:
  std::vector<Effect> items_;
};

/// Not thread-safe: a driver calls one machine from one place at a time, with `now` never going back.
class Machine {
 public:
  virtual ~Machine() = default;

  // Commands.
  /// First call, once: begins, or goes on where the restored record ended.
  virtual void start(Time now, Effects& out) = 0;

  // Events.
  virtual void on_message(PartyId from, Message message, Time now, Effects& out) = 0;
  virtual void on_computed(ComputeId id, Computed result, Time now, Effects& out) = 0;
  virtual void on_deadline(Time now, Effects& out) = 0;
  /// The driver's failure detector gave up on `peer`. A message from it later is proof that it is back.
  virtual void on_peer_down(PartyId peer, Time now, Effects& out) = 0;

  // What the driver must do.
  /// When on_deadline wants to be called; none if only a message or a computation can go on.
  [[nodiscard]] virtual std::optional<Time> next_deadline() const = 0;

  // Getters.
  [[nodiscard]] virtual bool finished() const = 0;
  [[nodiscard]] virtual Round round() const = 0;
};

}  // namespace hansa::protocols
