// D-PSGD in which no party sees a neighbour's model: each round every party is the receiver of one secure sum
// (protocols/secure_sum/) over its neighbours' weighted models, and an input of its neighbours' sums, all at
// the same time. It adds its own weighted model to what it receives. Graph, rounds and weights are those of
// plain `d-psgd`, so with nobody missing the models equal those of aggregation = "plain-fixed" bit for bit.
// CESAR (Biswas et al. 2024) masks in the same groups.
//
// A neighbour's neighbours may be strangers to each other, so they talk through the receiver, which can hold
// their packets back but neither read nor change them. A sum needs every single neighbour: a second sum over
// fewer of them would reveal the difference, so if one is missing the receiver keeps its own model for this
// round. A model enters one sum per neighbour, encoded and masked anew for each; the rule that an input is
// spent with its first masked byte holds within each sum, and says nothing about the others. What two
// receivers that work together learn from that is why check_neighbourhoods() refuses small neighbourhoods.
#pragma once

#include "protocols/machine.hpp"
#include "protocols/party/options.hpp"
#include "protocols/secure_sum/session.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace hansa::protocols {

/// The sum that `receiver` collects in `round`: its neighbours, ascending, give the inputs, and it owns the
/// only chunk.
[[nodiscard]] secure_sum::SessionPlan neighbourhood_plan(const RunOptions& run, Round round,
                                                         PartyId receiver);

/// Not thread-safe. Needs options.identity, options.entropy, run.secure.roster, and a run.topology that
/// check_neighbourhoods() accepts.
class SecureNeighbourhood final : public Machine {
 public:
  explicit SecureNeighbourhood(PartyOptions options);

  void start(Time now, Effects& out) override;
  void on_message(PartyId from, Message message, Time now, Effects& out) override;
  void on_computed(ComputeId id, Computed result, Time now, Effects& out) override;
  void on_deadline(Time now, Effects& out) override;
  void on_peer_down(PartyId peer, Time now, Effects& out) override;
  [[nodiscard]] std::optional<Time> next_deadline() const override;
  [[nodiscard]] bool finished() const override { return phase_ == Phase::finished; }
  [[nodiscard]] Round round() const override { return round_; }

 private:
  enum class Phase : std::uint8_t { idle, training, summing, decoding, finished };
  enum class Job : std::uint8_t { train, encode, mask, decode };
  /// One sum of this round.
  struct Sum {
    PartyId receiver{};
    std::vector<PartyId> members;  ///< the receiver's neighbours, ascending, then the receiver
    secure_sum::FixedPointFormat format;
    std::optional<secure_sum::SecAggSession> session;  ///< none while our input is encoded, and afterwards
    bool over = false;
  };
  /// A task that was asked for. `of` counts sums_ or encodings_.
  struct Running {
    ComputeId id = 0;
    Job job{};
    std::size_t of = 0;
    secure_sum::MaskJob mask{};
  };
  /// Sums that get the same elements from us.
  struct Encoding {
    double weight = 0;
    std::vector<std::size_t> sums;
  };
  /// What a neighbour, in the order of the topology, has shown of itself.
  struct Peer {
    Round reached = 0;          ///< one past the latest round that it has spoken in
    std::uint32_t misses = 0;   ///< rounds in a row in which our sum waited for it in vain
    std::uint32_t relayed = 0;  ///< packets that we sent on for it in this round
  };
  struct Early {
    PartyId from{};
    RelayedPacketMessage message;
  };

  // The round, in the order things happen (secure_neighbourhood.cpp).
  void begin_training(ParametersRef from, Effects& out);
  void trained(Computed result, Time now, Effects& out);
  void skip_to_peers(Effects& out);
  void begin_sums(Time now, Effects& out);
  [[nodiscard]] Sum make_sum(PartyId receiver) const;
  void encode_inputs(Effects& out);
  void encoded(const Encoding& encoding, Computed result, Time now, Effects& out);
  void begin_session(Sum& sum, std::shared_ptr<secure_sum::SecureInput> input, Time now, Effects& out);
  void perform(Sum& sum, secure_sum::SessionEffects effects, Effects& out);
  void ended(Sum& sum, Effects& out);
  void settle(Time now, Effects& out);
  void decode(Effects& out);
  void complete_round(ParametersRef model, Time now, Effects& out);
  ComputeId compute(Task task, Effects& out);

  // What arrives, and what is given up (secure_neighbourhood_inbox.cpp).
  [[nodiscard]] std::optional<RejectReason> refuse(PartyId from, const RelayedPacketMessage& message) const;
  void hear(std::size_t peer, Round round, Effects& out);
  void deliver(PartyId from, RelayedPacketMessage message, Time now, Effects& out);
  [[nodiscard]] bool relay(PartyId from, const RelayedPacketMessage& message, Effects& out);
  void store_early(PartyId from, RelayedPacketMessage message, Effects& out);
  void deliver_early(Time now, Effects& out);
  void send_packet(const Sum& sum, secure_sum::Set to, std::shared_ptr<const secure_sum::Bytes> packet,
                   Effects& out) const;
  void miss_silent_peers(Effects& out);
  void leave_hopeless(Effects& out);
  void leave(Sum& sum, Effects& out);
  void say_leaving(PartyId receiver, Effects& out) const;
  void close(Sum& sum, std::uint32_t contributors, Effects& out);
  [[nodiscard]] bool suspected(const Peer& peer) const noexcept { return peer.misses >= run_.suspect_after; }

  [[nodiscard]] std::size_t degree() const noexcept { return peers_.size(); }
  [[nodiscard]] std::span<const topology::Neighbour> neighbours(PartyId party) const noexcept;
  [[nodiscard]] PartyId neighbour(std::size_t peer) const noexcept;
  /// Position among our neighbours; degree() if it is none.
  [[nodiscard]] std::size_t position(PartyId party) const noexcept;
  [[nodiscard]] bool is_own(const Sum& sum) const noexcept { return sum.receiver == options_.self; }
  [[nodiscard]] Sum& own_sum() noexcept { return sums_.back(); }
  [[nodiscard]] double weight_in(std::size_t sum) const;
  [[nodiscard]] bool trains_in(Round round) const noexcept;
  [[nodiscard]] bool runs(Job job) const noexcept;
  [[nodiscard]] Record record() const;

  PartyOptions options_;
  const RunOptions& run_;
  Phase phase_ = Phase::idle;
  Round round_ = 0;
  ComputeId compute_id_ = 0;
  std::vector<Running> running_;
  ParametersRef model_, optimiser_state_;
  double loss_sum_ = 0;
  std::uint64_t loss_rows_ = 0;
  std::vector<Peer> peers_;  ///< the neighbours, ascending
  std::vector<Sum> sums_;    ///< one per neighbour, in that order, then our own
  std::vector<Encoding> encodings_;
  secure_sum::Bytes own_lanes_;  ///< our model as it enters our own mean
  secure_sum::Bytes received_;   ///< the sum that we received; empty until it is here
  std::vector<Early> early_;
};

}  // namespace hansa::protocols
