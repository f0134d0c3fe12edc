// What a party is told before it starts. The part that is the same for everybody is shared, so that a party
// at rest stays small.
#pragma once

#include "protocols/machine.hpp"
#include "protocols/party/deadline.hpp"
#include "protocols/secure_sum/fixed_point.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"
#include "src/crypto/mask.hpp"
#include "topology/cohorts.hpp"
#include "topology/topology.hpp"

#include <hansa/parameters.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace hansa::protocols {

/// What arrives is weighted by ...
enum class MixWeights {
  topology,      ///< the topology's mixing matrix
  sample_count,  ///< the senders' numbers of training rows (FedAvg)
};

/// How gossip learning merges a received model with its own (Ormandi et al. 2013; Danner et al. 2023).
enum class MergeRule {
  mean,          ///< plain average
  age_weighted,  ///< weights in proportion to the ages
  limited,       ///< age-weighted if the ages are close, else the older model alone
};

struct GossipLearningOptions {
  MergeRule merge = MergeRule::mean;
  double age_gap_max = 10;  ///< limited: how close is close
  Duration period = std::chrono::milliseconds(1000);
  double period_jitter = 0.1;  ///< standard deviation of a period, as a fraction of it
};

/// How models are summed.
enum class Aggregation {
  plain,        ///< in the clear, as floats
  plain_fixed,  ///< in the clear, with the secure sum's integers
  secure,       ///< only exact sums over cohorts become known
};

/// aggregation = "secure" and "plain-fixed".
struct SecureOptions {
  crypto::Lane lane = crypto::Lane::bits32;
  double clip = 8;                        ///< values that are summed are clipped to [-clip, clip]
  double fraction = 1;                    ///< of the coordinates that a cohort sums
  std::uint64_t weight_max = 10'000;      ///< training rows that weigh 1
  std::uint32_t colluders = 0;            ///< f; 0: a third of the members, rounded down, at least one
  crypto::Hash256 task;                   ///< what is trained: model, parameter order, initial values
  bool beacon = false;                    ///< a ceremony of all parties draws the cohorts (protocols/beacon/)
  crypto::Hash256 manifest;               ///< beacon: of all that the parties agreed on about the run
  std::vector<crypto::PublicKey> roster;  ///< the parties' public keys, by party
};

/// What decides about a round's cohorts: of the ceremony's beacon, or the run's seed.
[[nodiscard]] inline std::uint64_t draw_of(const topology::CohortOptions& cohort, Round round) {
  return cohort.draw != nullptr ? cohort.draw->key(round) : cohort.seed;
}

/// In the 16-bit ring members sum differences from the last model that they agreed on.
[[nodiscard]] constexpr bool sums_deltas(const SecureOptions& secure) noexcept {
  return secure.lane == crypto::Lane::bits16;
}

/// The same for every party of a run.
struct RunOptions {
  std::uint32_t parties = 0;
  Round rounds = 0;
  Round finish_rounds = 0;  ///< the last rounds mix without training
  Round eval_every = 1;     ///< RoundCompleted carries the model after every k-th round and the last
  std::uint64_t seed = 1;
  std::uint32_t parameter_count = 0;
  ParametersRef initial_model;
  MixWeights weights = MixWeights::topology;
  DeadlineOptions deadline;
  std::uint32_t suspect_after = 3;  ///< misses in a row after which a peer is no longer waited for
  std::shared_ptr<const topology::Topology> topology;  ///< d-psgd, push-sum, gossip-learning
  std::uint32_t epidemic_fanout = 4;
  topology::CohortOptions cohort;
  GossipLearningOptions gossip_learning;
  Aggregation aggregation = Aggregation::plain;
  SecureOptions secure;
};

/// One party's own part.
struct PartyOptions {
  PartyId self{};
  std::uint64_t training_rows = 1;  ///< > 0; the weight under MixWeights::sample_count
  std::shared_ptr<const RunOptions> run;
  std::optional<Record> restored;                    ///< set after a crash
  std::shared_ptr<const crypto::Identity> identity;  ///< aggregation secure, beacon: signs
  std::shared_ptr<EntropySource> entropy;            ///< aggregation secure, beacon: keys and shares
};

/// The weight of a party's own trained model in a cohort's average: its rows (FedAvg), or the same for all.
[[nodiscard]] inline double own_weight(const PartyOptions& options) noexcept {
  const RunOptions& run = *options.run;
  if (run.weights == MixWeights::sample_count) return static_cast<double>(options.training_rows);
  return run.aggregation == Aggregation::plain ? 1.0 : static_cast<double>(run.secure.weight_max);
}

/// `weight` as a fraction of the agreed maximum, for fixed point; more than the maximum counts as the
/// maximum.
[[nodiscard]] inline double relative_weight(const SecureOptions& secure, double weight) noexcept {
  const auto most = static_cast<double>(secure.weight_max);
  return weight >= most ? 1.0 : weight / most;
}

/// The weight that a sum in `format` gives a model of `weight`. In the 16-bit ring it is rounded first, so
/// that values and weight tell the same story.
[[nodiscard]] inline double sum_weight(const SecureOptions& secure,
                                       const secure_sum::FixedPointFormat& format, double weight) noexcept {
  const double relative = relative_weight(secure, weight);
  return format.lane == crypto::Lane::bits16 ? secure_sum::rounded_weight(format, relative) : relative;
}

/// True if an evaluation is due once `completed` rounds are behind.
[[nodiscard]] constexpr bool evaluation_due(const RunOptions& run, Round completed) noexcept {
  return completed == run.rounds || (run.eval_every > 0 && completed % run.eval_every == 0);
}

}  // namespace hansa::protocols
