// Cohort all-reduce: the pieces, the exact mean, and what happens when an owner or a member is missing.
#include "tests/protocols/support/rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace hansa::protocols::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

RunOptions cohort_run(std::uint32_t parties, std::size_t count, Round rounds = 1) {
  RunOptions run = run_options(parties, rounds, count);
  run.topology = nullptr;  // cohorts need none
  return run;
}

// Every piece that parties send in the first step lies in the model, and the pieces of one sender, with its
// own, cover the model once: for any size and any number of members, also more members than floats.
TEST(Cohort, PiecesCoverTheModelOnceForAnySize) {
  for (const std::uint32_t members : {1U, 2U, 3U, 5U, 8U, 13U}) {
    for (const std::size_t size : {1U, 2U, 7U, 15U, 16U, 17U, 47U, 48U, 128U, 1000U, 1003U}) {
      std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> pieces;  // owner -> offset, count
      for (std::uint32_t self = 0; self < members; ++self) {
        Rig rig(make_cohort, cohort_run(members, size), self);
        rig.start();
        rig.computed(1, result_of(1, size));
        std::uint32_t sent = 0;
        for (const Effect& effect : rig.out.items()) {
          const auto* send = std::get_if<Send>(&effect);
          if (send == nullptr) continue;
          const auto& chunk = std::get<ChunkMessage>(send->message);
          ASSERT_GT(chunk.piece.count, 0U);
          ASSERT_EQ(chunk.piece.first, chunk.offset);
          const auto place = std::pair(chunk.offset, chunk.piece.count);
          const auto [known, fresh] = pieces.emplace(static_cast<std::uint32_t>(send->to), place);
          ASSERT_EQ(known->second, place) << "senders agree about owners";
          sent += chunk.piece.count;
        }
        ASSERT_LE(sent, size);
      }
      if (members == 1) continue;
      std::uint32_t next = 0;
      for (const auto& [owner, piece] : pieces) {
        EXPECT_EQ(piece.first, next) << size << " floats, " << members << " members";
        next += piece.second;
        EXPECT_TRUE(size < 16U * members || piece.first % 16 == 0) << "cache lines";
      }
      EXPECT_EQ(next, size) << size << " floats, " << members << " members";
    }
  }
}

TEST(Cohort, TwoStepsOfThree) {
  Rig rig(make_cohort, cohort_run(3, 3));
  rig.start();
  EXPECT_THAT(
      rig.computed(1, result_of(3, 3)),
      ElementsAre("persist r0 x=3", "send 1: chunk r0 [1+1] x=3 w=1", "send 2: chunk r0 [2+1] x=3 w=1"));
  const auto chunk = [](float x) {
    return ChunkMessage{.round = 0, .offset = 0, .piece = Slice::whole(constant_model(1, x))};
  };
  const auto mean = [](std::uint32_t offset, float x) {
    return MeanChunkMessage{.offset = offset, .weight = 3, .piece = Slice::whole(constant_model(1, x))};
  };
  EXPECT_THAT(rig.message(2, chunk(9)), IsEmpty());
  EXPECT_THAT(rig.message(1, mean(1, 60)), IsEmpty());  // owner 1 is a step ahead
  EXPECT_THAT(rig.message(1, chunk(6)), ElementsAre("compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9"));
  EXPECT_THAT(rig.message(1, chunk(6)), ElementsAre("rejected 1 late"));
  EXPECT_THAT(rig.computed(2, result_of(6, 1)),
              ElementsAre("send 1: mean r0 [0+1] x=6 w=3", "send 2: mean r0 [0+1] x=6 w=3"));
  EXPECT_THAT(rig.message(2, mean(2, 70)), ElementsAre("compute 3: 1*6 | 1*60 | 1*70"));
  EXPECT_THAT(rig.computed(3, result_of(6, 3)), Contains("finished x=6"));
}

TEST(Cohort, MissingOwnerKeepsOurPieceAndMissingMemberIsLeftOut) {
  Rig rig(make_cohort, cohort_run(3, 3));
  rig.start();
  rig.computed(1, result_of(3, 3), 0s);
  rig.message(1, ChunkMessage{.piece = Slice::whole(constant_model(1, 6))}, 1s);
  EXPECT_THAT(rig.deadline(30s), ElementsAre("missing r0 2 deadline", "compute 2: 0.5*3 + 0.5*6"));
  EXPECT_THAT(rig.computed(2, result_of(4.5, 1), 30s),
              ElementsAre("send 1: mean r0 [0+1] x=4.5 w=2", "send 2: mean r0 [0+1] x=4.5 w=2"));
  rig.message(1, MeanChunkMessage{.offset = 1, .weight = 2, .piece = Slice::whole(constant_model(1, 60))},
              31s);
  EXPECT_THAT(rig.deadline(rig.machine->next_deadline().value()),
              ElementsAre("missing r0 2 deadline", "compute 3: 1*4.5 | 1*60 | 1*3"));
}

TEST(Cohort, SampleCountsWeighTheMean) {
  RunOptions run = cohort_run(2, 2);
  run.weights = MixWeights::sample_count;
  Rig rig(make_cohort, run, 0, std::nullopt, 10);
  rig.start();
  EXPECT_THAT(rig.computed(1, 3), Contains("send 1: chunk r0 [1+1] x=3 w=10"));
  EXPECT_THAT(rig.message(1, ChunkMessage{.weight = 30, .piece = Slice::whole(constant_model(1, 7))}),
              ElementsAre("compute 2: 0.25*3 + 0.75*7"));
  EXPECT_THAT(rig.computed(2, result_of(6, 1)), ElementsAre("send 1: mean r0 [0+1] x=6 w=40"));
}

// Regression: pieces that arrive while an evaluated round trains are early, not late.
TEST(Cohort, EarlyPiecesWaitWhileAnEvaluatedRoundTrains) {
  RunOptions run = cohort_run(2, 2, 2);
  run.eval_every = 1;
  Rig rig(make_cohort, run);
  rig.start();
  rig.computed(1, 3);
  const auto chunk = [](Round round, float x) {
    return ChunkMessage{.round = round, .piece = Slice::whole(constant_model(1, x))};
  };
  rig.message(1, chunk(0, 5));
  rig.computed(2, result_of(4, 1));
  rig.message(1, MeanChunkMessage{.offset = 1, .piece = Slice::whole(constant_model(1, 4))});
  EXPECT_THAT(rig.computed(3, result_of(4)), ElementsAre("completed 1 x=4", "compute 4: 1*4 train r1"));
  EXPECT_THAT(rig.message(1, chunk(1, 7)), IsEmpty());
  EXPECT_THAT(rig.computed(4, result_of(5)),
              ElementsAre(StartsWith("persist r1 x=5"), "send 1: chunk r1 [1+1] x=5 w=1",
                          "compute 5: 0.5*5 + 0.5*7"));
}

TEST(Cohort, MoreMembersThanFloats) {
  RunOptions run = cohort_run(3, 2);
  Rig rig(make_cohort, run, 0);
  rig.start();
  const Lines sent = rig.computed(1, result_of(3, 2));
  EXPECT_EQ(sent.size(), 4U) << "persist, two pieces, compute; party 0 of 3 owns floats [0, 2*1/3) = none";
  EXPECT_THAT(sent, Contains("compute 2:")) << "nothing to average";
  EXPECT_THAT(rig.computed(2, result_of(0, 0)), IsEmpty()) << "nothing to tell either";
  rig.message(1, MeanChunkMessage{.offset = 0, .piece = Slice::whole(constant_model(1, 8))});
  EXPECT_THAT(rig.message(2, MeanChunkMessage{.offset = 1, .piece = Slice::whole(constant_model(1, 9))}),
              ElementsAre("compute 3: 1*8 | 1*9"));
}

TEST(Cohort, BadPiecesAreRefused) {
  Rig rig(make_cohort, cohort_run(3, 3));
  rig.start();
  rig.computed(1, result_of(3, 3));
  const auto one = constant_model(1, 6);
  const struct {
    std::uint32_t from;
    Message message;
    const char* expected;
  } table[] = {
      {1, ChunkMessage{.offset = 1, .piece = Slice::whole(one)}, "rejected 1 wrong_size"},
      {1, ChunkMessage{.piece = {one, 0, 2}}, "rejected 1 wrong_size"},
      {1, ChunkMessage{.piece = {one, 1, 1}}, "rejected 1 wrong_size"},
      {1, ChunkMessage{.weight = 0, .piece = Slice::whole(one)}, "rejected 1 bad_weight"},
      {1, ChunkMessage{.round = 1, .piece = Slice::whole(one)}, "rejected 1 unexpected_sender"},
      {0, ChunkMessage{.piece = Slice::whole(one)}, "rejected 0 unexpected_sender"},
      {9, ChunkMessage{.piece = Slice::whole(one)}, "rejected 9 unexpected_sender"},
      {1, MeanChunkMessage{.offset = 2, .piece = Slice::whole(one)}, "rejected 1 wrong_size"},
      {1, model_message(0, 1, 3), "rejected 1 unexpected_type"},
      {1, ShareAck{1}, "rejected 1 unexpected_type"},
      {1, packet_message(0), "rejected 1 unexpected_type"},
  };
  for (const auto& row : table) EXPECT_THAT(rig.message(row.from, row.message), ElementsAre(row.expected));
}

TEST(Cohort, AloneKeepsItsModel) {
  Rig rig(make_cohort, cohort_run(1, 2));
  rig.start();
  EXPECT_THAT(rig.computed(1, 3), ElementsAre("persist r0 x=3", "compute 2: 1*3"));
  EXPECT_THAT(rig.computed(2, result_of(3, 2)), ElementsAre("compute 3: 1*3"));
  EXPECT_THAT(rig.computed(3, 3), Contains("finished x=3"));
}

TEST(Cohort, JoinsPeersAheadFromTheSecondStep) {
  Rig rig(make_cohort, cohort_run(2, 2, 9));
  rig.start();
  rig.computed(1, 3, 0s);
  rig.message(1, ChunkMessage{.piece = Slice::whole(constant_model(1, 5))}, 1s);
  rig.computed(2, result_of(4, 1), 1s);
  rig.message(1, ChunkMessage{.round = 5, .piece = Slice::whole(constant_model(1, 50))}, 2s);
  EXPECT_THAT(rig.deadline(rig.machine->next_deadline().value()),
              ElementsAre("missing r0 1 deadline", "skipped 0->5", "persist r5 x=3",
                          "send 1: chunk r5 [1+1] x=3 w=1", "compute 3: 0.5*3 + 0.5*50"));
}

}  // namespace
}  // namespace hansa::protocols::testing
