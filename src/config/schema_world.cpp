// Keys of how it happens: the strategies' own settings, waiting, the network, the machines, faults and
// evaluation.
#include "src/config/schema_build.hpp"

#include "protocols/secure_sum/plan.hpp"

namespace hansa::config {

namespace {

constexpr build::RealRange kMilliseconds{0, 1e9};

std::vector<Choice> merge_choices() {
  return {{"mean", "the average of the two models"},
          {"age-weighted", "weighted by the number of training rounds behind each model"},
          {"limited", "age-weighted if the ages are close, otherwise the older model alone"}};
}

std::vector<Choice> baseline_choices() {
  return {{"local_only", "every party trains on its own rows alone"},
          {"pooled", "one model trains on all rows together"}};
}

std::vector<Key> strategy_keys() {
  using namespace build;
  return {
      choice("gossip-learning.merge", HANSA_FIELD(gossip_learning.merge), "merge rule", merge_choices,
             "How a party merges a received model into its own (Ormandi, Hegedus, Jelasity 2013)."),
      real("gossip-learning.age_gap_max", HANSA_FIELD(gossip_learning.age_gap_max), {0, 1e9},
           "limited: models whose ages differ by more are not averaged; the older one is kept."),
      real("gossip-learning.period_ms", HANSA_FIELD(gossip_learning.period_ms), {0, 1e9, true},
           "Time between two sends of a party."),
      real("gossip-learning.period_jitter", HANSA_FIELD(gossip_learning.period_jitter), {0, 1},
           "Standard deviation of a period, as a fraction of it, so that parties do not run in step."),
      integer("epidemic.fanout", HANSA_FIELD(epidemic.fanout), {1, kU32Max},
              "Random receivers of a party's model in every round (De Vos et al. 2023)."),
      integer("cohort.size", HANSA_FIELD(cohort.size), {2, kU32Max},
              "Members of a cohort, drawn anew every round; not used with cohort.grid."),
      boolean(
          "cohort.grid", HANSA_FIELD(cohort.grid),
          "Parties stand on a square and average by rows and columns in turn: two rounds without training "
          "give the exact mean (Moshpit SGD, Ryabinin et al. 2021). parties must be a square number."),
  };
}

std::vector<Key> secure_keys() {
  using namespace build;
  constexpr std::int64_t kColludersMax = protocols::secure_sum::kMembersMax - 2;
  return {
      integer(
          "secure.colluders", HANSA_FIELD(secure.colluders), {0, kColludersMax},
          "secure: so many members of a cohort may work together and still learn only the sum (Bonawitz et "
          "al. 2017); more of them means that fewer may drop out. At most the cohort's size - 2; 0: a third "
          "of the cohort. A sum over k neighbours (d-psgd) needs all of them and stands any k - 2."),
      real("secure.clip", HANSA_FIELD(secure.clip), {0, 1e6, true},
           "Parameters outside [-clip, clip] count as the bound; the smaller, the finer the rounding. With "
           "ring_bits = 16 it bounds the changes since the last common model; 0.25 to 1 is usual there."),
      integer(
          "secure.weight_max", HANSA_FIELD(secure.weight_max), {1, 1'000'000'000},
          "Training rows that weigh as much as a party can; a party with more counts as this many. Read if "
          "topology.weights = \"sample-count\"."),
      doubling(
          "secure.ring_bits", HANSA_FIELD(secure.ring_bits), {16, 64},
          "Bits of the integers that are summed. 32 is as fine as the floats and as short; 64 doubles the "
          "bytes. 16 halves them: changes since the last common model, rounded at random so that the mean "
          "is right; one cohort must hold all parties."),
      real("secure.sparsify", HANSA_FIELD(secure.sparsify), {0, 1, true},
           "This fraction of the coordinates is summed, drawn anew for every sum and the same for its "
           "members; "
           "the others keep their local values."),
      boolean(
          "secure.beacon", HANSA_FIELD(secure.beacon),
          "strategy cohort: before the first round all parties draw a random number together, by commitment "
          "and reveal, from which the cohorts follow, so that nobody chooses whom it meets; parties that do "
          "not answer are left out. 3 to 256 parties. false: the cohorts follow from the seed, and whoever "
          "chooses the seed chooses them."),
  };
}

std::vector<Key> deadline_keys() {
  using namespace build;
  return {
      real("deadline.floor_ms", HANSA_FIELD(deadline.floor_ms), kMilliseconds,
           "A party never waits shorter than this for its peers; with the default no deadline fires in a "
           "healthy run."),
      real("deadline.ceiling_ms", HANSA_FIELD(deadline.ceiling_ms), {0, 1e9, true},
           "A party never waits longer; at least deadline.floor_ms."),
      real(
          "deadline.factor", HANSA_FIELD(deadline.factor), {0, 1e3},
          "The deadline is the mean of recent waits plus this many deviations (as TCP does: Jacobson 1988)."),
      integer("deadline.suspect_after", HANSA_FIELD(deadline.suspect_after), {1, kU32Max},
              "Misses in a row until a peer is no longer waited for."),
  };
}

std::vector<Key> network_keys() {
  using namespace build;
  return {
      real("network.latency_ms", HANSA_FIELD(network.latency_ms), kMilliseconds,
           "One-way delay of a message between any two parties."),
      real("network.jitter_ms", HANSA_FIELD(network.jitter_ms), kMilliseconds,
           "Mean of an exponential extra delay, which also reorders messages."),
      real("network.bandwidth_mbps", HANSA_FIELD(network.bandwidth_mbps), {0, 1e9},
           "Megabits per second of a party in each direction; 0: unlimited."),
      real("network.loss", HANSA_FIELD(network.loss), kProbability, "Probability that a message is lost."),
      real("network.duplicate", HANSA_FIELD(network.duplicate), kProbability,
           "Probability that a message arrives twice."),
      real("network.reorder", HANSA_FIELD(network.reorder), kProbability,
           "Probability that a message is held back by up to ten latencies."),
      path("network.coordinates", HANSA_FIELD(network.coordinates),
           "A file of network coordinates (one host per line); latency(i, j) = distance + both heights, in "
           "place of network.latency_ms."),
      boolean("network.full_codec", HANSA_FIELD(network.full_codec),
              "Encode and decode every message for real: slower, same results."),
      real("compute.rows_per_second", HANSA_FIELD(compute.rows_per_second), kPositive,
           "Training rows that a party processes per second of virtual time."),
      real("compute.spread", HANSA_FIELD(compute.spread), {0, 10},
           "Sigma of log-normal speed differences between parties; 0: all alike."),
      real("compute.mix_mbytes_per_second", HANSA_FIELD(compute.mix_mbytes_per_second), kPositive,
           "Speed of averaging models in virtual time, in 10^6 bytes per second."),
  };
}

std::vector<Key> fault_keys() {
  using namespace build;
  return {
      real("faults.crash_fraction", HANSA_FIELD(faults.crash_fraction), kProbability,
           "Share of the parties that crash once, at a random moment."),
      real("faults.down_ms", HANSA_FIELD(faults.down_ms), kMilliseconds,
           "Mean time until a crashed party returns (exponential)."),
      real("faults.stay_down_fraction", HANSA_FIELD(faults.stay_down_fraction), kProbability,
           "Share of the crashing parties that never return."),
      real("faults.start_ms", HANSA_FIELD(faults.start_ms), kMilliseconds,
           "Crashes happen from this moment on."),
      real("faults.end_ms", HANSA_FIELD(faults.end_ms), kMilliseconds, "Crashes happen until this moment."),
      real("faults.partition_start_ms", HANSA_FIELD(faults.partition_start_ms), kMilliseconds,
           "From this moment on the network is split into two halves."),
      real("faults.partition_end_ms", HANSA_FIELD(faults.partition_end_ms), kMilliseconds,
           "Until this moment the network is split; equal to partition_start_ms: no split."),
      integer("eval.every", HANSA_FIELD(eval.every), {0, 1'000'000'000},
              "Evaluate after every k-th round, and always after the last; 0: only after the last."),
      integer("eval.rows_max", HANSA_FIELD(eval.rows_max), {0, kI64Max},
              "Evaluate on the first so many test rows; 0: on all."),
      choices("eval.baselines", HANSA_FIELD(eval.baselines), "baseline", baseline_choices,
              "What to train beside the run, from the same split, for comparison."),
      integer("eval.baseline_rounds", HANSA_FIELD(eval.baseline_rounds), {0, 1'000'000'000},
              "Rounds of baseline training; 0: as many as the run."),
  };
}

}  // namespace

std::vector<Key> build::world_keys() {
  std::vector<Key> keys;
  for (auto* part : {strategy_keys, secure_keys, deadline_keys, network_keys, fault_keys}) {
    for (Key& key : part()) keys.push_back(key);
  }
  return keys;
}

}  // namespace hansa::config
