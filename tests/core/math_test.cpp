// Our exp and log against the C library in long double, and their bits against frozen hashes: the sweep must
// give the same bits with every compiler, sanitizer and -march.
#include <hansa/math.hpp>
#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hansa {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double relative_error(double value, long double exact) {
  return static_cast<double>(std::abs((static_cast<long double>(value) - exact) / exact));
}

template <class Function>
double worst_error(double low, double high, Function error) {
  double worst = 0;
  Rng rng(1, Purpose::test);
  for (int i = 0; i < 200000; ++i) worst = std::max(worst, error(low + (high - low) * rng.uniform()));
  return worst;
}

TEST(Exp, StaysWithinItsStatedError) {
  const auto error = [](double x) {
    return relative_error(exp_exact(x), std::exp(static_cast<long double>(x)));
  };
  EXPECT_LT(worst_error(-1, 1, error), 8e-16);
  EXPECT_LT(worst_error(-40, 40, error), 8e-16);
  EXPECT_LT(worst_error(-708, 709.7, error), 8e-16);
  EXPECT_LT(worst_error(-1e-9, 1e-9, error), 8e-16);
}

TEST(Exp, EndsOfTheRange) {
  EXPECT_EQ(exp_exact(0.0), 1.0);
  EXPECT_EQ(exp_exact(-0.0), 1.0);
  EXPECT_EQ(exp_exact(1000.0), kInfinity);
  EXPECT_EQ(exp_exact(kInfinity), kInfinity);
  EXPECT_EQ(exp_exact(-1000.0), 0.0);
  EXPECT_EQ(exp_exact(-kInfinity), 0.0);
  EXPECT_TRUE(std::isnan(exp_exact(std::nan(""))));
  // Subnormal results: within one spacing of the truth.
  for (double x = -745.0; x < -708.0; x += 0.37) {
    EXPECT_NEAR(exp_exact(x), std::exp(x),
                2 * std::numeric_limits<double>::denorm_min() + 1e-15 * std::exp(x))
        << x;
  }
}

TEST(Log, StaysCloseToTheTruth) {
  const auto error = [](double x) {
    const long double exact = std::log(static_cast<long double>(x));
    return exact == 0 ? std::abs(log_exact(x)) : relative_error(log_exact(x), exact);
  };
  EXPECT_LT(worst_error(0, 1, error), 1e-15);
  EXPECT_LT(worst_error(0.7, 1.42, error), 1e-15);
  EXPECT_LT(worst_error(1, 100, error), 1e-15);
  EXPECT_LT(worst_error(1 - 1e-6, 1 + 1e-6, error), 1e-15);
  EXPECT_LT(worst_error(0, 1e300, error), 1e-15);
  EXPECT_LT(worst_error(0, 1e-310, error), 1e-15);  // subnormal arguments
}

TEST(Log, EndsOfTheRange) {
  EXPECT_EQ(log_exact(1.0), 0.0);
  EXPECT_EQ(log_exact(0.0), -kInfinity);
  EXPECT_EQ(log_exact(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(log_exact(-1.0)));
  EXPECT_TRUE(std::isnan(log_exact(std::nan(""))));
}

TEST(ExpFast, StaysWithinItsStatedError) {
  const auto error = [](double x) {
    const auto xf = static_cast<float>(x);
    return relative_error(static_cast<double>(exp_fast(xf)), std::exp(static_cast<long double>(xf)));
  };
  EXPECT_LT(worst_error(-87.33, 88.72, error), 3e-7);
  EXPECT_LT(worst_error(-1, 1, error), 3e-7);
  EXPECT_EQ(exp_fast(0.0f), 1.0f);
  EXPECT_EQ(exp_fast(100.0f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(exp_fast(-100.0f), 0.0f);
}

TEST(Sigmoid, IsStableAndSymmetric) {
  for (float x = -120; x <= 120; x += 0.13f) {
    const float y = sigmoid(x);
    ASSERT_GE(y, 0.0f);
    ASSERT_LE(y, 1.0f);
    ASSERT_NEAR(y, 1.0 / (1.0 + std::exp(-static_cast<double>(x))), 2e-7) << x;
    ASSERT_NEAR(y + sigmoid(-x), 1.0f, 2e-7f) << x;
  }
  EXPECT_EQ(sigmoid(0.0f), 0.5f);
}

TEST(Softplus, IsStable) {
  for (double x = -800; x <= 800; x += 0.37) {
    const long double exact = x > 40 ? static_cast<long double>(x) + std::exp(-static_cast<long double>(x))
                                     : std::log1p(std::exp(static_cast<long double>(x)));
    if (exact < 1e-300L) {
      ASSERT_NEAR(softplus(x), static_cast<double>(exact), 1e-300) << x;
    } else if (x < -20) {  // log(1 + e^x) is e^x there, up to what 1 + e^x rounds away
      ASSERT_LT(std::abs(softplus(x) - static_cast<double>(exact)), 3e-16) << x;
    } else {
      ASSERT_LT(relative_error(softplus(x), exact), 1e-7) << x;
    }
  }
  EXPECT_EQ(softplus(1000.0), 1000.0);
  EXPECT_NEAR(softplus(0.0), std::log(2.0), 1e-15);
}

std::uint64_t hash_of(std::uint64_t hash, std::uint64_t bits) { return mix64(hash ^ bits); }

TEST(Math, BitsAreFrozen) {
  std::uint64_t doubles = 0;
  std::uint64_t floats = 0;
  Rng rng(2, Purpose::test);
  for (int i = 0; i < 100000; ++i) {
    const double x = 1400 * rng.uniform() - 700;
    doubles = hash_of(doubles, std::bit_cast<std::uint64_t>(exp_exact(x)));
    doubles = hash_of(doubles, std::bit_cast<std::uint64_t>(log_exact(exp_exact(x))));
    doubles = hash_of(doubles, std::bit_cast<std::uint64_t>(softplus(x)));
    doubles = hash_of(doubles, std::bit_cast<std::uint64_t>(rng.normal()));
    const float y = static_cast<float>(x) / 8;
    floats = hash_of(floats, std::bit_cast<std::uint32_t>(exp_fast(y)));
    floats = hash_of(floats, std::bit_cast<std::uint32_t>(sigmoid(y)));
  }
  EXPECT_EQ(doubles, 0x5dda29183e10ad9cULL) << std::hex << doubles;
  EXPECT_EQ(floats, 0x213db022c4b0a2bULL) << std::hex << floats;
}

}  // namespace
}  // namespace hansa
