// Seeded permutations and the random graphs and cohorts made from them.
#include "topology/random_schedule.hpp"

#include <hansa/rng.hpp>

#include "topology/cohorts.hpp"
#include "topology/permutation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace hansa::topology {
namespace {

using ::testing::HasSubstr;

TEST(Permutation, IsABijectionWithItsInverse) {
  for (const std::uint32_t n : {1U, 2U, 3U, 4U, 5U, 8U, 9U, 10U, 17U, 100U, 255U, 256U, 257U, 1000U, 4097U}) {
    for (std::uint64_t key = 0; key < 5; ++key) {
      const Permutation sigma(mix64(key), n);
      std::vector<bool> hit(n, false);
      for (std::uint32_t x = 0; x < n; ++x) {
        const std::uint32_t y = sigma(x);
        ASSERT_LT(y, n);
        ASSERT_FALSE(hit[y]);
        hit[y] = true;
        ASSERT_EQ(sigma.inverse(y), x);
      }
    }
  }
  const Permutation large(7, 4'000'000'000U);
  for (std::uint32_t x = 3'999'999'000U; x < 4'000'000'000U; ++x) ASSERT_EQ(large.inverse(large(x)), x);
}

/// Pearson's chi-square of `counts` against equal expectations, standardised (about normal for many cells).
double standardised_chi_square(const std::vector<int>& counts) {
  double total = 0;
  for (const int count : counts) total += count;
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  const double freedom = static_cast<double>(counts.size()) - 1;
  return (sum - freedom) / std::sqrt(2 * freedom);
}

TEST(Permutation, AllPermutationsOfAFewElementsAreEquallyLikely) {
  for (const std::uint32_t n : {3U, 4U, 5U}) {
    std::map<std::vector<std::uint32_t>, int> seen;
    for (std::uint64_t key = 0; key < 40'000; ++key) {
      const Permutation sigma(mix64(key), n);
      std::vector<std::uint32_t> images(n);
      for (std::uint32_t x = 0; x < n; ++x) images[x] = sigma(x);
      ++seen[images];
    }
    const std::size_t factorial[] = {1, 1, 2, 6, 24, 120};
    ASSERT_EQ(seen.size(), factorial[n]);
    for (const auto& [images, count] : seen) {
      // Few-valued halves leave a slight bias; a quarter is far below what a schedule could notice.
      EXPECT_NEAR(count, 40'000.0 / static_cast<double>(factorial[n]),
                  0.25 * 40'000.0 / static_cast<double>(factorial[n]));
    }
  }
}

TEST(RandomSchedule, SourcesAreTheInverseOfTargets) {
  for (const std::uint32_t n : {2U, 3U, 5U, 16U, 61U}) {
    for (const std::uint32_t fanout : {1U, 2U, 4U, 15U}) {
      if (fanout >= n) continue;
      const RandomSchedule schedule(11, n, fanout);
      for (Round round = 0; round < 4; ++round) {
        std::set<std::pair<PartyId, PartyId>> sent;
        std::set<std::pair<PartyId, PartyId>> received;
        for (std::uint32_t i = 0; i < n; ++i) {
          const auto targets = schedule.targets(round, PartyId{i});
          const auto sources = schedule.sources(round, PartyId{i});
          for (const auto& list : {targets, sources}) {
            ASSERT_EQ(list.size(), fanout);
            ASSERT_EQ(std::set<PartyId>(list.begin(), list.end()).size(), fanout);
            ASSERT_TRUE(std::is_sorted(list.begin(), list.end()));
            ASSERT_EQ(std::count(list.begin(), list.end(), PartyId{i}), 0);
          }
          for (const PartyId to : targets) sent.insert({PartyId{i}, to});
          for (const PartyId from : sources) received.insert({from, PartyId{i}});
        }
        ASSERT_EQ(sent, received);
      }
    }
  }
}

TEST(RandomSchedule, PairsAreEquallyLikely) {
  for (const std::uint32_t n : {4U, 7U, 20U, 33U}) {
    const RandomSchedule schedule(3, n, 3);
    std::vector<int> seen(n * n, 0);
    constexpr Round kRounds = 6000;
    for (Round round = 0; round < kRounds; ++round) {
      for (std::uint32_t i = 0; i < n; ++i) {
        for (const PartyId to : schedule.targets(round, PartyId{i})) ++seen[i * n + index(to)];
      }
    }
    std::vector<int> pairs;
    for (std::uint32_t i = 0; i < n; ++i) {
      EXPECT_EQ(seen[i * n + i], 0);
      for (std::uint32_t j = 0; j < n; ++j) {
        if (j != i) pairs.push_back(seen[i * n + j]);
      }
    }
    if (n == 4) continue;  // fanout 3 of 4: everybody, always
    EXPECT_LT(standardised_chi_square(pairs), 6) << n;
  }
}

TEST(RandomSchedule, RoundsAndSeedsDiffer) {
  std::set<std::vector<PartyId>> orders;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const RandomSchedule schedule(seed, 50, 1);
    for (Round round = 0; round < 100; ++round) {
      std::vector<PartyId> order;
      for (std::uint32_t i = 0; i < 50; ++i) order.push_back(schedule.targets(round, PartyId{i}).front());
      orders.insert(order);
    }
  }
  EXPECT_EQ(orders.size(), 1000U);
  EXPECT_EQ(RandomSchedule(5, 50, 4).targets(9, PartyId{3}), RandomSchedule(5, 50, 4).targets(9, PartyId{3}));
}

TEST(RandomSchedule, ChecksItsArguments) {
  EXPECT_TRUE(RandomSchedule::check(2, 1).ok());
  EXPECT_FALSE(RandomSchedule::check(1, 1).ok());
  EXPECT_FALSE(RandomSchedule::check(5, 0).ok());
  EXPECT_THAT(RandomSchedule::check(5, 5).error().hint, HasSubstr("between 1 and 4"));
}

/// All cohorts of a round; fails unless they partition the parties and every member agrees.
std::set<std::vector<PartyId>> partition(const CohortOptions& options, Round round) {
  std::set<std::vector<PartyId>> cohorts;
  std::size_t members = 0;
  for (std::uint32_t i = 0; i < options.parties; ++i) {
    const auto cohort = cohort_of(options, round, PartyId{i});
    EXPECT_TRUE(std::is_sorted(cohort.begin(), cohort.end()));
    EXPECT_EQ(std::count(cohort.begin(), cohort.end(), PartyId{i}), 1);
    if (cohorts.insert(cohort).second) members += cohort.size();
  }
  EXPECT_EQ(members, options.parties);
  return cohorts;
}

TEST(Cohorts, RandomCohortsPartitionTheParties) {
  for (std::uint32_t n = 1; n <= 40; ++n) {
    for (const std::uint32_t size : {1U, 2U, 3U, 8U, 60U}) {
      const CohortOptions options{.parties = n, .size = size, .grid = false, .seed = 4};
      ASSERT_TRUE(check(options).ok());
      const auto cohorts = partition(options, 2);
      ASSERT_EQ(cohorts.size(), std::max(1U, n / size));
      std::size_t least = n;
      std::size_t most = 0;
      for (const auto& cohort : cohorts) {
        least = std::min(least, cohort.size());
        most = std::max(most, cohort.size());
      }
      ASSERT_LE(most - least, 1U);
      if (n >= size) {
        ASSERT_GE(least, size);
        ASSERT_LT(most, 2 * size);
      }
    }
  }
}

TEST(Cohorts, RandomCohortsChangeWithRoundAndSeedAndMixAllPairs) {
  CohortOptions options{.parties = 20, .size = 5, .grid = false, .seed = 1};
  std::vector<int> together(20 * 20, 0);
  std::set<std::set<std::vector<PartyId>>> partitions;
  for (Round round = 0; round < 3000; ++round) {
    for (std::uint32_t i = 0; i < 20; ++i) {
      for (const PartyId other : cohort_of(options, round, PartyId{i})) ++together[i * 20 + index(other)];
    }
    if (round < 50) partitions.insert(partition(options, round));
  }
  EXPECT_EQ(partitions.size(), 50U);
  std::vector<int> pairs;
  for (std::uint32_t i = 0; i < 20; ++i) {
    for (std::uint32_t j = 0; j < i; ++j) pairs.push_back(together[i * 20 + j]);
  }
  EXPECT_LT(standardised_chi_square(pairs), 6);
  options.seed = 2;
  EXPECT_FALSE(partitions.contains(partition(options, 0)));
}

TEST(Cohorts, TwoGridRoundsGiveTheExactMean) {
  for (const std::uint32_t side : {1U, 2U, 3U, 5U, 16U}) {
    const CohortOptions options{.parties = side * side, .size = 8, .grid = true, .seed = 1};
    ASSERT_TRUE(check(options).ok());
    for (const Round start : {0U, 1U, 6U}) {
      std::vector<double> values(options.parties);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * i % 17);
      double mean = 0;
      for (const double value : values) mean += value / options.parties;
      for (Round round = start; round < start + 2; ++round) {
        EXPECT_EQ(partition(options, round).size(), side);
        std::vector<double> mixed(values.size());
        for (std::uint32_t i = 0; i < options.parties; ++i) {
          const auto cohort = cohort_of(options, round, PartyId{i});
          for (const PartyId member : cohort)
            mixed[i] += values[index(member)] / static_cast<double>(cohort.size());
        }
        values = mixed;
      }
      for (const double value : values) EXPECT_NEAR(value, mean, 1e-12);
    }
  }
  EXPECT_EQ(cohort_of({.parties = 9, .size = 8, .grid = true, .seed = 1}, 0, PartyId{4}),
            (std::vector<PartyId>{PartyId{3}, PartyId{4}, PartyId{5}}));
  EXPECT_EQ(cohort_of({.parties = 9, .size = 8, .grid = true, .seed = 1}, 1, PartyId{4}),
            (std::vector<PartyId>{PartyId{1}, PartyId{4}, PartyId{7}}));
}

TEST(Cohorts, ChecksItsOptions) {
  const auto grid = check({.parties = 20, .size = 8, .grid = true, .seed = 1});
  ASSERT_FALSE(grid.ok());
  EXPECT_THAT(grid.error().hint, HasSubstr("16 or 25"));
  EXPECT_FALSE(check({.parties = 20, .size = 0, .grid = false, .seed = 1}).ok());
  EXPECT_FALSE(check({.parties = 0, .size = 8, .grid = false, .seed = 1}).ok());
  EXPECT_TRUE(check({.parties = 3, .size = 8, .grid = false, .seed = 1}).ok());
}

}  // namespace
}  // namespace hansa::topology
