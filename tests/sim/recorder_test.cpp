// What parties report, as tables of events, and the records that must come of them.
#include "sim/recorder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

namespace hansa::sim {
namespace {

using protocols::Finished;
using protocols::MissReason;
using protocols::PeerMissing;
using protocols::Rejected;
using protocols::RoundCompleted;
using protocols::RoundsSkipped;

class RecorderTest : public ::testing::Test {
 protected:
  RecorderTest() {
    auto data = std::make_shared<learn::Dataset>();
    data->rows = 4;
    data->features = 1;
    data->dense = {-2, -1, 1, 2};
    data->label = {0, 0, 1, 1};
    model_ = learn::make_model("logistic-regression", *data, {}).value();
    evaluator_ = std::make_unique<Evaluator>(*model_, learn::Shard{data, {0, 1, 2, 3}});
    config_.parties = 3;
    config_.rounds = 20;
  }

  Recorder& recorder() {
    if (!recorder_) {
      recorder_ = std::make_unique<Recorder>(config_, *evaluator_, pool_, "auc", on_progress_, bytes_);
    }
    return *recorder_;
  }

  /// A model with one weight; its consensus distance and metrics are easy to see.
  ParametersRef model(float weight) const {
    Parameters parameters = Parameters::zeros(model_->parameter_count());
    parameters.data()[0] = weight;
    return std::move(parameters).freeze();
  }
  void completed(std::size_t party, Round round, float weight, Time now = {}, double loss = 2) {
    recorder().on_event(party_at(party), RoundCompleted{round, model(weight), loss, 2}, now);
  }
  void without_model(std::size_t party, Round round) {
    recorder().on_event(party_at(party), RoundCompleted{round, {}, 0, 0}, {});
  }
  void finished(std::size_t party, float weight) {
    recorder().on_event(party_at(party), Finished{model(weight)}, {});
  }
  std::vector<RoundRecord> close() {
    recorder().close();
    return recorder().take_rounds();
  }

  config::RunConfig config_;
  std::shared_ptr<const learn::Model> model_;
  std::unique_ptr<Evaluator> evaluator_;
  exec::WorkerPool pool_{1};
  std::atomic<std::uint64_t> bytes_{0};
  std::size_t evaluated_ = 0;
  std::size_t reports_ = 0;
  Progress last_;
  std::function<void(const Progress&)> on_progress_ = [this](const Progress& progress) {
    if (progress.evaluated != nullptr) ++evaluated_;
    ++reports_;
    EXPECT_GE(progress.fraction, last_.fraction) << "a bar never goes back";
    EXPECT_GE(progress.round, last_.round);
    last_ = progress;
  };
  std::unique_ptr<Recorder> recorder_;
};

TEST_F(RecorderTest, ARoundIsEvaluatedOnceEverybodyHasReportedIt) {
  bytes_ = 6'000'000;
  completed(0, 1, 1, Time(5), 6);
  completed(2, 1, 1, Time(7), 2);
  recorder().on_event(party_at(2), PeerMissing{0, party_at(1), MissReason::deadline}, Time(7));
  EXPECT_EQ(evaluated_, 0u);
  completed(1, 1, -2, std::chrono::seconds(9), 4);
  EXPECT_EQ(evaluated_, 1u);
  const auto rounds = close();
  ASSERT_EQ(rounds.size(), 1u);
  const RoundRecord& round = rounds[0];
  EXPECT_EQ(round.round, 1u);
  EXPECT_EQ(round.virtual_seconds, 9);
  EXPECT_EQ(round.loss, (6.0 + 2 + 4) / 6);
  EXPECT_EQ(round.parties_reporting, 3u);
  EXPECT_EQ(round.missing, 1u);
  EXPECT_EQ(round.mbytes_per_party, 2);
  EXPECT_EQ(round.party_metric, (std::vector<double>{1, 0, 1}));
  EXPECT_DOUBLE_EQ(round.metrics.at("auc").mean, 2.0 / 3);
  EXPECT_EQ(round.metrics.at("auc").min, 0);
  EXPECT_EQ(round.metrics.at("auc").max, 1);
  EXPECT_DOUBLE_EQ(round.metrics.at("auc").stddev, std::sqrt(2.0 / 9));
  EXPECT_NEAR(round.consensus_distance, std::sqrt(2.0), 1e-6) << "weights 1, 1, -2 around 0";
  EXPECT_EQ(round.mean_model.at("auc"), 0.5);
}

TEST_F(RecorderTest, ARoundThatSomeoneWentPastDoesNotWaitForThem) {
  completed(0, 1, 1);
  completed(1, 1, 1);
  without_model(2, 3);
  EXPECT_EQ(evaluated_, 0u) << "the others are still at round 1";
  without_model(0, 2);
  without_model(1, 2);
  completed(0, 3, 1);
  EXPECT_EQ(evaluated_, 1u);
  const auto rounds = close();
  ASSERT_EQ(rounds.size(), 2u);
  EXPECT_EQ(rounds[0].parties_reporting, 2u);
  EXPECT_TRUE(std::isnan(rounds[0].party_metric[2]));
}

TEST_F(RecorderTest, APartyThatIsDownForEverDoesNotHoldModelsInMemory) {
  const std::size_t before = arena_statistics().bytes_in_use;
  std::size_t most = 0;
  for (Round round = 1; round <= 20; ++round) {
    completed(0, round, static_cast<float>(round));
    completed(1, round, -static_cast<float>(round));
    most = std::max(most, arena_statistics().bytes_in_use - before);
  }
  finished(0, 1);
  finished(1, 1);
  const std::size_t one = model(1).size() * sizeof(float) + 192;  // header and rounding, generously
  EXPECT_LE(most, (8 + 2) * 2 * one);
  EXPECT_GE(evaluated_, 20u - 8 - 1);
  const auto rounds = close();
  ASSERT_EQ(rounds.size(), 20u) << "every round is in the record in the end";
  for (Round round = 1; round <= 20; ++round) {
    EXPECT_EQ(rounds[round - 1].round, round);
    EXPECT_EQ(rounds[round - 1].parties_reporting, 2u);
  }
}

TEST_F(RecorderTest, ARoundIsRecordedOnceHoweverOftenAndLateItIsReported) {
  for (std::size_t party = 0; party < 3; ++party) completed(party, 0, 1);
  for (std::size_t party = 0; party < 3; ++party) completed(party, 1, 1);
  completed(1, 0, 1);  // crashed before its first record: it begins again
  completed(1, 1, 1);
  for (std::size_t party = 0; party < 3; ++party) completed(party, 2, 1);
  completed(0, 2, 1);
  const auto rounds = close();
  ASSERT_EQ(rounds.size(), 3u);
  for (Round round = 0; round < 3; ++round) EXPECT_EQ(rounds[round].round, round);
  EXPECT_EQ(recorder().node_rounds(), 6u) << "work that is done again is not progress";
}

TEST_F(RecorderTest, TheLastRoundIsThatOfTheFinalModels) {
  for (std::size_t party = 0; party < 3; ++party) completed(party, 20, 1);
  finished(0, -1);
  finished(1, -1);
  finished(2, -1);
  finished(1, -3);  // mass arrived afterwards
  EXPECT_EQ(evaluated_, 0u);
  const auto rounds = close();
  ASSERT_EQ(rounds.size(), 1u);
  EXPECT_EQ(rounds[0].metrics.at("auc").mean, 0);
  EXPECT_EQ(recorder().final_models()[1].data()[0], -3);
}

TEST_F(RecorderTest, APartyThatDiesBetweenItsLastRoundAndItsEndIsStillRecorded) {
  completed(0, 20, 1);  // and nobody says Finished
  const auto rounds = close();
  ASSERT_EQ(rounds.size(), 1u);
  EXPECT_EQ(rounds[0].parties_reporting, 1u);
  EXPECT_EQ(rounds[0].metrics.at("auc").mean, 1);
}

TEST_F(RecorderTest, CountsWhoWasMissingAndWhy) {
  for (Round round = 0; round < 5; ++round) {
    recorder().on_event(party_at(0), PeerMissing{round, party_at(2), MissReason::deadline}, {});
  }
  recorder().on_event(party_at(0), PeerMissing{19, party_at(2), MissReason::suspected}, {});
  recorder().on_event(party_at(1), PeerMissing{3, party_at(0), MissReason::down}, {});
  recorder().on_event(party_at(1), RoundsSkipped{4, 9}, {});
  recorder().on_event(party_at(1), Rejected{party_at(0)}, {});
  const auto missing = recorder().missing();
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(missing[0].party, 0u);
  EXPECT_EQ(missing[0].peer, 2u);
  EXPECT_EQ(missing[0].times, 5u);
  EXPECT_EQ(missing[0].reason, "deadline");
  EXPECT_EQ(missing[1].reason, "suspected");
  EXPECT_EQ(missing[2].reason, "down");
  EXPECT_EQ(recorder().parties()[0].missed, 6u);
  EXPECT_EQ(recorder().parties()[1].skipped, 5u);
  EXPECT_EQ(recorder().parties()[1].rejected, 1u);
}

TEST_F(RecorderTest, ProgressGoesOnWithoutEvaluationsAndWithoutTheDead) {
  for (Round round = 1; round <= 20; ++round) {
    without_model(0, round);
    if (round != 7) without_model(1, round);  // skips one; party 2 never moves
  }
  EXPECT_EQ(evaluated_, 0u);
  EXPECT_GE(reports_, 13u);
  EXPECT_LE(reports_, 20u);
  EXPECT_EQ(last_.round, 0u) << "the slowest";
  EXPECT_GT(last_.fraction, 0.6);
  EXPECT_LE(last_.fraction, 40.0 / 60);
}

TEST_F(RecorderTest, NothingReportedIsNothingRecorded) {
  EXPECT_TRUE(close().empty());
  EXPECT_EQ(recorder().node_rounds(), 0u);
}

}  // namespace
}  // namespace hansa::sim
