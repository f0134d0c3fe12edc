// Whole experiments, data and all, under both clocks: the same models to the last bit, for every round-based
// strategy and every model.
#include "actors/wall_driver.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace hansa::actors {
namespace {

using Case = std::tuple<std::string, std::string>;

std::vector<Case> every_case() {
  std::vector<Case> cases;
  for (const protocols::StrategyEntry& strategy : protocols::strategy_registry()) {
    if (!strategy.round_based) continue;
    for (const learn::ModelEntry& model : learn::model_registry()) {
      cases.emplace_back(strategy.name, model.name);
    }
  }
  return cases;
}

class Clocks : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Registries, Clocks, ::testing::ValuesIn(every_case()), [](const auto& param) {
  std::string name = std::get<0>(param.param) + '_' + std::get<1>(param.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(Clocks, GiveTheSameModels) {
  const auto& [strategy, model] = GetParam();
  config::RunConfig config = sim::testing::small_run(model, strategy);
  config.compute.spread = 1;      // the virtual clock has its own idea of who is fast,
  config.network.jitter_ms = 30;  // and of which message comes first
  const sim::RunResult simulated = sim::testing::run(config, {.threads = 2});
  EXPECT_TRUE(simulated.missing.empty());
  for (const bool encode : {false, true}) {
    const auto wall = make_wall_driver({.threads = 2, .encode_messages = encode});
    const sim::RunResult real = sim::testing::run(config, {.threads = 2, .driver = wall.get()});
    EXPECT_EQ(real.clock, "wall");
    EXPECT_EQ(real.models_hash, simulated.models_hash);
    EXPECT_EQ(real.bytes_sent_total, simulated.bytes_sent_total);
    EXPECT_EQ(real.flop, simulated.flop);
    ASSERT_EQ(real.rounds.size(), simulated.rounds.size());
    for (std::size_t i = 0; i < real.rounds.size(); ++i) {
      EXPECT_EQ(real.rounds[i].party_metric, simulated.rounds[i].party_metric) << "evaluation " << i;
    }
  }
}

}  // namespace
}  // namespace hansa::actors
