// Gossip learning: the timer, the merge rules, the queue of waiting models. And epidemic learning's uniform
// average over a fresh random graph.
#include "tests/protocols/support/rig.hpp"

#include "topology/random_schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hansa::protocols::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

RunOptions gossip_run(MergeRule rule = MergeRule::mean, Round rounds = 3) {
  RunOptions run = run_options(2, rounds);
  run.gossip_learning = {.merge = rule, .age_gap_max = 10, .period = 1000ms, .period_jitter = 0};
  return run;
}

Message aged(float value, std::uint64_t age, Round round = 0) {
  return ModelMessage{.round = round, .age = age, .model = Slice::whole(constant_model(2, value))};
}

Rig trained(RunOptions run) {
  Rig rig(make_gossip_learning, std::move(run));
  rig.start();
  rig.computed(1, 4);
  return rig;
}

TEST(GossipLearning, TrainsFirstAndTicksWithinThePeriod) {
  Rig rig(make_gossip_learning, gossip_run());
  EXPECT_THAT(rig.start(5s), ElementsAre("compute 1: 1*0 train r0"));
  ASSERT_TRUE(rig.machine->next_deadline());
  EXPECT_GE(*rig.machine->next_deadline(), 5s);
  EXPECT_LT(*rig.machine->next_deadline(), 6s);
}

TEST(GossipLearning, TickPushesRecordsAndSetsTheNext) {
  Rig rig = trained(gossip_run());
  const Time tick = *rig.machine->next_deadline();
  EXPECT_THAT(rig.deadline(tick - 1ns), IsEmpty());
  EXPECT_THAT(rig.deadline(tick),
              ElementsAre("send 1: model r0 x=4 age=1", "completed 1", "persist r1 x=4 age=1"));
  EXPECT_THAT(rig.deadline(tick), IsEmpty());
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(tick + 1000ms));
}

TEST(GossipLearning, EndsAfterItsLastTickEvenIfNobodyIsThere) {
  Rig rig = trained(gossip_run());
  for (int tick = 0; tick < 2; ++tick) rig.deadline(*rig.machine->next_deadline());
  EXPECT_THAT(rig.deadline(*rig.machine->next_deadline()),
              ElementsAre("send 1: model r2 x=4 age=1", "completed 3 x=4", "persist r3 x=4 age=1 finished",
                          "finished x=4"));
  EXPECT_TRUE(rig.machine->finished());
  EXPECT_FALSE(rig.machine->next_deadline());
  EXPECT_THAT(rig.message(1, aged(9, 1)), ElementsAre("rejected 1 late"));
}

TEST(GossipLearning, LastTickWaitsForTrainingInFlight) {
  Rig rig = trained(gossip_run(MergeRule::mean, 1));
  rig.message(1, aged(8, 1));
  rig.deadline(*rig.machine->next_deadline());
  EXPECT_FALSE(rig.machine->finished());
  EXPECT_THAT(rig.computed(2, 7),
              ElementsAre("completed 1 x=7", "persist r1 x=7 age=2 finished", "finished x=7"));
  EXPECT_TRUE(rig.machine->finished());
}

struct Merge {
  MergeRule rule;
  std::uint64_t their_age;  // ours is 1
  const char* expected;
};

TEST(GossipLearning, MergeRules) {
  const Merge table[] = {
      {MergeRule::mean, 1, "compute 2: 0.5*4 + 0.5*8 train r1"},
      {MergeRule::mean, 99, "compute 2: 0.5*4 + 0.5*8 train r1"},
      {MergeRule::age_weighted, 3, "compute 2: 0.25*4 + 0.75*8 train r1"},
      {MergeRule::age_weighted, 0, "compute 2: 1*4 train r1"},
      {MergeRule::limited, 3, "compute 2: 0.25*4 + 0.75*8 train r1"},
      {MergeRule::limited, 11, "compute 2: 0.08333*4 + 0.9167*8 train r1"},  // a gap of 10 is still close
      {MergeRule::limited, 12, "compute 2: 1*8 train r1"},
  };
  for (const Merge& merge : table) {
    Rig rig = trained(gossip_run(merge.rule));
    EXPECT_THAT(rig.message(1, aged(8, merge.their_age)), ElementsAre(merge.expected));
    rig.computed(2, 6);
    EXPECT_THAT(
        rig.deadline(*rig.machine->next_deadline()),
        Contains("persist r1 x=6 age=" + std::to_string(std::max<std::uint64_t>(1, merge.their_age) + 1)));
  }
}

TEST(GossipLearning, LimitedMergeKeepsOurOlderModel) {
  Rig rig = trained(gossip_run(MergeRule::limited));
  rig.message(1, aged(8, 12));
  rig.computed(2, 6);  // age 13
  EXPECT_THAT(rig.message(1, aged(8, 2)), ElementsAre("compute 3: 1*6 train r2"));
}

TEST(GossipLearning, WaitingModelsHaveALimitAndTheOldestGoes) {
  RunOptions run = gossip_run();
  run.parties = 3;
  run.topology = complete_graph(3);
  Rig rig(make_gossip_learning, run);
  rig.start();
  EXPECT_THAT(rig.message(2, aged(10, 1)), IsEmpty());
  for (const float x : {11.0f, 12.0f, 13.0f}) EXPECT_THAT(rig.message(1, aged(x, 1)), IsEmpty());
  EXPECT_THAT(rig.message(1, aged(14, 1)), ElementsAre("rejected 2 too_many"));
  EXPECT_THAT(rig.computed(1, 4), ElementsAre("compute 2: 0.5*4 + 0.5*11 train r1"));
  EXPECT_THAT(rig.computed(2, 5), ElementsAre("compute 3: 0.5*5 + 0.5*12 train r2"));
}

TEST(GossipLearning, BadMessagesAreRefused) {
  Rig rig = trained(gossip_run());
  EXPECT_THAT(rig.message(5, aged(8, 1)), ElementsAre("rejected 5 unexpected_sender"));
  EXPECT_THAT(rig.message(0, aged(8, 1)), ElementsAre("rejected 0 unexpected_sender"));
  EXPECT_THAT(rig.message(1, aged(8, 1, 3)), ElementsAre("rejected 1 unexpected_sender"));
  EXPECT_THAT(rig.message(1, aged(8, ~0ULL)), ElementsAre("rejected 1 bad_weight"));
  EXPECT_THAT(rig.message(1, model_message(0, 8, 3)), ElementsAre("rejected 1 wrong_size"));
  EXPECT_THAT(rig.message(1, ShareAck{1}), ElementsAre("rejected 1 unexpected_type"));
  EXPECT_THAT(rig.message(1, packet_message(0)), ElementsAre("rejected 1 unexpected_type"));
  EXPECT_THAT(rig.down(1), IsEmpty());
}

TEST(GossipLearning, ComesBackWhereItsRecordEnds) {
  Rig before = trained(gossip_run());
  before.deadline(*before.machine->next_deadline());
  Rig rig(make_gossip_learning, gossip_run(), 0, before.persisted());
  EXPECT_THAT(rig.start(50s), IsEmpty());
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(51s));
  EXPECT_THAT(rig.message(1, aged(8, 1), 50s), ElementsAre("compute 1: 0.5*4 + 0.5*8 train r1"));
  EXPECT_EQ(rig.machine->round(), 1U);
}

TEST(GossipLearning, EvaluationTicksCarryTheModel) {
  RunOptions run = gossip_run();
  run.eval_every = 2;
  Rig rig(make_gossip_learning, run);
  EXPECT_THAT(rig.start(), ElementsAre("completed 0 x=0", "compute 1: 1*0 train r0"));
  rig.computed(1, 4);
  EXPECT_THAT(rig.deadline(*rig.machine->next_deadline()), Contains("completed 1"));
  EXPECT_THAT(rig.deadline(*rig.machine->next_deadline()), Contains("completed 2 x=4"));
}

TEST(Epidemic, SendsToTheScheduleAndAveragesItsSourcesUniformly) {
  RunOptions run = run_options(7, 3);
  run.topology = nullptr;
  run.epidemic_fanout = 2;
  const topology::RandomSchedule schedule(run.seed, 7, 2);
  for (std::uint32_t self = 0; self < 7; ++self) {
    Rig rig(make_epidemic, run, self);
    rig.start();
    Lines expected{"persist r0 x=3"};
    for (const PartyId to : schedule.targets(0, P(self)))
      expected.push_back("send " + text(to) + ": model r0 x=3");
    EXPECT_EQ(rig.computed(1, 3), expected);
    const auto sources = schedule.sources(0, P(self));
    ASSERT_EQ(sources.size(), 2U);
    for (std::uint32_t other = 0; other < 7; ++other) {
      if (other == self || std::find(sources.begin(), sources.end(), P(other)) != sources.end()) continue;
      EXPECT_THAT(rig.message(other, model_message(0, 1)),
                  ElementsAre("rejected " + std::to_string(other) + " unexpected_sender"));
    }
    rig.message(static_cast<std::uint32_t>(sources[1]), model_message(0, 3));
    EXPECT_THAT(rig.message(static_cast<std::uint32_t>(sources[0]), model_message(0, 3)),
                ElementsAre("compute 2: 0.3333*3 + 0.3333*3 + 0.3333*3 train r1"));
  }
}

TEST(Epidemic, MissingSourceLeavesAUniformAverageOfTheRest) {
  RunOptions run = run_options(7, 3);
  run.epidemic_fanout = 2;
  Rig rig(make_epidemic, run);
  const auto sources = topology::RandomSchedule(run.seed, 7, 2).sources(0, P(0));
  rig.start();
  rig.computed(1, 3, 0s);
  rig.message(static_cast<std::uint32_t>(sources[0]), model_message(0, 9));
  EXPECT_THAT(rig.deadline(30s), Contains("missing r0 " + text(sources[1]) + " deadline"));
  EXPECT_THAT(rig.deadline(30s), IsEmpty());
}

}  // namespace
}  // namespace hansa::protocols::testing
