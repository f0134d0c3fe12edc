// Cohort averaging in which no party sees another party's model: each round's cohort runs a secure sum
// (protocols/secure_sum/) over fixed-point models, and only the exact weighted average becomes known to its
// members. Rounds, cohorts, pieces and weights are those of the plain `cohort` strategy, so with nobody
// missing the models equal those of aggregation = "plain-fixed" bit for bit.
//
// A sum that is given up before anything masked has left (somebody did not even begin) is tried again without
// the missing, with new keys, as long as the cohort's threshold can be met. After that point the input is
// spent: the party keeps its own model for this round and goes on. A party that comes back from a crash sits
// out the round it was in, because its old session's keys are gone.
#pragma once

#include "protocols/gossip/pieces.hpp"
#include "protocols/machine.hpp"
#include "protocols/party/options.hpp"
#include "protocols/secure_sum/session.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace hansa::protocols {

/// The colluders a cohort of `members` tolerates: as configured, or a third of the members, at least one.
[[nodiscard]] std::size_t colluders_in(const SecureOptions& secure, std::size_t members) noexcept;

/// What every sum over a cohort keeps to.
struct SumThresholds {
  std::size_t colluders = 0;  ///< f: so many may work together and learn nothing but the sum
  std::size_t votes = 0;      ///< t: the fewest inputs that a sum may have
};
/// Of a cohort of `members` >= 3. They hold for every attempt at its sum, also one without some members. If
/// they shrank with each attempt, colluders could keep silent towards chosen members, have them count as
/// missing, and end in a sum with hardly anybody but themselves.
[[nodiscard]] SumThresholds thresholds_in(const SecureOptions& secure, std::size_t members) noexcept;

/// Not thread-safe. Needs options.identity, options.entropy and run.secure.roster.
class SecureCohort final : public Machine {
 public:
  explicit SecureCohort(PartyOptions options);

  void start(Time now, Effects& out) override;
  void on_message(PartyId from, Message message, Time now, Effects& out) override;
  void on_computed(ComputeId id, Computed result, Time now, Effects& out) override;
  void on_deadline(Time now, Effects& out) override;
  void on_peer_down(PartyId, Time, Effects&) override {}  // the session's own deadlines decide
  [[nodiscard]] std::optional<Time> next_deadline() const override;
  [[nodiscard]] bool finished() const override { return phase_ == Phase::finished; }
  [[nodiscard]] Round round() const override { return round_; }

 private:
  enum class Phase : std::uint8_t { idle, training, encoding, summing, masking, decoding, finished };
  /// A session and what it is about. It is kept until the next one is over, for members that still need its
  /// sums.
  struct Sum {
    Round round = 0;
    std::uint32_t attempt = 0;
    std::vector<PartyId> members;
    SumThresholds thresholds;         ///< of the whole cohort
    std::vector<Piece> pieces;        ///< by chunk; a member whose piece is empty has none
    std::vector<std::size_t> owners;  ///< by chunk: position of its owner in `members`
    secure_sum::FixedPointFormat format;
    std::optional<secure_sum::SecAggSession> session;
  };
  /// The unmasking of an audited chunk, which goes on beside the next round.
  struct Audit {
    ComputeId id = 0;
    Round round = 0;
    std::uint32_t attempt = 0;
  };
  struct Early {
    PartyId from{};
    SecurePacketMessage message;
  };

  void begin_training(ParametersRef from, Effects& out);
  void trained(Computed result, Time now, Effects& out);
  void begin_sum(Time now, Effects& out);
  void begin_session(secure_sum::Bytes lanes, Time now, Effects& out);
  [[nodiscard]] secure_sum::SessionPlan plan(const Sum& sum) const;
  void perform(Sum& sum, secure_sum::SessionEffects effects, Time now, Effects& out);
  void audited(Computed result, Time now, Effects& out);
  void ended(Time now, Effects& out);
  void go_on_alone(Time now, Effects& out);
  [[nodiscard]] bool join_peers_ahead(Time now, Effects& out);
  void complete_round(ParametersRef model, Time now, Effects& out);
  void store_early(PartyId from, SecurePacketMessage message, Effects& out);
  void deliver_early(Time now, Effects& out);
  void compute(Task task, Effects& out);
  [[nodiscard]] bool trains_in(Round round) const noexcept;
  [[nodiscard]] double weight() const noexcept;
  [[nodiscard]] Record record() const;
  [[nodiscard]] Sum* sum_of(Round round, std::uint32_t attempt) noexcept;

  PartyOptions options_;
  const RunOptions& run_;
  Phase phase_ = Phase::idle;
  Round round_ = 0;
  std::uint32_t attempt_ = 0;
  std::vector<PartyId> excluded_;  ///< from this round's further attempts, ascending
  ComputeId compute_id_ = 0;
  bool computing_ = false;
  std::optional<secure_sum::MaskJob> mask_job_;
  std::optional<Audit> audit_;
  std::uint64_t audits_ = 0;
  ParametersRef model_, optimiser_state_;
  double loss_sum_ = 0;
  std::uint64_t loss_rows_ = 0;
  double carried_weight_;
  std::unique_ptr<Sum> current_, previous_;
  std::vector<Early> early_;
};

}  // namespace hansa::protocols
