// Whole runs on a bad day: a fifth of the messages lost, some repeated or held back, parties that crash
// between any two effects, some for ever. Every strategy must end, say who was missing, keep mass where it
// promises to, and learn nearly as well as on a good day.
#include "sim/recorder.hpp"
#include "sim/setup.hpp"
#include "sim/world.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

namespace hansa::sim {
namespace {

using testing::run;

/// Twenty parties that train a linear model for thirty rounds; a clean run reaches an AUC of about .95.
config::RunConfig fleet(const std::string& strategy) {
  config::RunConfig config = testing::small_run("logistic-regression", strategy);
  config.parties = 20;
  config.rounds = 30;
  config.data.rows = 3'000;
  config.topology.name = "k-regular";
  config.topology.degree = 4;
  config.cohort.size = 5;
  config.epidemic.fanout = 3;
  config.eval.every = 5;
  config.deadline.floor_ms = 300;
  config.deadline.ceiling_ms = 3'000;
  return config;
}

void make_hostile(config::RunConfig& config) {
  config.network.loss = 0.2;
  config.network.duplicate = 0.1;
  config.network.reorder = 0.2;
  config.network.jitter_ms = 20;
  config.faults.crash_fraction = 0.1;
  config.faults.stay_down_fraction = 0.5;
  config.faults.down_ms = 1'000;
  config.faults.end_ms = 4'000;
}

/// Longest a run may take: every round at its ceiling for every exchange, twice over, and the time to come
/// back; push-sum's shares may be sent again for a while after the end.
double patience_seconds(const config::RunConfig& config) {
  const double exchanges = config.strategy == "cohort" ? 2 : 1;
  return 2 * exchanges * config.rounds * config.deadline.ceiling_ms / 1e3 + 60 +
         24 * 16 * config.deadline.floor_ms / 1e3;
}

class EveryStrategy : public ::testing::TestWithParam<protocols::StrategyEntry> {
 protected:
  [[nodiscard]] std::string strategy() const { return std::string(GetParam().name); }
};
INSTANTIATE_TEST_SUITE_P(Registry, EveryStrategy,
                         ::testing::ValuesIn(protocols::strategy_registry().begin(),
                                             protocols::strategy_registry().end()),
                         [](const auto& param) {
                           std::string name(param.param.name);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(EveryStrategy, EndsNamesTheMissingAndStillLearns) {
  config::RunConfig config = fleet(strategy());
  const RunResult clean = run(config);
  EXPECT_TRUE(clean.missing.empty()) << "nobody is missing on a good day";
  make_hostile(config);
  const RunResult hostile = run(config);
  EXPECT_LT(hostile.virtual_seconds, patience_seconds(config));

  std::size_t crashed = 0, ended = 0;
  std::set<std::uint32_t> reported;
  for (const MissingPeer& missing : hostile.missing) {
    EXPECT_NE(missing.party, missing.peer);
    EXPECT_GT(missing.times, 0u);
    reported.insert(missing.peer);
  }
  for (std::uint32_t i = 0; i < config.parties; ++i) {
    const PartyRecord& party = hostile.parties[i];
    crashed += party.crashes > 0 ? 1 : 0;
    ended += party.rounds_completed == config.rounds ? 1 : 0;
    if (party.crashes > 0 && party.rounds_completed < config.rounds && GetParam().round_based) {
      EXPECT_TRUE(reported.contains(i)) << "party " << i << " is down for ever and nobody says so";
    }
  }
  EXPECT_EQ(crashed, 2u);
  EXPECT_EQ(ended, config.parties - 1u) << "all but the one that stays down";
  ASSERT_FALSE(hostile.rounds.empty());
  EXPECT_EQ(hostile.rounds.back().round, config.rounds);
  const double good = clean.rounds.back().metrics.at("auc").mean;
  const double bad = hostile.rounds.back().metrics.at("auc").mean;
  EXPECT_GT(good, 0.93);
  EXPECT_GT(bad, good - 0.03);
}

TEST_P(EveryStrategy, APartitionThatHealsLeavesOneMesh) {
  config::RunConfig config = fleet(strategy());
  const RunResult clean = run(config);
  // From about a fifth to about two fifths of the run, whatever a round of this strategy takes.
  config.faults.partition_start_ms = clean.virtual_seconds * 200;
  config.faults.partition_end_ms = clean.virtual_seconds * 400;
  const RunResult split = run(config);
  EXPECT_LT(split.virtual_seconds, patience_seconds(config));
  EXPECT_GT(split.messages_lost, 0u);
  for (const PartyRecord& party : split.parties) EXPECT_EQ(party.rounds_completed, config.rounds);
  for (const MissingPeer& missing : split.missing) {
    if (!GetParam().round_based) break;
    EXPECT_NE(missing.party < 10, missing.peer < 10) << "nobody of the own half is missing";
  }
  EXPECT_EQ(split.missing.empty(), !GetParam().round_based);
  EXPECT_GT(split.rounds.back().metrics.at("auc").mean, clean.rounds.back().metrics.at("auc").mean - 0.03);
}

/// Checks, while a world runs, what holds at every moment, and keeps what was said.
class Checker final : public exec::EventSink {
 public:
  void on_event(PartyId party, const protocols::Event& event, Time now) override {
    EXPECT_GE(now, last_);
    last_ = now;
    if (const auto* completed = std::get_if<protocols::RoundCompleted>(&event)) {
      if (completed->model) check(completed->model);
    } else if (const auto* finished = std::get_if<protocols::Finished>(&event)) {
      EXPECT_GT(finished->mass, 0);
      check(finished->model);
      finished_[party] = finished->mass;
    }
  }
  [[nodiscard]] const std::map<PartyId, double>& finished() const { return finished_; }

 private:
  static void check(const ParametersRef& model) {
    ASSERT_TRUE(model);
    for (const float x : model.span()) ASSERT_TRUE(std::isfinite(x));
  }
  Time last_{};
  std::map<PartyId, double> finished_;
};

struct Driven {
  exec::DriverOutput output;
  std::map<PartyId, double> finished;
};

/// The experiment without its records: what a world leaves behind.
Driven drive(const config::RunConfig& config, exec::WorkerPool& pool) {
  auto setup = set_up(config);
  if (!setup) {
    ADD_FAILURE() << setup.error().message;
    return {};
  }
  World world(world_options(config).value(), pool);
  Checker checker;
  exec::DriverInput input;
  input.parties = config.parties;
  input.training = &setup->training;
  input.sink = &checker;
  input.make = [&](PartyId party, std::optional<protocols::Record> restored) {
    return setup->strategy->make({.self = party,
                                  .training_rows = setup->training.shards[index(party)].rows.size(),
                                  .run = setup->run,
                                  .restored = std::move(restored)});
  };
  auto output = world.run(input);
  if (!output) {
    ADD_FAILURE() << output.error().message;
    return {};
  }
  return {std::move(output).value(), checker.finished()};
}

bool absorbed(const protocols::Record& receiver, PartyId sender, std::uint64_t sequence) {
  for (const protocols::AbsorbedShares& shares : receiver.absorbed) {
    if (shares.from != sender) continue;
    return sequence <= shares.through ||
           std::find(shares.above.begin(), shares.above.end(), sequence) != shares.above.end();
  }
  return false;
}

/// Mass held by parties, plus mass of shares that left their sender and were not absorbed.
double total_mass(const exec::DriverOutput& output) {
  double total = 0;
  for (std::size_t i = 0; i < output.records.size(); ++i) {
    if (!output.records[i]) {
      total += 1;  // died before its first record: it has given nothing away
      continue;
    }
    total += output.records[i]->mass;
    for (const protocols::PendingShare& share : output.records[i]->pending) {
      const auto& receiver = output.records[index(share.to)];
      if (!receiver || !absorbed(*receiver, party_at(i), share.sequence)) total += share.mass;
    }
  }
  return total;
}

TEST(PushSum, KeepsAllMassThroughLossCrashesAndAPartition) {
  exec::WorkerPool pool(1);
  const std::uint64_t seeds = testing::long_tests() ? 1000 : 12;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    config::RunConfig config = fleet("push-sum");
    config.rounds = 15;
    config.seed = seed;
    make_hostile(config);
    config.faults.crash_fraction = 0.3;
    config.faults.end_ms = 3'000;
    if (seed % 3 == 0) config.faults.partition_end_ms = 2'000;
    const Driven driven = drive(config, pool);
    ASSERT_EQ(driven.output.records.size(), config.parties);
    EXPECT_NEAR(total_mass(driven.output), config.parties, 1e-6) << "seed " << seed;
  }
}

TEST(PushSum, AHealthyRunEndsWithAllMassHeld) {
  exec::WorkerPool pool(1);
  const config::RunConfig config = fleet("push-sum");
  const Driven driven = drive(config, pool);
  double held = 0;
  for (const auto& record : driven.output.records) held += record->mass;
  EXPECT_NEAR(held, config.parties, 1e-9);
  EXPECT_EQ(driven.finished.size(), config.parties);
}

/// A random bad day, drawn from `seed`.
config::RunConfig random_scenario(const std::string& strategy, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  config::RunConfig config = testing::small_run("logistic-regression", strategy);
  config.seed = seed;
  config.parties = static_cast<std::uint32_t>(5 + rng.below(12));
  config.rounds = static_cast<std::uint32_t>(1 + rng.below(12));
  config.local.finish_rounds = static_cast<std::uint32_t>(rng.below(std::min(3u, config.rounds)));
  config.eval.every = static_cast<std::uint32_t>(rng.below(4));
  static const char* const graphs[] = {"complete", "exponential", "one-peer-exponential", "base-k", "ring",
                                       "star",     "tree",        "small-world"};
  config.topology.name = graphs[rng.below(std::size(graphs))];
  config.topology.degree = 2;
  config.topology.weights = rng.below(3) == 0 ? "sample-count" : "metropolis-hastings";
  config.cohort.size = static_cast<std::uint32_t>(2 + rng.below(3));
  config.network.loss = 0.4 * rng.uniform();
  config.network.duplicate = 0.3 * rng.uniform();
  config.network.reorder = 0.5 * rng.uniform();
  config.network.jitter_ms = 50 * rng.uniform();
  config.network.bandwidth_mbps = rng.below(2) == 0 ? 0 : 0.1 + rng.uniform();
  config.compute.spread = 2 * rng.uniform();
  config.deadline.floor_ms = 50 + 400 * rng.uniform();
  config.deadline.ceiling_ms = config.deadline.floor_ms * (1 + 5 * rng.uniform());
  config.deadline.suspect_after = static_cast<std::uint32_t>(1 + rng.below(4));
  config.faults.crash_fraction = rng.uniform();
  config.faults.stay_down_fraction = rng.below(2) == 0 ? 0 : rng.uniform();
  config.faults.down_ms = 3'000 * rng.uniform();
  config.faults.end_ms = 4'000 * rng.uniform();
  config.faults.partition_start_ms = 1'000 * rng.uniform();
  config.faults.partition_end_ms = config.faults.partition_start_ms + 2'000 * rng.uniform();
  return config;
}

TEST_P(EveryStrategy, EndsInEveryRandomScenario) {
  exec::WorkerPool pool(2);
  const std::uint64_t seeds = testing::long_tests() ? 1000 : 15;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(strategy() + " seed " + std::to_string(seed));
    const config::RunConfig config = random_scenario(strategy(), seed);
    const Driven driven = drive(config, pool);
    ASSERT_EQ(driven.output.records.size(), config.parties);
    EXPECT_FALSE(driven.output.interrupted);
    EXPECT_LT(std::chrono::duration<double>(driven.output.end).count(), patience_seconds(config) + 300);
    for (std::uint32_t i = 0; i < config.parties; ++i) {
      const exec::PartyTraffic& traffic = driven.output.parties[i];
      EXPECT_LE(traffic.crashes, 1u);
      if (traffic.crashes == 0 || config.faults.stay_down_fraction == 0) {
        EXPECT_TRUE(traffic.finished) << "party " << i;
      }
      EXPECT_TRUE(!traffic.finished || driven.finished.contains(party_at(i))) << "party " << i;
    }
    if (strategy() == "push-sum") {
      EXPECT_NEAR(total_mass(driven.output), config.parties, 1e-6);
    }
  }
}

TEST(World, AWholeExperimentSurvivesEverybodyDyingForEver) {
  for (const protocols::StrategyEntry& strategy : protocols::strategy_registry()) {
    config::RunConfig config = testing::small_run("logistic-regression", std::string(strategy.name));
    config.faults.crash_fraction = 1;
    config.faults.stay_down_fraction = 1;
    config.faults.end_ms = 300;
    const RunResult result = run(config);
    EXPECT_EQ(result.models.size(), config.parties) << strategy.name;
    for (const PartyRecord& party : result.parties) EXPECT_EQ(party.crashes, 1u) << strategy.name;
  }
}

TEST(World, ACrashAtAnyMomentOfAShortRunEndsWell) {
  // One party of four dies at each of many moments of a run, before or between effects, and comes back.
  for (const protocols::StrategyEntry& strategy : protocols::strategy_registry()) {
    config::RunConfig config = testing::small_run("logistic-regression", std::string(strategy.name));
    config.parties = 4;
    config.rounds = 2;
    config.data.rows = 60;
    config.cohort.size = 2;
    config.deadline.floor_ms = 100;
    config.deadline.ceiling_ms = 500;
    config.faults.crash_fraction = 0.25;
    config.faults.down_ms = 50;
    for (int moment = 0; moment < 60; ++moment) {
      config.seed = static_cast<std::uint64_t>(moment) + 1;
      config.faults.start_ms = moment * 2;
      config.faults.end_ms = moment * 2 + 2;
      const RunResult result = run(config);
      for (const PartyRecord& party : result.parties) {
        EXPECT_EQ(party.rounds_completed, 2u) << strategy.name << " moment " << moment;
      }
      ASSERT_FALSE(result.rounds.empty());
      EXPECT_EQ(result.rounds.back().round, 2u);
      for (std::size_t i = 1; i < result.rounds.size(); ++i) {
        EXPECT_GT(result.rounds[i].round, result.rounds[i - 1].round) << "every round once, in order";
      }
    }
  }
}

}  // namespace
}  // namespace hansa::sim
