// Push-sum, one party at a time: the split, the order of durability, retransmission, and mass that is counted
// once however often it arrives. Whole fleets with faults are in faults_test.cpp.
#include "tests/protocols/support/rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace hansa::protocols::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Two parties, each keeps half and gives half. Floor 10 s.
RunOptions pair_run(Round rounds = 50) { return run_options(2, rounds); }

Rig splitting(Round rounds = 50) {
  Rig rig(make_push_sum, pair_run(rounds));
  rig.start();
  rig.computed(1, 8);
  return rig;
}

TEST(PushSum, SplitIsDurableBeforeSharesLeave) {
  Rig rig(make_push_sum, pair_run());
  EXPECT_THAT(rig.start(), ElementsAre("compute 1: 1*0 train r0"));
  EXPECT_THAT(rig.computed(1, 8),
              ElementsAre("persist r0 x=8 m=0.5 pending 1#1=0.5", "send 1: model r0 x=8 m=0.5 #1"));
}

TEST(PushSum, AbsorbsThenAcknowledgesAfterTheRecord) {
  Rig rig = splitting();
  EXPECT_THAT(rig.message(1, share(0, 2, 0.25, 1)),
              ElementsAre("compute 2: 0.6667*8 + 0.3333*2 train r1 scale 1.333"));
  EXPECT_THAT(rig.computed(2, 6),
              ElementsAre("completed 1", "persist r1 x=6 m=0.375 pending 1#1=0.5 pending 1#2=0.375",
                          "send 1: ack #1", "send 1: model r1 x=6 m=0.375 #2"));
}

TEST(PushSum, AcknowledgedShareIsForgotten) {
  Rig rig = splitting();
  EXPECT_THAT(rig.message(1, ShareAck{1}), IsEmpty());
  EXPECT_THAT(rig.message(1, ShareAck{1}), IsEmpty()) << "twice";
  EXPECT_THAT(rig.message(1, ShareAck{77}), IsEmpty()) << "never sent";
  rig.message(1, share(0, 2, 0.5, 1));
  EXPECT_THAT(rig.computed(2, 6), Contains("persist r1 x=6 m=0.5 pending 1#2=0.5"));
}

TEST(PushSum, AcknowledgementOfAnotherPartyChangesNothing) {
  Rig rig = splitting();
  rig.message(5, ShareAck{1});
  EXPECT_THAT(rig.deadline(10s), ElementsAre("send 1: model r0 x=8 m=0.5 #1"));
}

TEST(PushSum, UnacknowledgedShareIsSentAgainWithGrowingPauses) {
  Rig rig = splitting();
  const Lines again{"send 1: model r0 x=8 m=0.5 #1"};
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(10s));
  EXPECT_THAT(rig.deadline(10s - 1ns), IsEmpty());
  EXPECT_EQ(rig.deadline(10s), again);
  EXPECT_THAT(rig.deadline(10s), IsEmpty());
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(30s));  // and the round's own deadline
  EXPECT_EQ(rig.deadline(30s).front(), again.front());
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(70s));
}

TEST(PushSum, RepeatedShareIsAcknowledgedAgainAndNotAbsorbed) {
  Rig rig = splitting();
  rig.message(1, share(0, 2, 0.5, 1));
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1)), ElementsAre("rejected 1 duplicate"))
      << "not recorded yet: no acknowledgement";
  rig.computed(2, 6);
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1)), ElementsAre("send 1: ack #1", "rejected 1 duplicate"));
}

TEST(PushSum, TheSameShareTwiceBeforeTheMixCountsOnce) {
  Rig rig(make_push_sum, pair_run());
  rig.start();
  rig.message(1, share(0, 2, 0.5, 1));
  rig.message(1, share(0, 2, 0.5, 1));
  EXPECT_THAT(rig.computed(1, 8), Contains("compute 2: 0.5*8 + 0.5*2 train r1"));
}

TEST(PushSum, LateSharesStillCount) {
  Rig rig = splitting();
  EXPECT_THAT(rig.deadline(30s), Contains("compute 2: 1*8 train r1 scale 2"));
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1), 31s), IsEmpty());
  rig.computed(2, 6, 32s);
  EXPECT_EQ(static_cast<Party&>(*rig.machine).mass(), 0.25);
  EXPECT_THAT(rig.message(1, share(1, 4, 0.25, 2), 33s),
              ElementsAre("compute 3: 0.25*6 + 0.5*2 + 0.25*4 train r2"));
}

TEST(PushSum, SharesAfterTheEndAreAbsorbedRecordedAcknowledgedAndReported) {
  Rig rig = splitting(1);
  rig.message(1, ShareAck{1});
  rig.deadline(30s);
  EXPECT_THAT(rig.computed(2, 8, 31s),
              ElementsAre("completed 1 x=8", "persist r1 x=8 m=0.5 finished", "finished x=8 m=0.5"));
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1), 32s), ElementsAre("compute 3: 0.5*8 + 0.5*2"));
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1), 32s), ElementsAre("rejected 1 duplicate"));
  EXPECT_THAT(rig.computed(3, 5, 33s),
              ElementsAre("persist r1 x=5 finished", "send 1: ack #1", "finished x=5"));
}

TEST(PushSum, FinishedPartyKeepsSendingWhatIsNotAcknowledged) {
  Rig rig = splitting(1);
  rig.message(1, share(0, 2, 0.5, 1));
  rig.computed(2, 8, 0s);
  EXPECT_TRUE(rig.machine->finished());
  EXPECT_EQ(rig.machine->next_deadline(), std::optional<Time>(10s));
  EXPECT_THAT(rig.deadline(10s), ElementsAre("send 1: model r0 x=8 m=0.5 #1"));
  rig.message(1, ShareAck{1});
  EXPECT_FALSE(rig.machine->next_deadline());
}

TEST(PushSum, GivesUpOnADeadReceiverUntilItIsHeard) {
  Rig rig = splitting(1);
  rig.message(1, share(0, 2, 0.5, 1));
  rig.computed(2, 8, 0s);
  Time now = 0s;
  std::size_t sent = 0;
  for (; rig.machine->next_deadline() && sent < 1000; ++sent)
    rig.deadline(now = *rig.machine->next_deadline());
  EXPECT_EQ(sent, 24U);
  EXPECT_LT(now, 2h);
  // Its share comes again: it lives, so ours is worth another try.
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1), now + 1h), Contains("rejected 1 duplicate"));
  ASSERT_TRUE(rig.machine->next_deadline());
  EXPECT_THAT(rig.deadline(now + 1h), ElementsAre("send 1: model r0 x=8 m=0.5 #1"));
}

TEST(PushSum, SilentReceiverGetsAtMost32SharesUntilItAnswers) {
  Rig rig = splitting(100);
  Time now = 0s;
  for (Round r = 0; r < 40; ++r) {
    if (r >= 3) {
      ASSERT_TRUE(rig.asked()) << "suspected: nobody to wait for";
    } else {
      while (!rig.asked()) rig.deadline(now = *rig.machine->next_deadline());
    }
    rig.computed(*rig.asked(), 8, now);
  }
  EXPECT_EQ(rig.persisted().pending.size(), 32U);
  const double mass = static_cast<Party&>(*rig.machine).mass();
  double given = 0;
  for (const PendingShare& pending : rig.persisted().pending) given += pending.mass;
  EXPECT_NEAR(mass + given, 1, 1e-12);
  rig.message(1, ShareAck{5}, now);
  rig.computed(42, 8, now);
  EXPECT_EQ(rig.persisted().pending.size(), 32U) << "a place was free";
}

TEST(PushSum, ComesBackWithMassSharesAndMemory) {
  Rig before = splitting();
  before.message(1, share(0, 2, 0.5, 1));
  before.computed(2, 6);
  const Record record = before.persisted();
  Rig rig(make_push_sum, pair_run(), 0, record);
  EXPECT_THAT(rig.start(100s), ElementsAre("send 1: model r1 x=6 m=0.5 #2"));
  EXPECT_EQ(static_cast<Party&>(*rig.machine).mass(), 0.5);
  EXPECT_THAT(rig.message(1, share(0, 2, 0.5, 1), 101s),
              ElementsAre("send 1: ack #1", "rejected 1 duplicate"));
  EXPECT_THAT(rig.deadline(101s),
              ElementsAre("send 1: model r0 x=8 m=0.5 #1", "send 1: model r1 x=6 m=0.5 #2"));
  rig.message(1, share(1, 4, 0.5, 2), 102s);
  EXPECT_THAT(rig.computed(1, 5, 103s), Contains("send 1: model r2 x=5 m=0.5 #3")) << "sequences go on";
}

TEST(PushSum, BadSharesAreRefused) {
  Rig rig = splitting();
  const struct {
    const char* what;
    std::uint32_t from;
    Message message;
    const char* expected;
  } table[] = {
      {"no sequence", 1, share(0, 2, 0.5, 0), "rejected 1 unexpected_sender"},
      {"more shares than rounds", 1, share(0, 2, 0.5, 2), "rejected 1 unexpected_sender"},
      {"no mass", 1, share(0, 2, 0, 1), "rejected 1 bad_weight"},
      {"more mass than there is", 1, share(0, 2, 2.5, 1), "rejected 1 bad_weight"},
      {"infinite mass", 1, share(0, 2, std::numeric_limits<double>::infinity(), 1), "rejected 1 bad_weight"},
      {"stranger", 4, share(0, 2, 0.5, 1), "rejected 4 unexpected_sender"},
      {"ourselves", 0, share(0, 2, 0.5, 1), "rejected 0 unexpected_sender"},
      {"after the run", 1, share(50, 2, 0.5, 1), "rejected 1 unexpected_sender"},
      {"wrong size", 1, share(0, 2, 0.5, 1, 3), "rejected 1 wrong_size"},
      {"other type", 1, ChunkMessage{}, "rejected 1 unexpected_type"},
  };
  for (const auto& row : table) {
    EXPECT_THAT(rig.message(row.from, row.message), ElementsAre(row.expected)) << row.what;
  }
}

// A party that gives and no longer receives must not give all of its mass away round by round: what it keeps
// would shrink to nothing, and its training steps, divided by the mass, would grow to infinity.
struct Alone {
  double mass = 0;
  float scale_max = 0;
  Time took{};
  bool finished = false;
};

/// Runs party 0 to its end while peers say nothing, or acknowledge every share.
Alone run_alone(RunOptions run, bool acknowledge) {
  Rig rig(make_push_sum, std::move(run));
  Alone result;
  rig.start();
  while (result.took < 48h) {
    std::vector<std::pair<PartyId, std::uint64_t>> shares;
    for (const Effect& effect : rig.out.items()) {
      if (const auto* send = std::get_if<Send>(&effect)) {
        shares.emplace_back(send->to, std::get<ModelMessage>(send->message).sequence);
        EXPECT_GT(std::get<ModelMessage>(send->message).weight, 0);
      }
      if (const auto* compute = std::get_if<Compute>(&effect)) {
        result.scale_max = std::max(result.scale_max, std::get<MixAndTrain>(compute->task).step_scale);
      }
    }
    const auto asked = rig.asked();
    for (const auto& [to, sequence] : shares) {
      if (acknowledge) rig.message(static_cast<std::uint32_t>(to), ShareAck{sequence}, result.took);
    }
    if (asked) {
      rig.computed(*asked, 8, result.took);
    } else if (!rig.machine->finished() && rig.machine->next_deadline()) {
      rig.deadline(result.took = std::max(result.took, *rig.machine->next_deadline()));
    } else {
      break;
    }
  }
  result.finished = rig.machine->finished();
  result.mass = static_cast<Party&>(*rig.machine).mass();
  return result;
}

TEST(PushSum, MassNeverShrinksToNothing) {
  RunOptions ring = run_options(3, 400);  // 0 -> 1 -> 2 -> 0
  ring.topology = graph({{.5, 0, .5}, {.5, .5, 0}, {0, .5, .5}}, topology::Promise::column_stochastic);
  for (const RunOptions& run : {run_options(2, 400), run_options(9, 400), ring}) {
    for (const bool acknowledge : {false, true}) {
      const Alone alone = run_alone(run, acknowledge);
      EXPECT_TRUE(alone.finished);
      EXPECT_GT(alone.mass, 1e-3);
      EXPECT_LE(alone.scale_max, 8.0f);
      EXPECT_LT(alone.took, 1h)
          << "acknowledgements of finished peers are no reason to wait for their models";
    }
  }
}

}  // namespace
}  // namespace hansa::protocols::testing
