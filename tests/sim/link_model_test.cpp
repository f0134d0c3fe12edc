// The virtual network against arithmetic by hand and against the rates it was asked for.
#include "sim/link_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <vector>

namespace hansa::sim {
namespace {

using namespace std::chrono_literals;

LinkOptions plain(std::uint32_t parties) {
  LinkOptions options;
  options.parties = parties;
  options.latency = 20ms;
  return options;
}

PartyId p(std::size_t i) { return party_at(i); }

/// When the only copy arrives; none if it is lost.
std::optional<Time> once(LinkModel& link, PartyId from, PartyId to, std::uint64_t bytes, Time now) {
  const auto arrivals = link.send(from, to, bytes, now);
  EXPECT_LE(arrivals.count, 1u);
  return arrivals.count == 0 ? std::nullopt : std::optional(arrivals.at[0]);
}

TEST(LinkModel, UnlimitedBandwidthIsLatencyAlone) {
  LinkModel link(plain(3));
  EXPECT_EQ(once(link, p(0), p(1), 1, 5ms), 25ms);
  EXPECT_EQ(once(link, p(0), p(1), 1'000'000'000, 5ms), 25ms);
}

TEST(LinkModel, UplinkCarriesOneMessageAfterTheOther) {
  LinkOptions options = plain(4);
  options.bandwidth_mbps = 8;  // 1 kB = 1 ms
  LinkModel link(options);
  EXPECT_EQ(once(link, p(0), p(1), 1'000, 0ms), 21ms);
  EXPECT_EQ(once(link, p(0), p(2), 1'000, 0ms), 22ms) << "waits for the first to leave";
  EXPECT_EQ(once(link, p(0), p(3), 2'000, 10ms), 32ms) << "the line is free again";
  EXPECT_EQ(once(link, p(1), p(0), 1'000, 0ms), 21ms) << "another sender has its own line";
}

TEST(LinkModel, DownlinkCarriesOneMessageAfterTheOther) {
  LinkOptions options = plain(4);
  options.bandwidth_mbps = 8;
  LinkModel link(options);
  EXPECT_EQ(once(link, p(0), p(3), 1'000, 0ms), 21ms);
  EXPECT_EQ(once(link, p(1), p(3), 3'000, 0ms), 24ms) << "both at once share the receiver's line";
  EXPECT_EQ(once(link, p(2), p(3), 1'000, 0ms), 25ms);
  EXPECT_EQ(once(link, p(2), p(3), 1'000, 30ms), 51ms) << "the line is free again";
}

TEST(LinkModel, AMessageFromFarAwayDoesNotHoldUpOneFromNearby) {
  LinkOptions options = plain(3);
  options.bandwidth_mbps = 8;
  // Whoever sits at the second place is 300 ms from everybody.
  options.coordinates = {{0, 0, 5}, {0, 0, 300}};
  std::optional<LinkModel> link;
  std::optional<Time> slow, fast;
  for (options.seed = 1; options.seed < 200; ++options.seed) {
    // Looks for a seating where party 0 is far and the others are near.
    LinkModel probe(options);
    const Time far = *once(probe, p(0), p(2), 0, 0ms);
    const Time near = *once(probe, p(1), p(2), 0, 1000ms) - 1000ms;
    if (far == 305ms && near == 10ms) {
      link.emplace(options);
      break;
    }
  }
  ASSERT_TRUE(link.has_value());
  slow = once(*link, p(0), p(2), 1'000, 0ms);
  fast = once(*link, p(1), p(2), 1'000, 1ms);
  EXPECT_EQ(slow, 306ms);
  EXPECT_EQ(fast, 12ms);
  EXPECT_EQ(once(*link, p(1), p(2), 2'000, 294'500us), 308ms)
      << "305 to 306 is taken, and what begins at 304.5 would not be through by then";
}

TEST(LinkModel, LatencyFromCoordinatesByHand) {
  const Coordinate a{3, 4, 1.5}, b{0, 0, 2.25};
  EXPECT_DOUBLE_EQ(latency_ms(a, b), 5 + 1.5 + 2.25);
  EXPECT_DOUBLE_EQ(latency_ms(b, a), latency_ms(a, b));
  LinkOptions options = plain(40);
  options.coordinates = {a, b};
  LinkModel link(options);
  int between = 0, same_a = 0, same_b = 0;
  for (std::size_t i = 1; i < 40; ++i) {
    const Time at = *once(link, p(0), p(i), 10, 0ms);
    between += at == 8'750us;
    same_a += at == 3ms;
    same_b += at == 4'500us;
  }
  EXPECT_EQ(between + same_a + same_b, 39) << "every pair sits at one of the two places";
  EXPECT_GT(between, 5);
  EXPECT_GT(same_a + same_b, 5);
}

TEST(LinkModel, LosesAndRepeatsAtTheRatesAskedFor) {
  LinkOptions options = plain(2);
  options.loss = 0.2;
  options.duplicate = 0.1;
  LinkModel link(options);
  constexpr int kMessages = 20'000;
  int lost = 0, twice = 0;
  for (int i = 0; i < kMessages; ++i) {
    const auto arrivals = link.send(p(0), p(1), 100, Time(i));
    lost += arrivals.count == 0;
    if (arrivals.count == 2) {
      ++twice;
      EXPECT_GT(arrivals.at[1], arrivals.at[0]);
    }
  }
  // Five standard deviations of a binomial count.
  EXPECT_NEAR(lost, 0.2 * kMessages, 5 * std::sqrt(kMessages * 0.2 * 0.8));
  EXPECT_NEAR(twice, 0.08 * kMessages, 5 * std::sqrt(kMessages * 0.08 * 0.92));
}

TEST(LinkModel, JitterHasTheMeanAskedForAndNeverComesEarly) {
  LinkOptions options = plain(2);
  options.jitter = 10ms;
  LinkModel link(options);
  constexpr int kMessages = 20'000;
  double sum = 0;
  for (int i = 0; i < kMessages; ++i) {
    const Time extra = *once(link, p(0), p(1), 1, 0ms) - 20ms;
    ASSERT_GE(extra, Time{0});
    sum += static_cast<double>(extra.count());
  }
  EXPECT_NEAR(sum / kMessages, 10e6, 5 * 10e6 / std::sqrt(kMessages));
}

TEST(LinkModel, ReorderingHoldsSomeMessagesBackByUpToTenLatencies) {
  LinkOptions options = plain(2);
  options.reorder = 0.3;
  LinkModel link(options);
  constexpr int kMessages = 20'000;
  int held = 0;
  Time last{};
  for (int i = 0; i < kMessages; ++i) {
    const Time at = *once(link, p(0), p(1), 1, 0ms);
    held += at > 20ms;
    last = std::max(last, at);
    ASSERT_GE(at, 20ms);
  }
  EXPECT_NEAR(held, 0.3 * kMessages, 5 * std::sqrt(kMessages * 0.3 * 0.7));
  EXPECT_LE(last, 220ms);
  EXPECT_GT(last, 210ms);
}

TEST(LinkModel, PartitionCutsTheHalvesFromEachOtherWhileItLasts) {
  LinkOptions options = plain(5);  // halves {0, 1} and {2, 3, 4}
  options.partition_start = 100ms;
  options.partition_end = 200ms;
  LinkModel link(options);
  for (std::size_t from = 0; from < 5; ++from) {
    for (std::size_t to = 0; to < 5; ++to) {
      if (from == to) continue;
      EXPECT_TRUE(once(link, p(from), p(to), 1, 100ms - 1ns));
      EXPECT_EQ(once(link, p(from), p(to), 1, 100ms).has_value(), (from < 2) == (to < 2));
      EXPECT_EQ(once(link, p(from), p(to), 1, 200ms - 1ns).has_value(), (from < 2) == (to < 2));
      EXPECT_TRUE(once(link, p(from), p(to), 1, 200ms));
    }
  }
}

TEST(LinkModel, SameSeedSameArrivalsWhateverOthersSend) {
  LinkOptions options = plain(3);
  options.loss = 0.2;
  options.duplicate = 0.2;
  options.reorder = 0.3;
  options.jitter = 5ms;
  const auto arrivals_of_party_0 = [&](int sent_by_others, std::uint64_t seed) {
    options.seed = seed;
    LinkModel link(options);
    std::vector<std::vector<Time>> result;
    for (int i = 0; i < 200; ++i) {
      for (int other = 0; other < sent_by_others; ++other) link.send(p(2), p(1), 999, Time(i));
      const auto arrivals = link.send(p(0), p(1), 100, Time(i));
      result.emplace_back(arrivals.at.begin(), arrivals.at.begin() + arrivals.count);
    }
    return result;
  };
  EXPECT_EQ(arrivals_of_party_0(0, 1), arrivals_of_party_0(0, 1));
  EXPECT_EQ(arrivals_of_party_0(0, 1), arrivals_of_party_0(3, 1));
  EXPECT_NE(arrivals_of_party_0(0, 1), arrivals_of_party_0(0, 2));
}

}  // namespace
}  // namespace hansa::sim
