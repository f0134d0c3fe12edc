// Every frame of the progress display, with a made-up clock.
#include "cli/display.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hansa::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Stage = sim::Progress::Stage;

class Screen : public ::testing::Test {
 protected:
  DisplayOptions options(std::size_t width = 100) {
    DisplayOptions display;
    display.write = [this](const std::string& text) { frames_.push_back(text); };
    display.now = [this] { return now_; };
    display.width = width;
    return display;
  }

  static sim::RoundRecord record(Round round) {
    sim::RoundRecord made;
    made.round = round;
    made.loss = 0.5;
    made.metrics["accuracy"] = {0.9, 0.8, 0.95, 0.01};
    made.metrics["auc"] = {0.7712, 0.7, 0.8, 0.02};
    made.consensus_distance = 0.0123;
    made.mbytes_per_party = 1.5;
    return made;
  }

  static sim::Progress training(Round round, const sim::RoundRecord* evaluated) {
    sim::Progress progress;
    progress.stage = Stage::training;
    progress.round = round;
    progress.rounds = 20;
    progress.fraction = round / 20.0;
    progress.evaluated = evaluated;
    return progress;
  }

  std::vector<std::string> frames_;
  std::chrono::steady_clock::time_point now_{};
};

TEST_F(Screen, PlainPrintsOneLinePerEvaluatedRound) {
  const auto display = make_plain_display(options());
  const sim::RoundRecord first = record(1), second = record(2);
  display->on_progress(training(1, &first));
  display->on_progress(training(1, nullptr));
  display->on_progress(training(2, &second));
  display->finish();
  ASSERT_EQ(frames_.size(), 3U);
  EXPECT_THAT(frames_[0], HasSubstr("auc"));
  EXPECT_THAT(frames_[1], HasSubstr("0.7712"));
  EXPECT_THAT(frames_[1], HasSubstr("0.0123"));
  for (const std::string& frame : frames_) EXPECT_THAT(frame, Not(HasSubstr("\x1b")));
}

TEST_F(Screen, LiveRedrawsAtMostTenTimesASecond) {
  const auto display = make_live_display(options());
  for (int i = 0; i < 1000; ++i) {
    display->on_progress(training(static_cast<Round>(i / 50), nullptr));
    now_ += std::chrono::milliseconds(1);
  }
  EXPECT_LE(frames_.size(), 12U);
  EXPECT_GE(frames_.size(), 10U);
}

TEST_F(Screen, LiveGoesUpExactlyAsManyLinesAsItDrew) {
  const auto display = make_live_display(options());
  std::vector<sim::RoundRecord> records;
  for (Round round = 1; round <= 15; ++round) records.push_back(record(round));
  std::size_t lines = 0;
  for (Round round = 1; round <= 15; ++round) {
    display->on_progress(training(round, &records[round - 1]));
    now_ += std::chrono::seconds(1);
    const std::string& frame = frames_.back();
    if (lines > 0) {
      EXPECT_EQ(frame.find("\x1b[" + std::to_string(lines) + "A"), 0U) << round;
    }
    lines = static_cast<std::size_t>(std::count(frame.begin(), frame.end(), '\n'));
  }
  EXPECT_EQ(lines, 12U) << "a header, ten rounds and the bar";
  EXPECT_THAT(frames_.back(), HasSubstr("75 %"));
  EXPECT_THAT(frames_.back(), HasSubstr(" left"));
  display->finish();
  EXPECT_EQ(frames_.back().find("\x1b[12A"), 0U);
  EXPECT_THAT(frames_.back(), Not(HasSubstr("75 %"))) << "the bar goes, the table stays";
}

TEST_F(Screen, LinesNeverWrap) {
  const auto display = make_live_display(options(40));
  const sim::RoundRecord one = record(1);
  display->on_progress(training(1, &one));
  std::size_t length = 0;
  for (const char c : frames_.back()) {
    length = c == '\n' ? 0 : length + 1;
    EXPECT_LT(length, 40U + 4U);  // the first line carries the escape sequence
  }
}

TEST_F(Screen, DurationsAreShort) {
  EXPECT_EQ(duration_text(0.5678), "0.568 s");
  EXPECT_EQ(duration_text(34.4), "34 s");
  EXPECT_EQ(duration_text(245), "4 min 05 s");
  EXPECT_EQ(duration_text(7800), "2 h 10 min");
  EXPECT_EQ(duration_text(-1), "?");
}

}  // namespace
}  // namespace hansa::cli
