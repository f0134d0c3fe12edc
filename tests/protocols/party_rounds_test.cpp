// The round of a party, as a table of inputs and expected effects, told with D-PSGD among three parties that
// all know each other (weights 1/3).
#include "tests/protocols/support/rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace hansa::protocols::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

Rig three(Round rounds = 3) { return Rig(make_d_psgd, run_options(3, rounds)); }

/// A party that has trained round 0 to 3 and waits for parties 1 and 2.
Rig waiting(RunOptions run) {
  Rig rig(make_d_psgd, std::move(run));
  rig.start();
  rig.computed(1, 3);
  return rig;
}

TEST(PartyRound, StartTrains) {
  Rig rig = three();
  EXPECT_THAT(rig.start(), ElementsAre("compute 1: 1*0 train r0"));
  EXPECT_FALSE(rig.machine->next_deadline());
  EXPECT_FALSE(rig.machine->finished());
}

TEST(PartyRound, TrainedModelIsDurableBeforeItLeaves) {
  Rig rig = three();
  rig.start();
  EXPECT_THAT(rig.computed(1, 3),
              ElementsAre("persist r0 x=3", "send 1: model r0 x=3", "send 2: model r0 x=3"));
}

TEST(PartyRound, ModelGoesToOutNeighboursOnly) {
  RunOptions run = run_options(3, 1);  // 0 -> 1, 2 -> 0
  run.topology = graph({{.5, 0, .5}, {.5, .5, 0}, {0, .5, .5}}, topology::Promise::doubly_stochastic);
  Rig rig(make_d_psgd, run);
  rig.start();
  EXPECT_THAT(rig.computed(1, 3), ElementsAre("persist r0 x=3", "send 1: model r0 x=3"));
  EXPECT_THAT(rig.message(1, model_message(0, 9)), ElementsAre("rejected 1 unexpected_sender"));
  EXPECT_THAT(rig.message(2, model_message(0, 6)), ElementsAre("compute 2: 0.5*3 + 0.5*6"));
}

TEST(PartyRound, MixesOnlyWhenCompleteAndInIdOrder) {
  Rig rig = waiting(run_options(3, 3));
  EXPECT_THAT(rig.message(2, model_message(0, 9)), IsEmpty());
  EXPECT_THAT(rig.message(1, model_message(0, 6)),
              ElementsAre("compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r1"));
  EXPECT_THAT(rig.computed(2, 7),
              ElementsAre("completed 1", "persist r1 x=7", "send 1: model r1 x=7", "send 2: model r1 x=7"));
  EXPECT_EQ(rig.machine->round(), 1U);
}

TEST(PartyRound, EarlyMessagesWaitForTheirRound) {
  Rig rig = three();
  rig.start();
  EXPECT_THAT(rig.message(1, model_message(0, 6)), IsEmpty());  // while we train
  EXPECT_THAT(rig.message(2, model_message(0, 9)), IsEmpty());
  EXPECT_THAT(rig.message(2, model_message(1, 90)), IsEmpty());  // 2 is a round ahead
  EXPECT_THAT(rig.computed(1, 3),
              ElementsAre("persist r0 x=3", "send 1: model r0 x=3", "send 2: model r0 x=3",
                          "compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r1"));
  EXPECT_THAT(rig.message(1, model_message(1, 60)), IsEmpty());  // while we mix
  EXPECT_THAT(rig.computed(2, 30),
              ElementsAre("completed 1", "persist r1 x=30", "send 1: model r1 x=30", "send 2: model r1 x=30",
                          "compute 3: 0.3333*30 + 0.3333*60 + 0.3333*90 train r2"));
}

TEST(PartyRound, LateMessagesAreRefusedAndReported) {
  Rig rig = waiting(run_options(3, 3));
  rig.message(1, model_message(0, 6));
  rig.message(2, model_message(0, 9));  // mixing now
  EXPECT_THAT(rig.message(1, model_message(0, 6)), ElementsAre("rejected 1 late"));
  rig.computed(2, 7);
  EXPECT_THAT(rig.message(2, model_message(0, 9)), ElementsAre("rejected 2 late"));
}

TEST(PartyRound, DuplicatesAreRefusedAndReported) {
  Rig rig = waiting(run_options(3, 3));
  rig.message(1, model_message(0, 6));
  EXPECT_THAT(rig.message(1, model_message(0, 8)), ElementsAre("rejected 1 duplicate"));
  EXPECT_THAT(rig.message(2, model_message(0, 9)),
              ElementsAre("compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r1"));
}

TEST(PartyRound, OfEarlyDuplicatesTheFirstCounts) {
  Rig rig = three();
  rig.start();
  for (const float x : {6.0f, 8.0f}) rig.message(1, model_message(0, x));
  rig.message(2, model_message(0, 9));
  EXPECT_THAT(rig.computed(1, 3),
              ElementsAre("persist r0 x=3", "send 1: model r0 x=3", "send 2: model r0 x=3",
                          "compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r1"));
}

TEST(PartyRound, EarlyMessagesHaveALimitPerSender) {
  Rig rig(make_d_psgd, run_options(3, 100));
  rig.start();
  for (Round r = 0; r < 32; ++r) EXPECT_THAT(rig.message(1, model_message(r, 6)), IsEmpty());
  EXPECT_THAT(rig.message(1, model_message(32, 6)), ElementsAre("rejected 1 too_many"));
  EXPECT_THAT(rig.message(2, model_message(32, 6)), IsEmpty()) << "the other sender has its own limit";
}

struct Bad {
  const char* what;
  std::uint32_t from;
  Message message;
  const char* expected;
};

TEST(PartyRound, BadMessagesAreRefusedAndChangeNothing) {
  const double infinity = std::numeric_limits<double>::infinity();
  const ParametersRef two = constant_model(2, 1);
  const Bad table[] = {
      {"too small", 1, model_message(0, 1, 1), "rejected 1 wrong_size"},
      {"too large", 1, model_message(0, 1, 3), "rejected 1 wrong_size"},
      {"empty", 1, ModelMessage{}, "rejected 1 wrong_size"},
      {"slice beyond its block", 1, ModelMessage{.model = {two, 1, 2}}, "rejected 1 wrong_size"},
      {"slice that wraps around", 1, ModelMessage{.model = {two, ~0U, 2}}, "rejected 1 wrong_size"},
      {"slice of nothing", 1, ModelMessage{.model = {{}, 0, 2}}, "rejected 1 wrong_size"},
      {"weight 0", 1, model_message(0, 1, 2, 0), "rejected 1 bad_weight"},
      {"negative weight", 1, model_message(0, 1, 2, -1), "rejected 1 bad_weight"},
      {"infinite weight", 1, model_message(0, 1, 2, infinity), "rejected 1 bad_weight"},
      {"weights whose sum overflows", 1, model_message(0, 1, 2, std::numeric_limits<double>::max()),
       "rejected 1 bad_weight"},
      {"NaN weight", 1, model_message(0, 1, 2, std::numeric_limits<double>::quiet_NaN()),
       "rejected 1 bad_weight"},
      {"stranger", 7, model_message(0, 1), "rejected 7 unexpected_sender"},
      {"ourselves", 0, model_message(0, 1), "rejected 0 unexpected_sender"},
      {"round beyond the run", 1, model_message(3, 1), "rejected 1 unexpected_sender"},
      {"chunk", 1, ChunkMessage{.piece = {two, 0, 2}}, "rejected 1 unexpected_type"},
      {"mean chunk", 1, MeanChunkMessage{.piece = {two, 0, 2}}, "rejected 1 unexpected_type"},
      {"acknowledgement", 1, ShareAck{1}, "rejected 1 unexpected_type"},
      {"packet of a secure sum", 1, packet_message(0), "rejected 1 unexpected_type"},
  };
  Rig rig = waiting(run_options(3, 3));
  for (const Bad& bad : table) {
    EXPECT_THAT(rig.message(bad.from, bad.message), ElementsAre(bad.expected)) << bad.what;
  }
  rig.message(1, model_message(0, 6));
  EXPECT_THAT(rig.message(2, model_message(0, 9)),
              ElementsAre("compute 2: 0.3333*3 + 0.3333*6 + 0.3333*9 train r1"));
}

TEST(PartyRound, StaleComputationsAreIgnored) {
  Rig rig = three();
  rig.start();
  EXPECT_THAT(rig.computed(0, 5), IsEmpty());
  EXPECT_THAT(rig.computed(7, 5), IsEmpty());
  rig.computed(1, 3);
  EXPECT_THAT(rig.computed(1, 5), IsEmpty()) << "the same answer twice";
  rig.message(1, model_message(0, 6));
  rig.message(2, model_message(0, 9));
  EXPECT_THAT(rig.computed(1, 5), IsEmpty());
  EXPECT_EQ(rig.computed(2, 7).size(), 4U);
}

TEST(PartyRound, EvaluationRoundsCarryTheMixedModel) {
  RunOptions run = run_options(2, 3);
  run.eval_every = 2;
  Rig rig(make_d_psgd, run);
  EXPECT_THAT(rig.start(), ElementsAre("completed 0 x=0", "compute 1: 1*0 train r0"));
  rig.computed(1, 2);
  EXPECT_THAT(rig.message(1, model_message(0, 4)), ElementsAre("compute 2: 0.5*2 + 0.5*4 train r1"));
  EXPECT_THAT(rig.computed(2, 5), ElementsAre("completed 1", "persist r1 x=5", "send 1: model r1 x=5"));
  // Round 2 is evaluated: the mix must be seen as it is, so training is a computation of its own.
  EXPECT_THAT(rig.message(1, model_message(1, 7)), ElementsAre("compute 3: 0.5*5 + 0.5*7"));
  EXPECT_THAT(rig.computed(3, 6), ElementsAre("completed 2 x=6", "compute 4: 1*6 train r2"));
  rig.computed(4, 8);
  EXPECT_THAT(rig.message(1, model_message(2, 10)), ElementsAre("compute 5: 0.5*8 + 0.5*10"));
  EXPECT_THAT(rig.computed(5, 9), ElementsAre("completed 3 x=9", "persist r3 x=9 finished", "finished x=9"));
  EXPECT_TRUE(rig.machine->finished());
  EXPECT_FALSE(rig.machine->next_deadline());
  EXPECT_THAT(rig.message(1, model_message(2, 10)), ElementsAre("rejected 1 late"));
}

TEST(PartyRound, MessagesWaitWhileAnEvaluatedRoundTrains) {
  RunOptions run = run_options(2, 2);
  run.eval_every = 1;
  Rig rig(make_d_psgd, run);
  rig.start();
  rig.computed(1, 2);
  rig.message(1, model_message(0, 4));
  EXPECT_THAT(rig.computed(2, 3), ElementsAre("completed 1 x=3", "compute 3: 1*3 train r1"));
  EXPECT_THAT(rig.message(1, model_message(1, 7)), IsEmpty());
  EXPECT_THAT(rig.computed(3, 5),
              ElementsAre("persist r1 x=5", "send 1: model r1 x=5", "compute 4: 0.5*5 + 0.5*7"));
}

TEST(PartyRound, FinishRoundsMixWithoutTraining) {
  RunOptions run = run_options(2, 3);
  run.finish_rounds = 2;
  Rig rig(make_d_psgd, run);
  rig.start();
  rig.computed(1, 2);
  EXPECT_THAT(rig.message(1, model_message(0, 4)), ElementsAre("compute 2: 0.5*2 + 0.5*4"));
  EXPECT_THAT(rig.computed(2, 3), ElementsAre("completed 1", "persist r1 x=3", "send 1: model r1 x=3"));
  EXPECT_THAT(rig.message(1, model_message(1, 5)), ElementsAre("compute 3: 0.5*3 + 0.5*5"));
}

TEST(PartyRound, RunOfFinishRoundsOnlyNeverTrains) {
  RunOptions run = run_options(2, 1);
  run.finish_rounds = 1;
  run.initial_model = constant_model(2, 4);
  Rig rig(make_d_psgd, run);
  EXPECT_THAT(rig.start(), ElementsAre("persist r0 x=4", "send 1: model r0 x=4"));
}

TEST(PartyRound, LossOfTheRoundIsReportedWithItsCompletion) {
  Rig rig(make_d_psgd, run_options(2, 3));
  rig.start();
  Computed result = result_of(3);
  result.loss_sum = 12.5;
  result.rows = 50;
  rig.computed(1, result);
  rig.message(1, model_message(0, 4));
  result.loss_sum = 99;
  rig.computed(2, result);
  const auto* emit = std::get_if<Emit>(&rig.out.items().front());
  ASSERT_NE(emit, nullptr);
  const auto& completed = std::get<RoundCompleted>(emit->event);
  EXPECT_EQ(completed.loss_sum, 12.5);
  EXPECT_EQ(completed.rows, 50U);
}

TEST(PartyRound, OptimiserStateTravelsFromTrainingToTraining) {
  Rig rig(make_d_psgd, run_options(2, 3));
  rig.start();
  Computed result = result_of(3);
  result.optimiser_state = constant_model(1, 42);
  rig.computed(1, result);
  EXPECT_EQ(text(rig.persisted().optimiser_state), "42");
  rig.message(1, model_message(0, 4));
  const auto& task = std::get<MixAndTrain>(std::get<Compute>(rig.out.items().back()).task);
  EXPECT_EQ(task.optimiser_state, result.optimiser_state) << "the same block, no copy";
}

TEST(PartyRound, SampleCountsWeighWhatArrives) {
  RunOptions run = run_options(3, 1);
  run.weights = MixWeights::sample_count;
  Rig rig(make_d_psgd, run, 1, std::nullopt, 10);
  rig.start();
  EXPECT_THAT(rig.computed(1, 3),
              ElementsAre("persist r0 x=3", "send 0: model r0 x=3 w=10", "send 2: model r0 x=3 w=10"));
  rig.message(0, model_message(0, 6, 2, 30));
  EXPECT_THAT(rig.message(2, model_message(0, 9, 2, 60)), ElementsAre("compute 2: 0.3*6 + 0.1*3 + 0.6*9"));
}

TEST(PartyRound, IdleRoundOfATimeVaryingGraphMixesNothing) {
  RunOptions run = run_options(2, 2);
  run.topology = std::make_shared<MatrixTopology>(
      std::vector<MatrixTopology::Matrix>{{{1, 0}, {0, 1}}, {{.5, .5}, {.5, .5}}},
      topology::Promise::symmetric_doubly_stochastic);
  Rig rig(make_d_psgd, run);
  rig.start();
  EXPECT_THAT(rig.computed(1, 3), ElementsAre("persist r0 x=3", "compute 2: 1*3 train r1"));
  EXPECT_THAT(rig.computed(2, 4), ElementsAre("completed 1", "persist r1 x=4", "send 1: model r1 x=4"));
}

}  // namespace
}  // namespace hansa::protocols::testing
