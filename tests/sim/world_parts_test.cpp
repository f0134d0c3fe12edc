// The small parts of the simulated world: how long work takes, who crashes when, where hosts sit.
#include "sim/churn.hpp"
#include "sim/compute_model.hpp"
#include "sim/coordinates.hpp"
#include "tests/sim/small_runs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <string>

namespace hansa::sim {
namespace {

using namespace std::chrono_literals;

TEST(ComputeModel, RowsOverSpeedPlusBytesOverBandwidth) {
  const ComputeModel model({.parties = 2, .seed = 1, .rows_per_second = 1'000, .mix_bytes_per_second = 1e6});
  EXPECT_EQ(model.duration(party_at(0), 5, 0), 5ms + 1ns);
  EXPECT_EQ(model.duration(party_at(1), 0, 2'000), 2ms + 1ns);
  EXPECT_EQ(model.duration(party_at(1), 5, 2'000), 7ms + 1ns);
  EXPECT_EQ(model.duration(party_at(0), 0, 0), 1ns) << "nothing is instantaneous";
  EXPECT_DOUBLE_EQ(model.rows_per_second(party_at(0)), 1'000);
}

TEST(ComputeModel, SpeedsAreLogNormalAroundTheOneAskedFor) {
  constexpr std::uint32_t kParties = 10'000;
  constexpr double kSpread = 0.7;
  const ComputeModel model({.parties = kParties, .seed = 3, .rows_per_second = 500, .spread = kSpread});
  double sum = 0, squares = 0;
  for (std::uint32_t i = 0; i < kParties; ++i) {
    const double x = std::log(model.rows_per_second(party_at(i)) / 500);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / kParties;
  const double deviation = std::sqrt(squares / kParties - mean * mean);
  EXPECT_NEAR(mean, 0, 5 * kSpread / std::sqrt(kParties));
  EXPECT_NEAR(deviation, kSpread, 5 * kSpread / std::sqrt(2.0 * kParties));
}

TEST(Churn, PlansTheCountsAskedForAtMostOnceEachInTime) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ChurnOptions options{.parties = 50, .seed = seed, .crash_fraction = 0.3, .stay_down_fraction = 0.4};
    options.start = 2s;
    options.end = 5s;
    const std::vector<Crash> plan = plan_crashes(options);
    EXPECT_EQ(plan.size(), 15u);
    std::set<std::size_t> who;
    std::size_t for_ever = 0;
    for (std::size_t i = 0; i < plan.size(); ++i) {
      who.insert(index(plan[i].party));
      EXPECT_TRUE(i == 0 || index(plan[i - 1].party) < index(plan[i].party));
      EXPECT_GE(plan[i].at, 2s);
      EXPECT_LE(plan[i].at, 5s);
      for_ever += plan[i].down ? 0 : 1;
      EXPECT_GT(plan[i].down.value_or(1s), 0s);
    }
    EXPECT_EQ(who.size(), plan.size());
    EXPECT_EQ(for_ever, 6u);
  }
}

TEST(Churn, NobodyAndEverybody) {
  EXPECT_TRUE(plan_crashes({.parties = 10}).empty());
  EXPECT_TRUE(plan_crashes({.parties = 0, .crash_fraction = 1}).empty());
  EXPECT_EQ(plan_crashes({.parties = 10, .crash_fraction = 1}).size(), 10u);
}

TEST(Churn, SomeDieBetweenTwoEffectsAndDownTimesHaveTheirMean) {
  const std::vector<Crash> plan =
      plan_crashes({.parties = 20'000, .seed = 2, .crash_fraction = 1, .down_mean = 2s, .end = 1s});
  double down = 0;
  std::size_t between = 0;
  for (const Crash& crash : plan) {
    down += std::chrono::duration<double>(*crash.down).count();
    between += crash.after_effects ? 1 : 0;
  }
  const auto n = static_cast<double>(plan.size());
  EXPECT_NEAR(down / n, 2, 5 * 2 / std::sqrt(n));
  EXPECT_NEAR(static_cast<double>(between), n / 2, 5 * std::sqrt(n / 4));
}

std::string coordinate_file(const std::string& text) {
  static int number = 0;
  const auto path = testing::scratch_folder() / ("coordinates-" + std::to_string(number++));
  std::ofstream(path) << text;
  return path.string();
}

TEST(Coordinates, ReadsLinesAndSkipsComments) {
  const auto read = read_coordinates(coordinate_file("# hosts\n\n1 1.5 -2 h 0.25\n2 0 0 h 0\n"));
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(read->front().x_ms, 1.5);
  EXPECT_EQ(read->front().y_ms, -2);
  EXPECT_EQ(read->front().height_ms, 0.25);
}

TEST(Coordinates, TheBundledFileIsUsable) {
  const auto read = read_coordinates(HANSA_SOURCE_DIR "/data/coordinates/median_p2psim.syscoord");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_GT(read->size(), 1'000u);
}

TEST(Coordinates, ErrorsNameFileAndLine) {
  for (const char* bad : {"1 2 3 x 4", "1 2 3 h", "1 2 3 h -4", "1 two 3 h 4", "1 2 3 4", "1 nan 3 h 4",
                          "1 1e200 3 h 4", "1 2 3 h 1e200", "1 2 inf h 4", "1 2 3 h nan"}) {
    const std::string path = coordinate_file(std::string("# one\n0 0 0 h 0\n") + bad + "\n");
    const auto read = read_coordinates(path);
    ASSERT_FALSE(read.ok()) << bad;
    EXPECT_EQ(read.error().kind, ErrorKind::bad_data) << bad;
    EXPECT_NE(read.error().message.find(path + ":3"), std::string::npos) << read.error().message;
  }
  const auto empty = read_coordinates(coordinate_file("# nothing\n"));
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.error().kind, ErrorKind::bad_data);
  const auto missing = read_coordinates("/nonexistent/coordinates");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().kind, ErrorKind::missing);
  EXPECT_NE(missing.error().message.find("/nonexistent/coordinates"), std::string::npos);
}

}  // namespace
}  // namespace hansa::sim
