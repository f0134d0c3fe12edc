// Fixed point: the table of fraction bits, exact bounds, what is refused, and the size of the rounding error.
#include "protocols/secure_sum/fixed_point.hpp"

#include "src/crypto/hash.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace hansa::protocols::secure_sum {
namespace {

struct BitsRow {
  Lane lane;
  std::size_t members;
  double clip;
  int bits;
};
constexpr BitsRow kBits[] = {
    {Lane::bits16, 8, 8, 8},   {Lane::bits16, 16, 8, 7},  {Lane::bits16, 32, 8, 6},
    {Lane::bits16, 16, 1, 10}, {Lane::bits32, 8, 8, 24},  {Lane::bits32, 16, 8, 23},
    {Lane::bits32, 32, 8, 22}, {Lane::bits32, 16, 1, 26}, {Lane::bits64, 16, 8, 55},
    {Lane::bits64, 32, 8, 54},
};

TEST(FixedPoint, UsesAllBitsThatFit) {
  for (const BitsRow& row : kBits) {
    const auto format = fixed_point_format(row.lane, row.clip, row.members);
    ASSERT_TRUE(format.ok());
    EXPECT_EQ(format->value_bits, row.bits) << lane_bytes(row.lane) << " " << row.members << " " << row.clip;
  }
}

FixedPointFormat make(Lane lane, double clip, std::size_t members) {
  return *fixed_point_format(lane, clip, members);
}

/// members * (clip * 2^f + 1) against 2^(w-1) - 1 in 128 bits.
TEST(FixedPoint, NeverOverflowsAndWastesNoBit) {
  using Wide = unsigned __int128;
  for (const Lane lane : {Lane::bits16, Lane::bits32, Lane::bits64}) {
    const Wide top = (Wide{1} << (8 * lane_bytes(lane) - 1)) - 1;
    for (std::size_t members = 1; members <= 64; ++members) {
      for (const double clip : {0.001, 0.7, 1.0, 1.0 + 0x1p-40, 3.0, 8.0, 200.0}) {
        const auto format = fixed_point_format(lane, clip, members);
        if (!format.ok()) continue;
        EXPECT_LE(Wide{members} * (Wide{format->value_max()} + 1), top);
        const auto finer = static_cast<Wide>(std::ceil(std::ldexp(clip, format->value_bits + 1)));
        EXPECT_TRUE(Wide{members} * (finer + 1) > top || format->value_bits == 62);
        EXPECT_LE(Wide{members} << format->weight_bits, top);
      }
    }
  }
  EXPECT_FALSE(fixed_point_format(Lane::bits16, 1e6, 8).ok());
  for (const double clip : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(fixed_point_format(Lane::bits32, clip, 8).ok());
  }
}

template <class T>
std::vector<T> encoded(const FixedPointFormat& format, const std::vector<float>& values, double weight,
                       Rng* dither = nullptr) {
  std::vector<T> lanes(values.size() + 1);
  EXPECT_TRUE(encode(format, values, weight, std::as_writable_bytes(std::span(lanes)), dither).ok());
  return lanes;
}

TEST(FixedPoint, quantise_bounds) {
  const auto format = make(Lane::bits32, 8, 16);
  const float tiny = std::numeric_limits<float>::denorm_min();
  const auto lanes =
      encoded<std::int32_t>(format, {8, -8, 9, -1e30f, tiny, -0.0f, 1.5f * 0x1p-23f, 2.5f * 0x1p-23f}, 1);
  EXPECT_EQ(lanes, (std::vector<std::int32_t>{1 << 26, -(1 << 26), 1 << 26, -(1 << 26), 0, 0, 2, 2,
                                              1 << format.weight_bits}));
  for (const float bad :
       {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    std::vector<std::int32_t> out(3);
    const auto result = encode(format, std::vector<float>{1, bad}, 1, std::as_writable_bytes(std::span(out)));
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("parameter 1 "), std::string::npos) << result.error().message;
  }
  for (const double weight : {-0.1, 1.1, std::nan("")}) {
    std::vector<std::int32_t> out(1);
    EXPECT_FALSE(encode(format, {}, weight, std::as_writable_bytes(std::span(out))).ok());
  }
}

template <class T>
void largest_sum_is_exact(Lane lane) {
  const auto format = make(lane, 8, 16);
  std::vector<T> sum(3);
  for (int member = 0; member < 16; ++member) {
    const auto lanes = encoded<T>(format, {100, -100}, 1);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<T>(sum[i] + lanes[i]);
  }
  EXPECT_EQ(static_cast<std::uint64_t>(sum[0]), 16 * format.value_max());
  std::vector<float> mean(2);
  const auto weight = decode_mean(format, std::as_bytes(std::span(sum)), 16, mean);
  ASSERT_TRUE(weight.ok());
  EXPECT_EQ(*weight, 16);
  EXPECT_EQ(mean, (std::vector<float>{8, -8}));
  sum[0] = static_cast<T>(sum[0] + 1);  // one more than honest members can reach
  EXPECT_FALSE(decode_mean(format, std::as_bytes(std::span(sum)), 16, mean).ok());
}

TEST(FixedPoint, TheLargestSumIsAcceptedAndOneMoreIsNot) {
  largest_sum_is_exact<std::int16_t>(Lane::bits16);
  largest_sum_is_exact<std::int32_t>(Lane::bits32);
  largest_sum_is_exact<std::int64_t>(Lane::bits64);
}

TEST(FixedPoint, ImpossibleWeightsAreRefused) {
  const auto format = make(Lane::bits32, 8, 4);
  std::vector<float> mean(1);
  for (const std::int32_t weight : {0, -1, (2 << format.weight_bits) + 1}) {
    const std::vector<std::int32_t> sum = {0, weight};
    EXPECT_FALSE(decode_mean(format, std::as_bytes(std::span(sum)), 2, mean).ok()) << weight;
  }
}

TEST(FixedPoint, WeightedMeanIsWithinTheRoundingBound) {
  const auto format = make(Lane::bits32, 8, 4);
  const double weights[] = {1, 0.5, 0.25, 0.1};
  Rng rng(5, Purpose::test);
  constexpr std::size_t kValues = 1000;
  std::vector<std::int32_t> sum(kValues + 1);
  std::vector<double> exact(kValues);
  for (const double weight : weights) {
    std::vector<float> values(kValues);
    for (float& value : values) value = static_cast<float>(rng.normal());
    const auto lanes = encoded<std::int32_t>(format, values, weight);
    for (std::size_t i = 0; i <= kValues; ++i) sum[i] += lanes[i];
    for (std::size_t i = 0; i < kValues; ++i) exact[i] += weight * static_cast<double>(values[i]) / 1.85;
  }
  std::vector<float> mean(kValues);
  ASSERT_TRUE(decode_mean(format, std::as_bytes(std::span(sum)), 4, mean).ok());
  const double bound = 4 * std::ldexp(1.0, -format.value_bits - 1) / 1.85;
  for (std::size_t i = 0; i < kValues; ++i) {
    EXPECT_NEAR(static_cast<double>(mean[i]), exact[i], bound + std::fabs(exact[i]) * 0x1p-23);
  }
}

/// The hash comes from the recipe written down in another language; every build must reproduce it.
TEST(FixedPoint, decode_bit_identical) {
  const auto format = make(Lane::bits32, 8, 4);
  const std::uint64_t bound = 4 * format.value_max();
  std::vector<std::int32_t> sum;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    sum.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(i * 2654435761 % (2 * bound + 1)) -
                                            static_cast<std::int64_t>(bound)));
  }
  sum.push_back(static_cast<std::int32_t>(std::ldexp(1.85, format.weight_bits)));
  std::vector<float> mean(1000);
  ASSERT_TRUE(decode_mean(format, std::as_bytes(std::span(sum)), 4, mean).ok());
  EXPECT_EQ(crypto::Hasher("hansa.test").update(std::span<const float>(mean)).finish().hex(),
            "30fb659010abbabf1e25d648ef8ca359fee22b1f5281903995c4dba5e4463400");
}

TEST(FixedPoint, DitheringIsRightOnAverage) {
  const auto format = make(Lane::bits16, 1, 16);
  Rng rng(6, Purpose::test);
  const float value = 0.3f * static_cast<float>(std::ldexp(1.0, -format.value_bits));
  const auto lanes = encoded<std::int16_t>(format, std::vector<float>(20000, value), 1, &rng);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i + 1 < lanes.size(); ++i) {
    ASSERT_TRUE(lanes[i] == 0 || lanes[i] == 1);
    sum += lanes[i];
  }
  EXPECT_NEAR(static_cast<double>(sum) / 20000, 0.3, 0.016);  // 5 standard deviations
}

}  // namespace
}  // namespace hansa::protocols::secure_sum
