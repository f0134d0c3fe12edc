// Cohort averaging in which no party sees another party's model: each round's cohort runs a secure sum
// (protocols/secure_sum/) over fixed-point models, and only the exact weighted average becomes known to its
// members. Rounds, cohorts, pieces and weights are those of the plain `cohort` strategy, so with nobody
// missing the models equal those of aggregation = "plain-fixed" bit for bit.
//
// A round's session begins together with its training: keys, shares and masks need no model, so only the
// masked model itself is left to send when training ends. Setting up waits as long as the own training takes;
// then, and for the others' models, a party waits as long as recent rounds suggest
// (protocols/party/deadline).
//
// A sum that is given up before anything masked has left (somebody did not even begin) is tried again without
// the missing, with new keys, as long as the cohort's threshold can be met. After setup the input is spent:
// the party keeps its own model for this round and goes on. A party whose training takes too long for the
// others helps to complete their sum and takes their average. One that comes back from a crash sits out the
// round it was in, because its old session's keys are gone.
//
// If all parties are one cohort, who has missed thirty rounds in a row is not waited for until it is heard
// of again; from then on it costs the others one failed setup a round, and no time. Before, they wait at each
// round's deadline: a restart or a short partition would else have them end the run without its rows. Whoever
// is left behind follows as soon as so many have gone on that those who are left can complete no sum.
//
// What the last round's sum lacks is not taken from the own model but from the one before the round, if that
// was a whole sum: so members who lack the same still end with the same model, and none ends with values of
// its own that others may then see.
//
// In the 16-bit ring the members sum differences from the last model that they agreed on. Its hash is a part
// of the sum's name, so members whose bases differ cannot even set up a session; the next attempt then sums
// whole models in 32 bits, which gives them a base in common again.
#pragma once

#include "protocols/gossip/pieces.hpp"
#include "protocols/machine.hpp"
#include "protocols/party/deadline.hpp"
#include "protocols/party/options.hpp"
#include "protocols/secure_sum/session.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
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

/// How models become the integers of a sum.
struct SumTerms {
  crypto::Lane lane{};
  double clip = 0;
  double fraction = 1;  ///< of each piece's coordinates
  bool deltas = false;  ///< differences from the common base are summed
};
/// In `attempt` at a cohort's sum.
[[nodiscard]] SumTerms terms_in(const SecureOptions& secure, std::uint32_t attempt) noexcept;

/// Not thread-safe. Needs options.identity, options.entropy and run.secure.roster.
class SecureCohort final : public Machine {
 public:
  explicit SecureCohort(PartyOptions options);

  void start(Time now, Effects& out) override;
  void on_message(PartyId from, Message message, Time now, Effects& out) override;
  void on_computed(ComputeId id, Computed result, Time now, Effects& out) override;
  void on_deadline(Time now, Effects& out) override;
  void on_peer_down(PartyId peer, Time now, Effects& out) override;
  [[nodiscard]] std::optional<Time> next_deadline() const override;
  [[nodiscard]] bool finished() const override { return phase_ == Phase::finished; }
  [[nodiscard]] Round round() const override { return round_; }

 private:
  /// What this party itself is at; the round's session goes on beside it.
  enum class Phase : std::uint8_t { idle, training, encoding, ready, decoding, finished };
  /// How the round's last session ended.
  enum class End : std::uint8_t { sum, alone };
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
    secure_sum::Compression compression;
    bool deltas = false;  ///< differences from the common base are summed
    std::optional<secure_sum::SecAggSession> session;
  };
  /// A mask task under way; it goes on beside the party's own work.
  struct Masking {
    ComputeId id = 0;
    Round round = 0;
    std::uint32_t attempt = 0;
    secure_sum::MaskJob job{};
  };
  struct Early {
    PartyId from{};
    SecurePacketMessage message;
  };

  // The round (secure_cohort.cpp).
  void begin_round(bool trains, Time now, Effects& out);
  void trained(Computed result, Time now, Effects& out);
  void encoded(Computed result, Time now, Effects& out);
  void decoded(Computed result, Time now, Effects& out);
  void go_on(Time now, Effects& out);
  void complete_round(ParametersRef model, Time now, Effects& out);
  void compute(Phase phase, Task task, Effects& out);
  [[nodiscard]] bool trains_in(Round round) const noexcept;
  [[nodiscard]] double weight() const noexcept;
  [[nodiscard]] Record record() const;

  // Its session (secure_cohort_sum.cpp).
  void open_sum(Time now, Effects& out);
  [[nodiscard]] bool can_encode() const;
  void set_terms(Sum& sum) const;
  [[nodiscard]] crypto::Hash256 task_of(const Sum& sum) const;
  [[nodiscard]] secure_sum::SessionPlan plan(const Sum& sum) const;
  [[nodiscard]] EncodeInput encoding() const;
  [[nodiscard]] DecodeSums decoding() const;
  void withhold(Time now, Effects& out);
  void perform(Sum& sum, secure_sum::SessionEffects effects, Time now, Effects& out);
  void masked(const Masking& masking, Computed result, Time now, Effects& out);
  void ended(Time now, Effects& out);
  [[nodiscard]] bool absent(PartyId member) const;
  [[nodiscard]] bool ahead(PartyId member) const;
  [[nodiscard]] bool everybody_sums() const noexcept;
  void welcome_back();
  void skip_absent(Time now, Effects& out);
  void follow(Time now, Effects& out);
  void leave_behind(Time now, Effects& out);
  void give_up_setup(secure_sum::Set missing, Time now, Effects& out);
  [[nodiscard]] Round reached_by(std::size_t members) const;
  [[nodiscard]] bool join_peers_ahead(Time now, Effects& out);
  void store_early(PartyId from, SecurePacketMessage message, Effects& out);
  void deliver_early(Time now, Effects& out);
  /// Which member of a sum a party is, if it is one.
  [[nodiscard]] static std::optional<secure_sum::Member> member_of(const Sum& sum, PartyId party);
  [[nodiscard]] Sum* sum_of(Round round, std::uint32_t attempt) noexcept;

  PartyOptions options_;
  const RunOptions& run_;
  Phase phase_ = Phase::idle;
  Round round_ = 0;
  std::uint32_t attempt_ = 0;
  std::vector<PartyId> excluded_;  ///< from this round's further attempts, ascending
  /// Rounds in a row to whose setup a member did not come, unless it had been heard of since when this round
  /// began; kPatientRounds of them make it absent.
  std::map<PartyId, std::uint32_t> misses_;
  bool waited_ = false;      ///< what ends now has come to its deadline
  std::set<PartyId> heard_;  ///< since this round began, or their last miss
  std::optional<End> end_;   ///< set once this round's sum is over, while the own work still goes on
  ComputeId compute_id_ = 0;
  bool computing_ = false;
  std::uint32_t encoding_attempt_ = 0;  ///< which attempt's input is being encoded
  bool refused_ = false;                ///< this round's model is not finite
  ComputeId mask_id_;
  std::vector<Masking> masking_;
  ParametersRef model_, optimiser_state_;
  bool whole_ = false;         ///< model_ is a sum that lacks nothing, or the initial model
  ParametersRef before_last_;  ///< in the last round: the model that all began it with, if so
  ParametersRef
      base_;  ///< in the 16-bit ring: what the last sums made of the initial model; none after a crash
  crypto::Hash256 base_hash_;  ///< zero for the initial model
  double loss_sum_ = 0;
  std::uint64_t loss_rows_ = 0;
  double carried_weight_;
  DeadlineEstimator estimator_;  ///< of how long the others' models take after the own one
  std::unique_ptr<Sum> current_, previous_;
  std::vector<Early> early_;
};

}  // namespace hansa::protocols
