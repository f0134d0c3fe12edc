// D-PSGD with secure neighbourhood sums through the whole simulator: real messages, sessions and tasks, on
// the bank data. The oracle is aggregation = "plain-fixed".
#include "sim/experiment.hpp"
#include "sim/setup.hpp"
#include "tests/sim/small_runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hansa::sim {
namespace {

using ::testing::HasSubstr;

/// The first seed from `seed` on whose random graph may carry secure sums.
config::RunConfig neighbourhood_run(std::uint32_t parties, std::uint64_t seed) {
  config::RunConfig config = testing::small_run("logistic-regression", "d-psgd");
  config.parties = parties;
  config.rounds = 2;
  config.topology.name = "k-regular";
  config.topology.degree = 8;
  config.aggregation = "secure";
  config.seed = seed;
  while (!make_graph(config, *protocols::find_strategy("d-psgd")).ok() && config.seed < seed + 50)
    ++config.seed;
  return config;
}

RunResult run(const config::RunConfig& config, std::uint32_t threads = 1) {
  ExperimentOptions options;
  options.threads = threads;
  return testing::run(config, options);
}

TEST(SecureNeighbourhoodRun, TrainsLikePlainAndEqualsPlainFixed) {
  auto loaded = config::load_run_config(HANSA_SOURCE_DIR "/examples/secure-dpsgd.toml",
                                        {{"rounds", "2"}, {"eval.baselines", "[]"}});
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  config::RunConfig config = std::move(loaded).value();
  config.network.full_codec = true;
  const RunResult secure = run(config, 2);
  config.aggregation = "plain-fixed";
  const RunResult fixed = run(config);
  config.aggregation = "plain";
  const RunResult plain = run(config);
  EXPECT_EQ(secure.models_hash, fixed.models_hash);
  EXPECT_NE(secure.models_hash, plain.models_hash) << "floats round otherwise";
  ASSERT_FALSE(plain.rounds.empty());
  const double auc = plain.rounds.back().metrics.at("auc").mean;
  EXPECT_GT(auc, 0.6);
  EXPECT_NEAR(secure.rounds.back().metrics.at("auc").mean, auc, 0.005);
  EXPECT_EQ(secure.sums.sessions, 24U * 2);
  EXPECT_EQ(secure.sums.completed, secure.sums.sessions);
}

TEST(SecureNeighbourhoodRun, SameBitsForAnyThreadsWhenPartiesCrash) {
  config::RunConfig config = neighbourhood_run(18, 1);
  config.rounds = 2;
  config.deadline.floor_ms = 500;
  config.network.duplicate = 0.05;
  config.network.reorder = 0.1;
  config.faults.crash_fraction = 0.06;  // one
  config.faults.down_ms = 300;
  config.faults.start_ms = 100;
  config.faults.end_ms = 400;
  const RunResult once = run(config);
  config.network.full_codec = true;
  const RunResult again = run(config, 3);
  EXPECT_EQ(once.models_hash, again.models_hash);
  EXPECT_GT(once.sums.aborted, 0U);
  EXPECT_GT(once.sums.completed, 0U);
  EXPECT_EQ(once.sums.caught, 0U);
  for (const PartyRecord& party : once.parties) EXPECT_EQ(party.rounds_completed, config.rounds);
}

TEST(SecureNeighbourhoodRun, GoesOnThroughLossAndCrashes) {
  config::RunConfig config = neighbourhood_run(18, 1);
  config.rounds = 6;
  testing::add_faults(config);
  const RunResult result = run(config);
  EXPECT_LT(result.virtual_seconds, 600);
  EXPECT_EQ(result.sums.caught, 0U);
  for (const PartyRecord& party : result.parties) EXPECT_EQ(party.rounds_completed, config.rounds);
}

TEST(SecureNeighbourhoodRun, UnsafeSettingsAreRefusedAtSetUp) {
  const struct {
    std::string name;
    std::string topology;
    std::string refused;
  } cases[] = {
      {"sparse", "ring", "has 2 neighbours, at least 8 are needed"},
      {"dense", "complete", "the neighbours of parties 0 and 1 differ in 0 parties"},
  };
  for (const auto& c : cases) {
    config::RunConfig config = neighbourhood_run(24, 1);
    config.topology.name = c.topology;
    const auto refused = run_experiment(config, {});
    ASSERT_FALSE(refused.ok()) << c.name;
    EXPECT_THAT(refused.error().message, HasSubstr(c.refused)) << c.name;
    EXPECT_THAT(refused.error().hint, HasSubstr("strategy = \"cohort\"")) << c.name;
    config.aggregation = "plain-fixed";
    config.rounds = 1;
    EXPECT_TRUE(run_experiment(config, {}).ok()) << "nothing is hidden, so nothing is refused";
  }
}

}  // namespace
}  // namespace hansa::sim
