// The proof that the simulator does not lie: without faults, every round-based strategy ends with the same
// bits in virtual time, on real threads, and in whatever order a scheduler runs the actors.
#include "actors/wall_driver.hpp"
#include "sim/world.hpp"
#include "tests/actors/recording_sink.hpp"
#include "tests/actors/shuffled_driver.hpp"
#include "tests/actors/training_run.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace hansa::actors {
namespace {

using testing::RecordingSink;
using testing::TrainingOptions;
using testing::TrainingRun;
using Models = std::map<PartyId, std::vector<float>>;

/// Final models of one healthy run, after checking that it was one.
Models run_healthy(exec::Driver& driver, const TrainingRun& run, exec::DriverOutput* kept = nullptr) {
  RecordingSink sink;
  const exec::DriverInput input = run.input(sink);
  auto result = driver.run(input);
  EXPECT_TRUE(result.ok());
  if (!result.ok()) return {};
  const exec::DriverOutput& output = result.value();
  EXPECT_FALSE(output.interrupted);
  EXPECT_EQ(output.messages_lost, 0u);
  EXPECT_EQ(sink.models().size(), input.parties);
  std::uint64_t sent = 0, received = 0;
  for (const exec::PartyTraffic& traffic : output.parties) {
    EXPECT_TRUE(traffic.finished);
    sent += traffic.bytes_sent;
    received += traffic.bytes_received;
  }
  EXPECT_EQ(sent, received);
  EXPECT_GT(sent, 0u);
  EXPECT_EQ(output.records.size(), input.parties);
  for (const auto& record : output.records) EXPECT_TRUE(record.has_value() && record->finished);
  if (run.strategy().round_based) {
    EXPECT_EQ(sink.complaints(), 0);
  }
  if (kept != nullptr) *kept = std::move(result).value();
  return sink.models();
}

/// Links and processors that reorder what happens as much as they can without faults.
sim::World uneven_world(std::uint32_t parties, exec::WorkerPool& pool) {
  sim::WorldOptions options;
  options.link.parties = parties;
  options.link.jitter = std::chrono::milliseconds(30);
  options.compute.parties = parties;
  options.compute.spread = 1;
  return {options, pool};
}

struct Case {
  std::string strategy;
  std::string topology;
  std::uint32_t parties;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.strategy << ' ' << test.topology << ' ' << test.parties;
}

std::vector<Case> round_based_cases() {
  std::vector<Case> cases;
  for (const protocols::StrategyEntry& entry : protocols::strategy_registry()) {
    if (!entry.round_based) continue;
    for (const std::uint32_t parties : {4u, 5u, 6u}) {
      if (!entry.uses_topology) {
        cases.push_back({std::string(entry.name), "", parties});
        continue;
      }
      for (const char* graph : {"ring", "complete", "one-peer-exponential"}) {
        cases.push_back({std::string(entry.name), graph, parties});
      }
    }
  }
  return cases;
}

class RoundBased : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Registry, RoundBased, ::testing::ValuesIn(round_based_cases()));

TEST_P(RoundBased, EndsWithTheSameBitsUnderEveryScheduleAndClock) {
  const Case& test = GetParam();
  const TrainingRun run({.parties = test.parties, .strategy = test.strategy, .topology = test.topology});
  exec::WorkerPool pool(1);
  sim::World world = uneven_world(test.parties, pool);
  exec::DriverOutput simulated;
  const Models expected = run_healthy(world, run, &simulated);
  const std::vector<float> start(expected.begin()->second.size(), 0.0f);
  EXPECT_NE(expected.begin()->second, start) << "it has learned something";

  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto shuffled = testing::make_shuffled_driver({.seed = seed, .encode_messages = seed % 2 == 0});
    exec::DriverOutput output;
    EXPECT_EQ(run_healthy(*shuffled, run, &output), expected) << "schedule " << seed;
    for (std::uint32_t p = 0; p < test.parties; ++p) {
      EXPECT_EQ(output.parties[p].bytes_sent, simulated.parties[p].bytes_sent) << "the same messages";
    }
    EXPECT_EQ(output.cost.flop, simulated.cost.flop);
  }
  for (const std::uint32_t threads : {1u, 2u, 4u}) {
    const auto wall = make_wall_driver({.threads = threads, .encode_messages = threads == 2});
    EXPECT_EQ(run_healthy(*wall, run), expected) << threads << " threads";
  }
}

TEST(GossipLearning, FinishesInRealTimeOnItsOwnTimers) {
  const TrainingRun run({.parties = 6, .rounds = 8, .strategy = "gossip-learning", .topology = "complete"});
  const auto wall = make_wall_driver({.threads = 2});
  for (const auto& [party, model] : run_healthy(*wall, run)) {
    for (const float x : model) EXPECT_TRUE(std::isfinite(x));
  }
}

TEST(GossipLearning, TheSameScheduleGivesTheSameBits) {
  const TrainingRun run({.parties = 6, .rounds = 8, .strategy = "gossip-learning", .topology = "complete"});
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto driver = testing::make_shuffled_driver({.seed = seed});
    EXPECT_EQ(run_healthy(*driver, run), run_healthy(*driver, run));
  }
}

TEST(Stress, AHundredPartiesOnARingLeaveNothingBehind) {
  const std::size_t before = arena_statistics().bytes_in_use;
  {
    const TrainingRun run({.parties = 100, .rounds = 30});
    const auto wall = make_wall_driver({.threads = 2});
    exec::WorkerPool pool(1);
    sim::World world = uneven_world(100, pool);
    EXPECT_EQ(run_healthy(*wall, run), run_healthy(world, run));
  }
  EXPECT_EQ(arena_statistics().bytes_in_use, before);
}

TEST(Stress, RunsInARowDoNotDisturbEachOther) {
  const TrainingRun run({.parties = 12, .rounds = 3, .strategy = "push-sum", .topology = "exponential"});
  const auto wall = make_wall_driver({.threads = 2});
  const Models first = run_healthy(*wall, run);
  for (int repeat = 0; repeat < 20; ++repeat) ASSERT_EQ(run_healthy(*wall, run), first);
}

}  // namespace
}  // namespace hansa::actors
