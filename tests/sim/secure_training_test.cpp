// Whole secure training runs on real data against the same runs in the clear: the same metric although a
// tenth of the parties crash and return, and the same bits if nobody does.
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

using Overrides = std::vector<config::Override>;

/// An example with `overrides`; none if its data is not installed.
std::optional<RunResult> example(const std::string& name, Overrides overrides) {
  overrides.push_back({"eval.baselines", "[]"});
  overrides.push_back({"eval.every", "100"});
  const auto config = config::load_run_config(HANSA_SOURCE_DIR "/examples/" + name + ".toml", overrides);
  EXPECT_TRUE(config.ok()) << config.error().message;
  auto result = run_experiment(*config, {.threads = 1});
  if (!result && result.error().kind == ErrorKind::missing) return std::nullopt;
  EXPECT_TRUE(result.ok()) << result.error().message;
  return std::move(result).value();
}

double final_metric(const RunResult& result) {
  double sum = 0;
  for (const PartyRecord& party : result.parties) sum += party.metrics.at(result.primary_metric);
  return sum / static_cast<double>(result.parties.size());
}

std::uint64_t crashes(const RunResult& result) {
  std::uint64_t sum = 0;
  for (const PartyRecord& party : result.parties) sum += party.crashes;
  return sum;
}

Overrides with(Overrides overrides, const std::string& aggregation, const std::string& seed) {
  overrides.push_back({"aggregation", "\"" + aggregation + "\""});
  overrides.push_back({"seed", seed});
  return overrides;
}

struct Case {
  const char* name;
  const char* example;
  Overrides overrides;
  std::vector<std::string> seeds;
  bool whole = false;  ///< trained to the end, so that a few lost rounds no longer matter
};

// The neural network on the bank's rows runs everywhere; that on pictures only where these are installed.
const Overrides kBankNetwork{{"model", "\"mlp\""},          {"mlp.hidden", "[8]"},
                             {"optimiser.name", "\"sgd\""}, {"optimiser.learning_rate", "0.03"},
                             {"local.batch_size", "8"},     {"rounds", "60"}};

class SecureTraining : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Examples, SecureTraining,
                         ::testing::Values(Case{"bank", "secure-bank", {}, {"1", "2", "3"}, true},
                                           Case{"bank_network", "secure-bank", kBankNetwork, {"1"}},
                                           Case{"album", "secure-album", {{"rounds", "24"}}, {"1"}}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(SecureTraining, ReachesThePlainMetricThoughATenthCrashes) {
  for (const std::string& seed : GetParam().seeds) {
    const auto secure = example(GetParam().example, with(GetParam().overrides, "secure", seed));
    if (!secure) GTEST_SKIP() << "its data is not installed";
    const auto plain = example(GetParam().example, with(GetParam().overrides, "plain", seed));
    Overrides calm = GetParam().overrides;
    calm.push_back({"faults.crash_fraction", "0"});
    const auto undisturbed = example(GetParam().example, with(calm, "plain", seed));
    EXPECT_EQ(crashes(*secure), (secure->config.parties + 5) / 10);
    EXPECT_EQ(crashes(*undisturbed), 0U);
    EXPECT_NEAR(final_metric(*secure), final_metric(*plain), 0.005) << "seed " << seed;
    if (GetParam().whole) {
      EXPECT_NEAR(final_metric(*secure), final_metric(*undisturbed), 0.005) << "seed " << seed;
    }
    EXPECT_GT(secure->sums.completed, 0U);
    EXPECT_EQ(secure->sums.inputs_exposed, std::optional<std::uint64_t>(0)) << "seed " << seed;
    EXPECT_EQ(secure->sums.caught, 0U);
    for (const PartyRecord& party : secure->parties) {
      EXPECT_EQ(party.rounds_completed, secure->config.rounds) << party.name << " came back, seed " << seed;
    }
  }
}

TEST_P(SecureTraining, EqualsPlainFixedBitForBitIfNobodyCrashes) {
  Overrides calm = GetParam().overrides;
  calm.push_back({"faults.crash_fraction", "0"});
  calm.push_back({"rounds", "6"});
  const auto secure = example(GetParam().example, with(calm, "secure", "1"));
  if (!secure) GTEST_SKIP() << "its data is not installed";
  EXPECT_EQ(secure->models_hash, example(GetParam().example, with(calm, "plain-fixed", "1"))->models_hash);
  EXPECT_EQ(secure->sums.completed, secure->sums.sessions);
}

}  // namespace
}  // namespace hansa::sim
