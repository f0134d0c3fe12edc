// Whole runs against numbers that do not come from this simulator: a centralised FedAvg loop written here,
// and published or independently measured results on real data.
#include "sim/setup.hpp"
#include "src/learn/mix.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

using testing::run;

std::string example(const std::string& name) { return HANSA_SOURCE_DIR "/examples/" + name + ".toml"; }

/// The federated averaging of McMahan et al. (2017) with a server, all parties in every round.
std::vector<float> centralised_fedavg(const Setup& setup) {
  const exec::LocalTraining& training = setup.training;
  const std::span<const float> initial = setup.run->initial_model.span();
  std::vector<float> server(initial.begin(), initial.end());
  double all_rows = 0;
  for (const learn::Shard& shard : training.shards) all_rows += static_cast<double>(shard.rows.size());
  learn::Workspace workspace;
  for (Round round = 0; round < setup.config.rounds; ++round) {
    std::vector<double> sum(server.size(), 0);
    for (std::size_t party = 0; party < training.shards.size(); ++party) {
      const learn::Shard& shard = training.shards[party];
      std::vector<float> client = server;
      training.model->train(client, {}, shard, training.options,
                            Rng(setup.config.seed, Purpose::batch_order, party, round), workspace);
      const double weight = static_cast<double>(shard.rows.size()) / all_rows;
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * static_cast<double>(client[i]);
    }
    for (std::size_t i = 0; i < sum.size(); ++i) server[i] = static_cast<float>(sum[i]);
  }
  return server;
}

struct FedAvgCase {
  std::string model, strategy;
};
void PrintTo(const FedAvgCase& test, std::ostream* out) { *out << test.model << ' ' << test.strategy; }

class FedAvg : public ::testing::TestWithParam<FedAvgCase> {};
INSTANTIATE_TEST_SUITE_P(Models, FedAvg,
                         ::testing::Values(FedAvgCase{"logistic-regression", "d-psgd"},
                                           FedAvgCase{"mlp", "d-psgd"}, FedAvgCase{"fm", "d-psgd"},
                                           FedAvgCase{"cnn", "d-psgd"}, FedAvgCase{"deepfm", "d-psgd"},
                                           FedAvgCase{"mlp", "cohort"}, FedAvgCase{"fm", "cohort"}));

TEST_P(FedAvg, ACompleteGraphWithSampleCountsIsFedAvg) {
  config::RunConfig config = testing::small_run(GetParam().model, GetParam().strategy);
  config.rounds = 8;
  config.partition.kind = "quantity-skew";
  config.topology.name = "complete";
  config.topology.weights = "sample-count";
  config.cohort.size = config.parties;
  config.train.optimiser = learn::OptimiserKind::sgd;
  config.train.learning_rate = 0.05f;
  config.train.epochs = 2;
  const auto setup = set_up(config);
  ASSERT_TRUE(setup.ok()) << setup.error().message;
  std::size_t fewest = ~std::size_t{0}, most = 0;
  for (const learn::Shard& shard : setup->training.shards) {
    fewest = std::min(fewest, shard.rows.size());
    most = std::max(most, shard.rows.size());
  }
  ASSERT_GT(most, fewest) << "unequal numbers of rows, or the weights are not tested";
  const std::vector<float> expected = centralised_fedavg(*setup);
  std::vector<float> moved = expected;
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= setup->run->initial_model.data()[i];
  const double distance = std::sqrt(learn::squared_distance(moved, std::vector<float>(moved.size(), 0.0f)));
  ASSERT_GT(distance, 0.05) << "it must learn something to compare";

  const RunResult result = run(config, {.threads = 2});
  for (const ParametersRef& model : result.models) {
    const double off = std::sqrt(learn::squared_distance(model.span(), expected));
    EXPECT_LT(off, 1e-5 * distance) << "float rounding is about 1e-7 a round";
  }
}

/// An example as it stands, without baselines.
RunResult run_example(const std::string& name, std::vector<config::Override> overrides = {}) {
  auto config = config::load_run_config(example(name), overrides);
  if (!config) {
    ADD_FAILURE() << config.error().message;
    return {};
  }
  return run(*config, {.threads = 2});
}

TEST(RealData, TwelveBankBranchesBeatEveryBranchAloneAndMeetThePooledModel) {
  const RunResult result = run_example("bank-branches");
  ASSERT_FALSE(result.rounds.empty());
  const Spread auc = result.rounds.back().metrics.at("auc");
  std::printf("bank-branches: AUC mean %.4f min %.4f, pooled %.4f, alone %.4f\n", auc.mean, auc.min,
              result.baseline_pooled.at("auc"), result.baseline_local_only.at("auc"));
  EXPECT_GE(auc.mean, 0.765);
  // Measured with another implementation (specs): pooled .773, alone .725.
  EXPECT_NEAR(result.baseline_pooled.at("auc"), 0.773, 0.01);
  EXPECT_NEAR(result.baseline_local_only.at("auc"), 0.725, 0.02);
  for (const PartyRecord& party : result.parties) {
    EXPECT_GT(party.metrics.at("auc"), party.local_only.at("auc")) << party.name;
  }
}

TEST(RealData, EighteenAirlinesLearnFromBirdStrikes) {
  // Two rounds of baseline training: with this step both overfit soon after.
  const RunResult result = run_example("airlines-birdstrike", {{"eval.baseline_rounds", "2"}});
  ASSERT_FALSE(result.rounds.empty());
  const Spread auc = result.rounds.back().metrics.at("auc");
  std::printf("airlines-birdstrike: AUC mean %.4f min %.4f, pooled %.4f, alone %.4f\n", auc.mean, auc.min,
              result.baseline_pooled.at("auc"), result.baseline_local_only.at("auc"));
  EXPECT_GE(auc.mean, 0.79);
  // Another implementation (specs): pooled .799, alone .688. The order of rows and the step differ from ours.
  EXPECT_NEAR(result.baseline_pooled.at("auc"), 0.79, 0.02);
  EXPECT_NEAR(result.baseline_local_only.at("auc"), 0.70, 0.03);
  for (const PartyRecord& party : result.parties) {
    EXPECT_GT(party.metrics.at("auc"), party.local_only.at("auc")) << party.name;
  }
}

/// libFM itself on these ratings (specs): SGD 1.2086 at its best of three settings, MCMC 1.1940.
TEST(RealData, APooledMachineOnLectureRatingsIsAsGoodAsLibFm) {
  auto config = config::load_run_config(example("ratings-fm"), {{"rounds", "1"},
                                                                {"optimiser.learning_rate", "0.002"},
                                                                {"optimiser.l2", "0.02"},
                                                                {"eval.baselines", "[\"pooled\"]"},
                                                                {"eval.baseline_rounds", "20"}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  const auto result = run_experiment(*config, {.threads = 2});
  if (!result && result.error().kind == ErrorKind::missing) {
    GTEST_SKIP() << result.error().message << "; " << result.error().hint;
  }
  ASSERT_TRUE(result.ok()) << result.error().message;
  const double rmse = result->baseline_pooled.at("rmse");
  std::printf("InstEval, FM by SGD on all rows: RMSE %.4f\n", rmse);
  EXPECT_NEAR(rmse, 1.2086, 0.01);
}

/// Ormandi's own program on Spambase, one row per party (specs/simulation.md 3.3), mean 0-1 error of its
/// logistic regression after 20, 50 and 100 cycles: .2003 .1187 .0958. It was scored on 461 other rows, ours
/// on 1,398, so the two test sets alone put sqrt(.09 * .91 * (1 / 461 + 1 / 1398)) = .0155 between them;
/// twice that is the tolerance. Its step shrinks like 1 / age where ours is constant, so it is slow in the
/// beginning: at 20 and 50 cycles we ask for no worse.
TEST(RealData, GossipLearningOnSpambaseWithOneRowEachFollowsOrmandi) {
  config::RunConfig config = testing::small_run("logistic-regression", "gossip-learning");
  config.data = {};
  config.data.dataset = "spambase";
  config.rounds = 1;
  config.parties = 2;
  const auto probe = set_up(config);
  if (!probe) {
    ASSERT_EQ(probe.error().kind, ErrorKind::missing) << probe.error().message;
    GTEST_SKIP() << probe.error().message << "; " << probe.error().hint;
  }
  config.parties = static_cast<std::uint32_t>(probe->pooled.rows.size());
  config.rounds = 100;
  config.eval.every = 10;
  config.topology.name = "k-regular";
  config.topology.degree = 20;
  config.gossip_learning.period_ms = 1000;
  config.gossip_learning.period_jitter = 0.1;
  config.network.latency_ms = 900;
  config.network.jitter_ms = 100;
  config.train.batch_size = 1;
  config.train.learning_rate = 0.3f;
  config.train.l2 = 0.001f;
  const RunResult result = run(config, {.threads = 2});
  const auto error_at = [&](Round round) {
    for (const RoundRecord& record : result.rounds) {
      if (record.round == round) return 1 - record.metrics.at("accuracy").mean;
    }
    return 1.0;
  };
  for (const RoundRecord& record : result.rounds) {
    std::printf("cycle %3u: error %.4f (deviation %.4f)\n", record.round,
                1 - record.metrics.at("accuracy").mean, record.metrics.at("accuracy").stddev);
  }
  constexpr double kTolerance = 0.031;
  EXPECT_LT(error_at(20), 0.2003 + kTolerance);
  EXPECT_LT(error_at(50), 0.1187 + kTolerance);
  EXPECT_NEAR(error_at(100), 0.0958, kTolerance);
  EXPECT_LT(result.rounds.back().metrics.at("accuracy").stddev, 0.04);
}

}  // namespace
}  // namespace hansa::sim
