// Sums of fewer and of narrower numbers: index sets that are uniform and the same for everybody, rounding
// that is right on average, and pieces that come back where they belong.
#include "protocols/secure_sum/compression.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace hansa::protocols::secure_sum {
namespace {

Compression with_fraction(double fraction, Round round = 0) {
  return {fraction, index_seed(7, round, PartyId{2}, 0), 7, round};
}

TEST(Compression, SummedCounts) {
  struct Row {
    std::uint32_t count;
    double fraction;
    std::uint32_t summed;
  };
  for (const Row& row :
       {Row{100, 1, 100}, Row{100, 0.25, 25}, Row{3, 0.5, 2}, Row{1, 0.01, 1}, Row{0, 0.5, 0},
        Row{10, 0.04, 1}, Row{10, 0.999, 10}, Row{4'000'000'000, 0.25, 1'000'000'000}}) {
    EXPECT_EQ(summed_count(row.count, row.fraction), row.summed) << row.count << " * " << row.fraction;
  }
}

TEST(Compression, IndexSetsAreSortedFullAndDifferFromSumToSum) {
  for (const std::uint32_t count : {2U, 16U, 513U, 5000U}) {
    const auto indices = summed_indices(with_fraction(0.3), 1, count);
    EXPECT_EQ(indices.size(), summed_count(count, 0.3));
    EXPECT_TRUE(std::is_sorted(indices.begin(), indices.end()));
    EXPECT_EQ(std::adjacent_find(indices.begin(), indices.end()), indices.end());
    EXPECT_LT(indices.back(), count);
    EXPECT_EQ(indices, summed_indices(with_fraction(0.3), 1, count)) << "everybody finds the same";
  }
  const auto first = summed_indices(with_fraction(0.3), 0, 5000);
  EXPECT_NE(first, summed_indices(with_fraction(0.3), 1, 5000)) << "another piece";
  EXPECT_NE(first, summed_indices(with_fraction(0.3, 1), 0, 5000)) << "another round";
  const crypto::Hash256 seed = index_seed(1, 2, PartyId{3}, 4);
  for (const crypto::Hash256& other : {index_seed(2, 2, PartyId{3}, 4), index_seed(1, 3, PartyId{3}, 4),
                                       index_seed(1, 2, PartyId{4}, 4), index_seed(1, 2, PartyId{3}, 5)}) {
    EXPECT_NE(other, seed) << "every part of a sum's name counts";
  }
  EXPECT_TRUE(summed_indices(with_fraction(1), 0, 100).empty()) << "all";
}

/// Over many rounds each coordinate is summed as often as any other: chi-square over 64 coordinates.
TEST(Compression, EveryCoordinateIsEquallyLikely) {
  constexpr int kRounds = 4000;
  std::vector<double> times(64);
  for (Round round = 0; round < kRounds; ++round) {
    for (const std::uint32_t i : summed_indices(with_fraction(0.25, round), 0, 64)) times[i] += 1;
  }
  const double expected = kRounds * 0.25;
  double chi2 = 0;
  for (const double each : times) chi2 += (each - expected) * (each - expected) / (expected * 0.75);
  EXPECT_GT(chi2, 30);  // 64 coordinates of which 16 are drawn: about 63 degrees of freedom
  EXPECT_LT(chi2, 110);
}

std::vector<float> random_values(std::uint32_t count, double scale, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(scale * (2 * rng.uniform() - 1));
  return values;
}

TEST(Compression, SummedCoordinatesComeBackAndTheOthersStay) {
  constexpr std::uint32_t kCount = 1000;
  const FixedPointFormat format = fixed_point_format(Lane::bits32, 8, 3).value();
  for (const double fraction : {0.1, 0.5, 1.0}) {
    for (const bool deltas : {false, true}) {
      const Compression compression = with_fraction(fraction);
      const std::vector<float> base = random_values(kCount, 1, 50);
      const std::span<const float> from = deltas ? std::span(base) : std::span<const float>();
      std::vector<std::byte> sum((summed_count(kCount, fraction) + 1) * sizeof(std::int32_t));
      std::vector<std::byte> lanes(sum.size());
      std::vector<double> mean(kCount);
      for (std::uint32_t party = 0; party < 3; ++party) {
        const std::vector<float> values = random_values(kCount, 1, party);
        ASSERT_TRUE(encode_piece(format, compression, PartyId{party}, 2, values, from, 0.5, lanes).ok());
        crypto::add_lanes(sum, lanes, Lane::bits32);
        for (std::uint32_t i = 0; i < kCount; ++i) mean[i] += static_cast<double>(values[i]) / 3;
      }
      const std::vector<float> own = random_values(kCount, 1, 0);
      std::vector<float> result = own;
      ASSERT_TRUE(decode_piece(format, compression, 2, sum, 3, from, result).ok());
      std::vector<bool> summed(kCount, fraction == 1);
      for (const std::uint32_t i : summed_indices(compression, 2, kCount)) summed[i] = true;
      for (std::uint32_t i = 0; i < kCount; ++i) {
        if (summed[i]) {
          EXPECT_NEAR(static_cast<double>(result[i]), mean[i], 1e-6) << i;
        } else {
          EXPECT_EQ(result[i], own[i]) << i;
        }
      }
      std::vector<float> kept = result;
      for (std::uint32_t i = 0; i < kCount; ++i) kept[i] = summed[i] ? result[i] : 99;
      keep_unsummed(compression, 2, own, kept);
      EXPECT_EQ(kept, result);
    }
  }
}

/// In 16 bits one value may be off by a step, but the mean over many roundings is not: within five standard
/// errors of the exact value, for values on and between the steps.
TEST(Compression, NarrowRoundingIsRightOnAverage) {
  constexpr int kTimes = 20'000;
  const FixedPointFormat format = fixed_point_format(Lane::bits16, 1, 8).value();
  const std::vector<float> values{0, 0.25F, 0.1F, -0.1F, 0.333F, -0.7777F, 1, -1, 3e-5F, 2};
  const std::vector<float> base(values.size(), 0.0F);
  std::vector<std::byte> lanes((values.size() + 1) * sizeof(std::int16_t));
  std::vector<double> sum(values.size()), squares(values.size());
  for (Round round = 0; round < kTimes; ++round) {
    ASSERT_TRUE(encode_piece(format, with_fraction(1, round), PartyId{1}, 0, values, base, 1, lanes).ok());
    std::vector<float> back = base;
    ASSERT_TRUE(decode_piece(format, with_fraction(1, round), 0, lanes, 1, base, back).ok());
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum[i] += static_cast<double>(back[i]);
      squares[i] += static_cast<double>(back[i]) * static_cast<double>(back[i]);
    }
  }
  const double step = std::ldexp(1.0, -format.value_bits);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double exact = std::clamp(static_cast<double>(values[i]), -1.0, 1.0);
    const double mean = sum[i] / kTimes;
    const double variance = squares[i] / kTimes - mean * mean;
    EXPECT_NEAR(mean, exact, 5 * step / 2 / std::sqrt(kTimes)) << values[i];
    const double between = exact / step - std::floor(exact / step);
    EXPECT_NEAR(variance, step * step * between * (1 - between), 0.05 * step * step) << values[i];
  }
}

TEST(Compression, RoundingDiffersByPartyRoundAndPiece) {
  const FixedPointFormat format = fixed_point_format(Lane::bits16, 1, 8).value();
  const std::vector<float> values = random_values(500, 0.5, 1), base(500, 0.0F);
  const auto encoded = [&](Round round, std::uint32_t party, std::size_t chunk) {
    std::vector<std::byte> lanes((values.size() + 1) * sizeof(std::int16_t));
    EXPECT_TRUE(
        encode_piece(format, with_fraction(1, round), PartyId{party}, chunk, values, base, 1, lanes).ok());
    return lanes;
  };
  EXPECT_EQ(encoded(3, 1, 2), encoded(3, 1, 2)) << "a run replays";
  EXPECT_NE(encoded(3, 1, 2), encoded(4, 1, 2));
  EXPECT_NE(encoded(3, 1, 2), encoded(3, 2, 2));
  EXPECT_NE(encoded(3, 1, 2), encoded(3, 1, 3));
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
