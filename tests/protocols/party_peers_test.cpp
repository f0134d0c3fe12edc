// What a party does about peers that are slow, silent, gone or ahead; and how it comes back itself.
#include "tests/protocols/support/rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hansa::protocols::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Three parties, floor 10 s: the first deadline, without samples, is three floors.
Rig waiting(Round rounds = 50) {
  Rig rig(make_d_psgd, run_options(3, rounds));
  rig.start();
  rig.computed(1, 3, 1s);
  return rig;
}

/// Lets rounds pass in which only party 1 answers; returns the effects of the last deadline.
Lines miss_party_2(Rig& rig, Round first, Round count, Time& now) {
  Lines last;
  for (Round r = first; r < first + count; ++r) {
    rig.message(1, model_message(r, 6), now);
    now = rig.machine->next_deadline().value();
    last = rig.deadline(now);
    rig.computed(r + 2, 3, now);
  }
  return last;
}

TEST(PartyPeers, DeadlineComesFromTheStartOfTheExchange) {
  EXPECT_EQ(waiting().machine->next_deadline(), std::optional<Time>(31s));
}

TEST(PartyPeers, AlarmsBeforeTheDeadlineDoNothing) {
  Rig rig = waiting();
  EXPECT_THAT(rig.deadline(1s), IsEmpty());
  EXPECT_THAT(rig.deadline(31s - 1ns), IsEmpty());
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(31s));
}

TEST(PartyPeers, DeadlineGoesOnWithWhoIsPresentAndSaysWhoIsMissing) {
  Rig rig = waiting();
  rig.message(2, model_message(0, 9), 2s);
  EXPECT_THAT(rig.deadline(31s), ElementsAre("missing r0 1 deadline", "compute 2: 0.5*3 + 0.5*9 train r1"));
  EXPECT_FALSE(rig.machine->next_deadline());
  EXPECT_THAT(rig.deadline(31s), IsEmpty()) << "one alarm, however often it rings";
}

TEST(PartyPeers, AllMissingKeepsOurOwnModel) {
  Rig rig = waiting();
  EXPECT_THAT(rig.deadline(31s),
              ElementsAre("missing r0 1 deadline", "missing r0 2 deadline", "compute 2: 1*3 train r1"));
}

TEST(PartyPeers, NothingOfOurOwnAndNobodyThereKeepsOurModelToo) {
  RunOptions run = run_options(2, 2);
  run.topology = graph({{0, 1}, {1, 0}});  // swap: self weight 0
  Rig rig(make_d_psgd, run);
  rig.start();
  rig.computed(1, 3, 0s);
  EXPECT_THAT(rig.deadline(30s), ElementsAre("missing r0 1 deadline", "compute 2: 1*3 train r1"));
}

TEST(PartyPeers, UnequalWeightsAreRenormalised) {
  RunOptions run = run_options(3, 3);
  run.topology = graph({{.2, .3, .5}, {.3, .6, .1}, {.5, .1, .4}});
  Rig rig(make_d_psgd, run);
  rig.start();
  rig.computed(1, 3, 0s);
  rig.message(1, model_message(0, 6), 0s);
  EXPECT_THAT(rig.deadline(30s), ElementsAre("missing r0 2 deadline", "compute 2: 0.4*3 + 0.6*6 train r1"));
}

TEST(PartyPeers, SampleCountsAreRenormalisedToo) {
  RunOptions run = run_options(3, 3);
  run.weights = MixWeights::sample_count;
  Rig rig(make_d_psgd, run, 0, std::nullopt, 10);
  rig.start();
  rig.computed(1, 3, 0s);
  rig.message(1, model_message(0, 6, 2, 30), 0s);
  EXPECT_THAT(rig.deadline(30s), ElementsAre("missing r0 2 deadline", "compute 2: 0.25*3 + 0.75*6 train r1"));
}

TEST(PartyPeers, AfterThreeMissesAPeerIsNotWaitedFor) {
  Rig rig = waiting();
  Time now = 1s;
  EXPECT_THAT(miss_party_2(rig, 0, 3, now), Contains("missing r2 2 deadline"));
  EXPECT_THAT(rig.message(1, model_message(3, 6), now),
              ElementsAre("missing r3 2 suspected", "compute 5: 0.5*3 + 0.5*6 train r4"));
}

TEST(PartyPeers, TwoMissesAreForgiven) {
  Rig rig = waiting();
  Time now = 1s;
  miss_party_2(rig, 0, 2, now);
  EXPECT_THAT(rig.message(1, model_message(2, 6), now), IsEmpty());
}

TEST(PartyPeers, SuspectedPeerThatIsHeardIsWaitedForFromTheNextExchange) {
  Rig rig = waiting();
  Time now = 1s;
  miss_party_2(rig, 0, 3, now);
  EXPECT_THAT(rig.message(2, model_message(2, 9), now), ElementsAre("rejected 2 late"));  // it lives
  rig.message(1, model_message(3, 6), now);
  rig.computed(5, 3, now);
  EXPECT_THAT(rig.message(1, model_message(4, 6), now), IsEmpty()) << "round 4 waits for party 2 again";
  EXPECT_THAT(rig.message(2, model_message(4, 9), now),
              ElementsAre("compute 6: 0.3333*3 + 0.3333*6 + 0.3333*9 train r5"));
}

TEST(PartyPeers, SuspectedPeerThatAnswersInTimeIsMixed) {
  Rig rig = waiting();
  Time now = 1s;
  miss_party_2(rig, 0, 3, now);
  EXPECT_THAT(rig.message(2, model_message(3, 9), now), IsEmpty());
  EXPECT_THAT(rig.message(1, model_message(3, 6), now),
              ElementsAre("compute 5: 0.3333*3 + 0.3333*6 + 0.3333*9 train r4"));
}

TEST(PartyPeers, PeerDownEndsTheWait) {
  Rig rig = waiting();
  rig.message(1, model_message(0, 6), 2s);
  EXPECT_THAT(rig.down(2, 3s), ElementsAre("missing r0 2 down", "compute 2: 0.5*3 + 0.5*6 train r1"));
  rig.computed(2, 3, 4s);
  EXPECT_THAT(rig.message(1, model_message(1, 6), 5s),
              ElementsAre("missing r1 2 down", "compute 3: 0.5*3 + 0.5*6 train r2"));
  rig.computed(3, 3, 6s);
  EXPECT_THAT(rig.message(2, model_message(2, 9), 7s), IsEmpty());  // it is back, and counts
  EXPECT_THAT(rig.message(1, model_message(2, 6), 7s),
              ElementsAre("compute 4: 0.3333*3 + 0.3333*6 + 0.3333*9 train r3"));
  rig.computed(4, 3, 8s);
  EXPECT_THAT(rig.message(1, model_message(3, 6), 9s), IsEmpty()) << "waited for again";
}

TEST(PartyPeers, PeerDownThatAlreadyAnsweredIsMixed) {
  Rig rig = waiting();
  rig.message(2, model_message(0, 9), 2s);
  EXPECT_THAT(rig.down(2, 3s), IsEmpty());
  EXPECT_THAT(rig.message(1, model_message(0, 6), 4s),
              ElementsAre("compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r1"));
}

TEST(PartyPeers, StrangersGoingDownMeanNothing) {
  Rig rig = waiting();
  EXPECT_THAT(rig.down(17, 2s), IsEmpty());
  EXPECT_THAT(rig.down(0, 2s), IsEmpty());
}

TEST(PartyPeers, TwoRoundsAheadAreJoinedAtTheDeadline) {
  Rig rig = waiting();
  rig.message(1, model_message(5, 6), 2s);
  rig.message(2, model_message(4, 9), 2s);
  EXPECT_THAT(rig.deadline(31s),
              ElementsAre("missing r0 1 deadline", "missing r0 2 deadline", "skipped 0->5", "persist r5 x=3",
                          "send 1: model r5 x=3", "send 2: model r5 x=3"));
  EXPECT_THAT(rig.message(2, model_message(5, 9), 32s),
              ElementsAre("compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r6"));
  EXPECT_EQ(rig.machine->round(), 5U);
}

TEST(PartyPeers, OneRoundAheadIsNotJoined) {
  Rig rig = waiting();
  rig.message(1, model_message(1, 6), 2s);
  EXPECT_THAT(rig.deadline(31s),
              ElementsAre("missing r0 1 deadline", "missing r0 2 deadline", "compute 2: 1*3 train r1"));
}

TEST(PartyPeers, ComesBackFromItsRecord) {
  Record record;
  record.round = 4;
  record.model = constant_model(2, 8);
  record.optimiser_state = constant_model(1, 5);
  Rig rig(make_d_psgd, run_options(3, 9), 0, record);
  EXPECT_THAT(rig.start(100s), ElementsAre("send 1: model r4 x=8", "send 2: model r4 x=8"));
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(130s));
  EXPECT_THAT(rig.message(1, model_message(3, 6), 101s), ElementsAre("rejected 1 late"));
  rig.message(1, model_message(4, 6), 101s);
  rig.message(2, model_message(4, 10), 101s);
  const auto& task = std::get<MixAndTrain>(std::get<Compute>(rig.out.items().back()).task);
  EXPECT_EQ(text(task.optimiser_state), "5");
  EXPECT_THAT(rig.computed(1, 9, 102s), Contains("persist r5 x=9"));
}

TEST(PartyPeers, ComesBackFinished) {
  Record record;
  record.round = 9;
  record.model = constant_model(2, 8);
  record.finished = true;
  Rig rig(make_d_psgd, run_options(3, 9), 0, record);
  EXPECT_THAT(rig.start(100s), ElementsAre("finished x=8"));
  EXPECT_TRUE(rig.machine->finished());
  EXPECT_FALSE(rig.machine->next_deadline());
}

TEST(PartyPeers, ComesBackToFindEverybodyAhead) {
  Record record;
  record.round = 1;
  record.model = constant_model(2, 8);
  Rig rig(make_d_psgd, run_options(3, 9), 0, record);
  rig.start(100s);
  rig.message(1, model_message(6, 6), 101s);
  rig.message(1, model_message(7, 66), 102s);
  rig.message(2, model_message(7, 99), 102s);
  EXPECT_THAT(rig.deadline(130s),
              ElementsAre("missing r1 1 deadline", "missing r1 2 deadline", "skipped 1->7", "persist r7 x=8",
                          "send 1: model r7 x=8", "send 2: model r7 x=8",
                          "compute 1: 0.3333*8 + 0.3333*66 + 0.3333*99 train r8"));
}

TEST(PartyPeers, SlowButLivingPeerStretchesTheNextDeadline) {
  Rig rig = waiting();
  rig.message(1, model_message(0, 6), 2s);
  rig.deadline(31s);
  rig.computed(2, 3, 31s);
  EXPECT_THAT(rig.message(2, model_message(0, 9), 41s), ElementsAre("rejected 2 late"));  // took 40 s
  rig.message(1, model_message(1, 6), 41s);
  rig.message(2, model_message(1, 9), 41s);  // complete after 10 s
  rig.computed(3, 3, 50s);
  // RFC 6298: R = 40 -> mean 40, deviation 20; R' = 10 -> deviation 22.5, mean 36.25; 36.25 + 4 * 22.5 > 100.
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(150s));
}

// One alarm, rung at every nanosecond that matters and again: the effects must be those of a single ring.
TEST(PartyPeers, NextDeadlineNeverAsksForThePastTwice) {
  Rig rig = waiting();
  Time now = 1s;
  std::size_t rings = 0;
  while (!rig.machine->finished() && rings < 1000) {
    const auto due = rig.machine->next_deadline();
    if (!due) {
      rig.computed(static_cast<ComputeId>(rings + 2), 3, now);
      for (ComputeId id = 1; !rig.machine->next_deadline() && !rig.machine->finished() && id < 60; ++id) {
        rig.computed(id, 3, now);
      }
      ++rings;
      continue;
    }
    EXPECT_GE(*due, now);
    now = *due;
    rig.deadline(now);
    EXPECT_THAT(rig.deadline(now), IsEmpty());
    ++rings;
  }
  EXPECT_TRUE(rig.machine->finished()) << "nobody waits for ever";
}

}  // namespace
}  // namespace hansa::protocols::testing
