// The promise: same seed, same bits. Every strategy with every model, faults on, for any number of threads,
// however often, and with every message really encoded and decoded.
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace hansa::sim {
namespace {

using testing::run;

/// A round as comparable numbers: two runs that agree in these agree in what a report shows.
std::vector<double> numbers_of(const RunResult& result) {
  std::vector<double> numbers{static_cast<double>(result.events),
                              static_cast<double>(result.node_rounds),
                              static_cast<double>(result.messages_lost),
                              static_cast<double>(result.messages_duplicated),
                              static_cast<double>(result.bytes_sent_total),
                              result.virtual_seconds,
                              result.flop,
                              result.bytes_touched,
                              static_cast<double>(result.missing.size())};
  for (const RoundRecord& round : result.rounds) {
    numbers.insert(numbers.end(),
                   {static_cast<double>(round.round), round.virtual_seconds, round.consensus_distance,
                    round.mbytes_per_party, static_cast<double>(round.parties_reporting),
                    static_cast<double>(round.missing)});
    if (!std::isnan(round.loss)) numbers.push_back(round.loss);
    for (const auto& [key, spread] : round.metrics) {
      numbers.insert(numbers.end(), {spread.mean, spread.min, spread.max, spread.stddev});
    }
    for (const auto& [key, value] : round.mean_model) numbers.push_back(value);
  }
  for (const PartyRecord& party : result.parties) {
    numbers.insert(numbers.end(),
                   {static_cast<double>(party.bytes_sent), static_cast<double>(party.bytes_received),
                    static_cast<double>(party.messages_sent), static_cast<double>(party.messages_received),
                    party.compute_seconds, party.rows_per_second, static_cast<double>(party.missed_peers),
                    static_cast<double>(party.crashes), static_cast<double>(party.skipped_rounds)});
  }
  return numbers;
}

using Case = std::tuple<std::string, std::string>;

class Determinism : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] config::RunConfig config() const {
    const auto& [strategy, model] = GetParam();
    return model == "regression" ? testing::small_regression(strategy) : testing::small_run(model, strategy);
  }
};

std::vector<Case> every_case() {
  std::vector<Case> cases;
  for (const protocols::StrategyEntry& strategy : protocols::strategy_registry()) {
    for (const learn::ModelEntry& model : learn::model_registry()) {
      cases.emplace_back(strategy.name, model.name);
    }
    cases.emplace_back(strategy.name, "regression");
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Registries, Determinism, ::testing::ValuesIn(every_case()), [](const auto& param) {
  std::string name = std::get<0>(param.param) + '_' + std::get<1>(param.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(Determinism, SameBitsForAnyThreadsRepeatedAndThroughTheCodec) {
  config::RunConfig config = this->config();
  testing::add_faults(config);
  const RunResult expected = run(config, {.threads = 1});
  ASSERT_EQ(expected.models_hash.size(), 64u);
  EXPECT_GT(expected.messages_lost, 0u) << "faults must be on";
  const std::vector<double> numbers = numbers_of(expected);
  for (const std::uint32_t threads : {1u, 2u, 3u}) {
    const RunResult result = run(config, {.threads = threads});
    EXPECT_EQ(result.models_hash, expected.models_hash) << threads << " threads";
    EXPECT_EQ(numbers_of(result), numbers) << threads << " threads";
  }
  config.network.full_codec = true;
  const RunResult encoded = run(config, {.threads = 2});
  EXPECT_EQ(encoded.models_hash, expected.models_hash);
  EXPECT_EQ(numbers_of(encoded), numbers) << "bytes are those of the real encoder either way";
}

TEST_P(Determinism, AnotherSeedIsAnotherRun) {
  config::RunConfig config = this->config();
  config.rounds = 1;
  const RunResult first = run(config);
  config.seed = 8;
  EXPECT_NE(run(config).models_hash, first.models_hash);
}

TEST(Determinism, FaultsReallyHappenInTheseRuns) {
  std::uint64_t crashes = 0, twice = 0;
  std::size_t missing = 0;
  for (const protocols::StrategyEntry& strategy : protocols::strategy_registry()) {
    config::RunConfig config = testing::small_run("logistic-regression", std::string(strategy.name));
    testing::add_faults(config);
    const RunResult result = run(config);
    for (const PartyRecord& party : result.parties) crashes += party.crashes;
    twice += result.messages_duplicated;
    missing += result.missing.size();
  }
  EXPECT_GE(crashes, 5u);
  EXPECT_GE(twice, 5u);
  EXPECT_GE(missing, 5u);
}

}  // namespace
}  // namespace hansa::sim
