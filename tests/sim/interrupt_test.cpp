// Ctrl-C in the middle: what was done is kept, what was not is not invented.
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

class Interrupt : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Threads, Interrupt, ::testing::Values(1, 3));

TEST_P(Interrupt, KeepsTheRoundsThatWereEvaluated) {
  for (const char* model : {"logistic-regression", "mlp"}) {
    config::RunConfig config = testing::small_run(model, "d-psgd");
    config.rounds = 50;
    config.eval.every = 1;
    config.eval.baselines = {"local_only", "pooled"};
    const RunResult whole = testing::run(config, {.threads = GetParam()});
    EXPECT_FALSE(whole.interrupted);

    std::atomic<bool> stop{false};
    bool baselines = false;
    ExperimentOptions options;
    options.threads = GetParam();
    options.stop = &stop;
    options.on_progress = [&](const Progress& progress) {
      baselines |= progress.stage == Progress::Stage::baselines;
      if (progress.evaluated != nullptr && progress.evaluated->round == 5) stop = true;
    };
    const RunResult part = testing::run(config, options);
    EXPECT_TRUE(part.interrupted);
    EXPECT_FALSE(baselines) << "nobody waits for those now";
    ASSERT_GE(part.rounds.size(), 6u);
    EXPECT_LE(part.rounds.size(), 8u) << "it stops soon";
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_EQ(part.rounds[i].round, i);
      EXPECT_EQ(part.rounds[i].party_metric, whole.rounds[i].party_metric) << "round " << i;
    }
    ASSERT_EQ(part.models.size(), config.parties);
    for (const ParametersRef& each : part.models) EXPECT_TRUE(each);
    EXPECT_EQ(part.models_hash.size(), 64u);
    EXPECT_LT(part.node_rounds, whole.node_rounds);
    EXPECT_GE(part.node_rounds, 5u * config.parties);
  }
}

TEST(Interrupt, BeforeTheFirstRoundLeavesTheInitialModel) {
  const config::RunConfig config = testing::small_run("fm", "push-sum");
  std::atomic<bool> stop{true};
  ExperimentOptions options;
  options.stop = &stop;
  const RunResult result = testing::run(config, options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.node_rounds, 0u);
  ASSERT_EQ(result.models.size(), config.parties);
  EXPECT_EQ(result.models.front(), result.models.back());
}

TEST(Interrupt, DuringTheBaselinesKeepsTheRun) {
  config::RunConfig config = testing::small_run("logistic-regression", "d-psgd");
  config.eval.baselines = {"local_only", "pooled"};
  const RunResult whole = testing::run(config);
  std::atomic<bool> stop{false};
  ExperimentOptions options;
  options.stop = &stop;
  options.on_progress = [&](const Progress& progress) {
    if (progress.stage == Progress::Stage::baselines) stop = true;
  };
  const RunResult result = testing::run(config, options);
  EXPECT_EQ(result.models_hash, whole.models_hash);
  EXPECT_TRUE(result.baseline_pooled.empty());
  EXPECT_TRUE(result.baseline_local_only.empty());
  EXPECT_EQ(result.rounds.size(), whole.rounds.size());
}

/// Things that are wrong with a run as a whole: a message, never a crash.
TEST(Experiment, RefusesWhatCannotRun) {
  const auto refused = [](config::RunConfig config, const char* word) {
    const auto result = run_experiment(config, {});
    ASSERT_FALSE(result.ok()) << word;
    EXPECT_NE(result.error().message.find(word), std::string::npos) << result.error().message;
  };
  const config::RunConfig good = testing::small_run("logistic-regression", "d-psgd");
  config::RunConfig bad = good;
  bad.strategy = "no-such-strategy";
  refused(bad, "no-such-strategy");
  bad = good;
  bad.model = "no-such-model";
  refused(bad, "no-such-model");
  bad = good;
  bad.model = "cnn";
  refused(bad, "image");
  bad = good;
  bad.topology.name = "no-such-topology";
  refused(bad, "no-such-topology");
  bad = good;
  bad.data.dataset = "no-such-data";
  refused(bad, "no-such-data");
  bad = good;
  bad.parties = 10'000;
  refused(bad, "parties");
  bad = good;
  bad.parties = 0;
  refused(bad, "parties");
  bad = good;
  bad.parties = 5;
  bad.topology.name = "hypercube";
  refused(bad, "hypercube");
  bad = good;
  bad.strategy = "epidemic";
  bad.epidemic.fanout = 6;
  refused(bad, "fanout");
  bad = good;
  bad.network.coordinates = "/nonexistent/coordinates";
  refused(bad, "/nonexistent/coordinates");
  bad = good;
  bad.topology.name = "erdos-renyi";
  bad.topology.probability = 0;
  refused(bad, "connected");
}

}  // namespace
}  // namespace hansa::sim
