// Days of virtual time on a lossy network with nodes that pause and crash: how soon a crash is seen, and how
// often a node that lives is called unreachable.
#include "tests/membership/network.hpp"

#include <gtest/gtest.h>

namespace hansa::protocols::membership::testing {
namespace {

struct Detection {
  std::vector<double> first, everybody;  ///< seconds, ascending

  [[nodiscard]] static double quantile(const std::vector<double>& sorted, double q) {
    return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * double(sorted.size())))];
  }
};

Detection crash_often(std::size_t nodes, Faults faults, int times) {
  Detection result;
  for (int i = 0; i < times; ++i) {
    Network net(static_cast<std::uint64_t>(1000 + i), nodes, faults);
    net.run_until(seconds(30) + milliseconds(137 * i));
    const std::size_t victim = static_cast<std::size_t>(i) % nodes;
    const Time crashed = net.now;
    net.crash(victim);
    net.changes.clear();
    net.run_for(seconds(60));
    EXPECT_TRUE(net.all_see(victim, State::unreachable)) << nodes << " nodes, seed " << 1000 + i;
    std::vector<Time> seen;
    for (const auto& change : net.changes) {
      if (change.about == victim && change.state == State::unreachable) seen.push_back(change.at - crashed);
    }
    if (seen.empty()) continue;
    result.first.push_back(std::chrono::duration<double>(seen.front()).count());
    result.everybody.push_back(std::chrono::duration<double>(seen.back()).count());
  }
  std::sort(result.first.begin(), result.first.end());
  std::sort(result.everybody.begin(), result.everybody.end());
  return result;
}

/// How often somebody calls a node unreachable that runs, per node and day.
double false_alarms(std::size_t nodes, Faults faults, Duration time, std::uint64_t* messages = nullptr) {
  Network net(77, nodes, faults);
  net.run_until(seconds(30));
  net.changes.clear();
  net.messages = 0;
  net.run_for(time);
  // One alarm per stall, however many see it, as long as they do within one suspicion.
  std::size_t alarms = 0;
  std::map<std::size_t, Time> last;
  for (const auto& change : net.changes) {
    if (change.state != State::unreachable) continue;
    const auto before = last.find(change.about);
    if (before == last.end() || change.at - before->second > seconds(30)) ++alarms;
    last[change.about] = change.at;
  }
  if (messages != nullptr) *messages = net.messages;
  const double days = std::chrono::duration<double>(time).count() / 86400 * double(nodes);
  return double(alarms) / days;
}

class Crash : public ::testing::TestWithParam<std::tuple<std::size_t, double>> {};

TEST_P(Crash, IsSeenInTime) {
  const auto [nodes, loss] = GetParam();
  const Detection found = crash_often(nodes, {.loss = loss}, 50);
  ASSERT_EQ(found.first.size(), 50u);
  const double p50 = Detection::quantile(found.first, 0.5), p99 = Detection::quantile(found.first, 0.99);
  RecordProperty("p50", std::to_string(p50));
  RecordProperty("p99", std::to_string(p99));
  std::printf("%zu nodes, loss %.2f: first p50 %.1f s, p99 %.1f s; all p50 %.1f s, p99 %.1f s\n", nodes, loss,
              p50, p99, Detection::quantile(found.everybody, 0.5),
              Detection::quantile(found.everybody, 0.99));
  EXPECT_LE(p50, 10.0);
  EXPECT_LE(p99, 16.0);
  EXPECT_GE(found.first.front(), 8.0) << "sooner than the least patience: not a suspicion";
}
INSTANTIATE_TEST_SUITE_P(Sizes, Crash,
                         ::testing::Combine(::testing::Values<std::size_t>(3, 4, 5, 8, 10),
                                            ::testing::Values(0.0, 0.05)));

TEST(Simulation, FewFalseAlarmsWithLossAndPauses) {
  struct Case {
    std::size_t nodes;
    Faults faults;
    Duration time;
    double most;
  };
  const Faults both{.loss = 0.05, .pause_mean = seconds(1)};
  for (const Case& c :
       {Case{3, both, std::chrono::hours(12), 1.0}, Case{5, both, std::chrono::hours(12), 1.0},
        Case{10, both, std::chrono::hours(6), 1.0},
        Case{5, {.loss = 0, .pause_mean = seconds(3)}, std::chrono::hours(12), 6.0}}) {
    std::uint64_t messages = 0;
    const double alarms = false_alarms(c.nodes, c.faults, c.time, &messages);
    const double rate = double(messages) / double(c.nodes) / std::chrono::duration<double>(c.time).count();
    std::printf("%zu nodes: %.2f false alarms per node-day, %.2f messages/s/node\n", c.nodes, alarms, rate);
    EXPECT_LE(alarms, c.most) << c.nodes << " nodes";
    EXPECT_LE(rate, 5.0) << c.nodes << " nodes";
  }
}

TEST(Simulation, SameSeedSameHistory) {
  const auto history = [] {
    Network net(5, 6, {.loss = 0.2, .pause_mean = seconds(4), .pause_every = std::chrono::minutes(1)});
    net.run_until(std::chrono::minutes(20));
    std::vector<std::tuple<Time, std::size_t, std::size_t, State>> result;
    for (const auto& c : net.changes) result.emplace_back(c.at, c.by, c.about, c.state);
    return result;
  };
  const auto first = history();
  EXPECT_GT(first.size(), 30u);
  EXPECT_EQ(first, history());
}

TEST(Simulation, ManyNodesFindEachOtherAndSeeACrash) {
  Network net(3, 60);
  net.run_until(seconds(90));
  for (std::size_t i = 0; i < 60; ++i) EXPECT_TRUE(net.all_see(i, State::alive)) << i;
  net.crash(17);
  net.run_for(seconds(40));
  EXPECT_TRUE(net.all_see(17, State::unreachable));
  EXPECT_LE(net.largest, kMessageBytesMax);
}

}  // namespace
}  // namespace hansa::protocols::membership::testing
