// The wait estimator against RFC 6298, sections 2.2 and 2.3, worked out by hand.
#include "protocols/party/deadline.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace hansa::protocols {
namespace {

using namespace std::chrono_literals;

constexpr DeadlineOptions kWide{.floor = 1ms, .ceiling = 1000s, .factor = 4};

TEST(Deadline, WithoutSamplesThreeFloorsWithinTheCeiling) {
  const DeadlineEstimator estimator;
  EXPECT_EQ(estimator.timeout({.floor = 10s, .ceiling = 100s}), 30s);
  EXPECT_EQ(estimator.timeout({.floor = 10s, .ceiling = 20s}), 20s);
  EXPECT_EQ(estimator.timeout({.floor = 10s, .ceiling = 10s}), 10s);
}

struct Step {
  Duration sample;
  Duration mean, deviation;  // SRTT and RTTVAR after it
};

TEST(Deadline, FollowsRfc6298) {
  // First: SRTT = R, RTTVAR = R/2. Then RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'|, SRTT = 7/8 SRTT + 1/8 R'.
  const Step table[] = {
      {80s, 80s, 40s},        {160s, 90s, 50s},  // |80-160|/4 + 30
      {90s, 90s, 37500ms},                       // no error: only the deviation shrinks
      {10s, 80s, 48125ms},                       // 28.125 + 20
      {80s, 80s, 36093750us},
  };
  DeadlineEstimator estimator;
  for (const Step& step : table) {
    estimator.observe(step.sample);
    EXPECT_EQ(estimator.timeout(kWide), step.mean + 4 * step.deviation) << step.sample.count();
    EXPECT_EQ(estimator.timeout({.floor = 1ms, .ceiling = 1000s, .factor = 0}), step.mean);
  }
}

TEST(Deadline, StaysBetweenFloorAndCeiling) {
  DeadlineEstimator fast;
  for (int i = 0; i < 100; ++i) fast.observe(1ms);
  EXPECT_EQ(fast.timeout({.floor = 30s, .ceiling = 120s}), 30s);
  DeadlineEstimator slow;
  slow.observe(100s);
  EXPECT_EQ(slow.timeout({.floor = 30s, .ceiling = 120s}), 120s);
}

TEST(Deadline, SurvivesAbsurdSamples) {
  for (const Duration absurd : {Duration::max(), Duration(0), Duration(1)}) {
    DeadlineEstimator estimator;
    for (int i = 0; i < 50; ++i) estimator.observe(absurd);
    const Duration wait = estimator.timeout({.floor = 30s, .ceiling = 120s});
    EXPECT_GE(wait, 30s);
    EXPECT_LE(wait, 120s);
  }
}

TEST(Deadline, SteadyAnswersConvergeToThemselves) {
  DeadlineEstimator estimator;
  estimator.observe(50s);
  for (int i = 0; i < 200; ++i) estimator.observe(10s);
  const auto wait = estimator.timeout(kWide);
  EXPECT_NEAR(std::chrono::duration<double>(wait).count(), 10.0, 1e-3);
}

}  // namespace
}  // namespace hansa::protocols
