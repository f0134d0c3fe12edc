// Known answers for the bits of a stream, and statistics for what is made of them. Tolerances are five
// standard deviations of the statistic; the seeds are fixed, so a test that passes once passes always.
#include <hansa/rng.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

namespace hansa {
namespace {

/// Inverse of mix64, to build a stream whose first draw is a wanted word.
std::uint64_t unmix64(std::uint64_t x) {
  const auto inverse_of = [](std::uint64_t odd) {  // Newton's iteration modulo 2^64 doubles the correct bits
    std::uint64_t inverse = odd;
    for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
    return inverse;
  };
  const auto unshift = [](std::uint64_t y, int shift) {
    std::uint64_t z = y;
    for (int i = 0; i < 64; i += shift) z = y ^ (z >> shift);
    return z;
  };
  x = unshift(x, 31) * inverse_of(0x94D049BB133111EBULL);
  x = unshift(x, 27) * inverse_of(0xBF58476D1CE4E5B9ULL);
  return unshift(x, 30) - 0x9E3779B97F4A7C15ULL;
}

/// A stream whose first `next()` is `word`: every step of the key is a bijection, so the counter can be
/// solved for.
Rng stream_that_begins_with(std::uint64_t word) {
  const std::uint64_t key = unmix64(word) - 0xD1B54A32D192ED03ULL;
  const std::uint64_t before_counter =
      mix64(mix64(mix64(1) ^ static_cast<std::uint64_t>(Purpose::test)) ^ std::uint64_t{0});
  return Rng(1, Purpose::test, 0, unmix64(key) ^ before_counter);
}

TEST(Mix64, ReferenceSequences) {
  // The outputs of SplitMix64 for seeds 0 and 1234567: mix64 of the state before each step.
  constexpr std::array<std::uint64_t, 4> kSeed0 = {0xE220A8397B1DCDAFULL, 0x6E789E6AA1B965F4ULL,
                                                   0x06C45D188009454FULL, 0xF88BB8A8724C81ECULL};
  constexpr std::array<std::uint64_t, 5> kSeed1234567 = {6457827717110365317ULL, 3203168211198807973ULL,
                                                         9817491932198370423ULL, 4593380528125082431ULL,
                                                         16408922859458223821ULL};
  for (std::uint64_t i = 0; i < kSeed0.size(); ++i) EXPECT_EQ(mix64(0x9E3779B97F4A7C15ULL * i), kSeed0[i]);
  for (std::uint64_t i = 0; i < kSeed1234567.size(); ++i) {
    EXPECT_EQ(mix64(1234567 + 0x9E3779B97F4A7C15ULL * i), kSeed1234567[i]);
  }
}

TEST(Mix64, IsABijection) {
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const std::uint64_t x = i * 0x9E3779B97F4A7C15ULL + (i << 40);
    ASSERT_EQ(unmix64(mix64(x)), x);
    ASSERT_EQ(mix64(unmix64(x)), x);
  }
}

TEST(Mix64, EachInputBitChangesHalfOfTheOutput) {
  for (int bit = 0; bit < 64; ++bit) {
    int flipped = 0;
    for (std::uint64_t x = 0; x < 1000; ++x) flipped += std::popcount(mix64(x) ^ mix64(x ^ (1ULL << bit)));
    EXPECT_NEAR(flipped / 1000.0, 32.0, 5 * 4.0 / std::sqrt(1000.0)) << "input bit " << bit;
  }
}

TEST(Rng, BitsAreFrozen) {
  struct Case {
    std::uint64_t seed;
    Purpose purpose;
    std::uint64_t party, counter;
    std::array<std::uint64_t, 3> words;
  };
  constexpr std::uint64_t kNone = ~0ULL;
  const Case cases[] = {
      {1,
       Purpose::initial_model,
       kNone,
       0,
       {0x72d622c969a16ef3ULL, 0x0d1a21e078be8372ULL, 0x8e3832c9d2b71b03ULL}},
      {1, Purpose::batch_order, 0, 0, {0xd16b587eb6ea9998ULL, 0xdf172b0c2886572bULL, 0x78b6a09582f13ce7ULL}},
      {1, Purpose::batch_order, 1, 0, {0xcef9f888aa2efd67ULL, 0x7ccdbeb84d278eaeULL, 0x28b7f8082ad1392dULL}},
      {42, Purpose::link, 3, 9, {0x836072fae188e832ULL, 0x3281c80fc4374fd5ULL, 0x446281e8aeab5dcaULL}},
      {~0ULL,
       Purpose::test,
       5,
       1ULL << 40,
       {0xf30e466358cf7cbaULL, 0xf67d0544aaa4711eULL, 0xd4691e50fdcff183ULL}},
  };
  for (const Case& c : cases) {
    Rng rng(c.seed, c.purpose, c.party, c.counter);
    for (const std::uint64_t word : c.words) EXPECT_EQ(rng.next(), word) << "seed " << c.seed;
  }
  // Usable at compile time, with the same bits.
  constexpr std::uint64_t kFirst = [] { return Rng(1, Purpose::initial_model).next(); }();
  EXPECT_EQ(kFirst, 0x72d622c969a16ef3ULL);
}

TEST(Rng, PurposesKeepTheirNumbers) {
  const std::map<Purpose, std::uint32_t> numbers = {
      {Purpose::initial_model, 1}, {Purpose::batch_order, 2}, {Purpose::partition, 3},
      {Purpose::topology, 4},      {Purpose::peer_choice, 5}, {Purpose::cohort, 6},
      {Purpose::link, 7},          {Purpose::churn, 8},       {Purpose::compute_speed, 9},
      {Purpose::timer_phase, 10},  {Purpose::dataset, 11},    {Purpose::evaluation, 12},
      {Purpose::dropout, 13},      {Purpose::test, 99}};
  for (const auto& [purpose, number] : numbers) EXPECT_EQ(static_cast<std::uint32_t>(purpose), number);
}

TEST(Rng, NeighbouringStreamsAreUncorrelated) {
  constexpr int kDraws = 20000;
  const auto correlation = [](Rng a, Rng b) {
    double sum = 0;
    for (int i = 0; i < kDraws; ++i) sum += (a.uniform() - 0.5) * (b.uniform() - 0.5);
    return sum / kDraws * 12.0;
  };
  const double limit = 5.0 / std::sqrt(kDraws);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const Rng base(i, Purpose::test, i, i);
    EXPECT_LT(std::abs(correlation(base, Rng(i + 1, Purpose::test, i, i))), limit) << "seed " << i;
    EXPECT_LT(std::abs(correlation(base, Rng(i, Purpose::test, i + 1, i))), limit) << "party " << i;
    EXPECT_LT(std::abs(correlation(base, Rng(i, Purpose::test, i, i + 1))), limit) << "counter " << i;
    EXPECT_LT(std::abs(correlation(base, Rng(i, Purpose::dropout, i, i))), limit) << "purpose " << i;
  }
}

TEST(Rng, UniformFillsTheUnitInterval) {
  Rng rng(1, Purpose::test);
  constexpr int kDraws = 200000;
  std::array<int, 64> bins{};
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++bins[static_cast<std::size_t>(u * 64)];
  }
  double chi2 = 0;
  for (const int n : bins) chi2 += (n - kDraws / 64.0) * (n - kDraws / 64.0) / (kDraws / 64.0);
  EXPECT_NEAR(chi2, 63, 5 * std::sqrt(2 * 63.0));
  EXPECT_LT(stream_that_begins_with(~0ULL).uniform(), 1.0);
  EXPECT_EQ(stream_that_begins_with(0).uniform(), 0.0);
}

TEST(Rng, BelowIsUniformForEveryBound) {
  for (const std::uint64_t bound : {1ULL, 2ULL, 3ULL, 7ULL, 10ULL, 64ULL, 1000ULL}) {
    Rng rng(2, Purpose::test, bound);
    const std::uint64_t draws = 1000 * std::max<std::uint64_t>(bound, 20);
    std::vector<double> counts(bound);
    for (std::uint64_t i = 0; i < draws; ++i) {
      const std::uint64_t value = rng.below(bound);
      ASSERT_LT(value, bound);
      counts[value] += 1;
    }
    const double expected = static_cast<double>(draws) / static_cast<double>(bound);
    double chi2 = 0;
    for (const double n : counts) chi2 += (n - expected) * (n - expected) / expected;
    const double freedom = static_cast<double>(bound - 1);
    EXPECT_NEAR(chi2, freedom, 5 * std::sqrt(2 * freedom) + 1e-9) << "bound " << bound;
  }
}

TEST(Rng, BelowRejectsWhatWouldBiasIt) {
  // For the bound 2^63 + 1 nearly half of all words must be rejected; multiply-and-shift alone would take
  // them.
  constexpr std::uint64_t kBound = (1ULL << 63) + 1;
  constexpr std::uint64_t kThreshold = (0 - kBound) % kBound;
  std::uint64_t rejected = 0;
  for (std::uint64_t stream = 0; stream < 1000; ++stream) {
    Rng rng(3, Purpose::test, stream);
    Rng words = rng;
    std::uint64_t expected = 0;
    for (;; ++rejected) {
      const auto product = static_cast<unsigned __int128>(words.next()) * kBound;
      expected = static_cast<std::uint64_t>(product >> 64);
      if (static_cast<std::uint64_t>(product) >= kThreshold) break;
    }
    ASSERT_EQ(rng.below(kBound), expected);
    ASSERT_EQ(rng.next(), words.next());  // as many words used
  }
  EXPECT_NEAR(static_cast<double>(rejected), 1000, 5 * std::sqrt(2000.0));  // geometric with p = 1/2
}

TEST(Rng, NormalQuantilesAreExact) {
  // n -> quantile of (n + 1/2) 2^-52, computed with 50 digits; the three branches of AS 241 and both ends.
  struct Case {
    std::uint64_t n;
    double quantile;
  };
  const Case cases[] = {
      {0, -8.2095361516013868556},           {1, -8.0765710041301246502},
      {1000, -7.2413283478103649373},        {1ULL << 20, -6.2302600632894787267},
      {1ULL << 30, -5.0354059693747329802},  {1ULL << 37, -4.0087725941677257266},
      {1ULL << 40, -3.4871041041143094916},  {1ULL << 48, -1.5341205443525454090},
      {1ULL << 50, -0.67448975019608139383}, {(1ULL << 51) - 1, -2.7829164246717669222e-16}};
  for (const Case& c : cases) {
    const double x = stream_that_begins_with(c.n << 12).normal();
    EXPECT_NEAR(x / c.quantile, 1.0, 1e-15) << "n " << c.n;
    const std::uint64_t mirrored = (1ULL << 52) - 1 - c.n;
    EXPECT_EQ(stream_that_begins_with(mirrored << 12).normal(), -x) << "n " << c.n;
  }
}

TEST(Rng, NormalInvertsTheDistributionFunction) {
  Rng rng(4, Purpose::test);
  constexpr int kDraws = 100000;
  std::array<double, 5> moments{};
  for (int i = 0; i < kDraws; ++i) {
    Rng word = rng;
    const double u = (static_cast<double>(word.next() >> 12) + 0.5) * 0x1.0p-52;
    const double x = rng.normal();
    const double probability = 0.5 * std::erfc(-x / std::sqrt(2.0));
    ASSERT_NEAR(probability / u, 1.0, 1e-14 + 4e-16 * x * x) << "u " << u;
    double power = 1;
    for (double& moment : moments) moment += (power *= x) / kDraws;
  }
  const double n = std::sqrt(static_cast<double>(kDraws));
  EXPECT_NEAR(moments[0], 0.0, 5 * 1.0 / n);
  EXPECT_NEAR(moments[1], 1.0, 5 * std::sqrt(2.0) / n);
  EXPECT_NEAR(moments[2], 0.0, 5 * std::sqrt(15.0) / n);
  EXPECT_NEAR(moments[3], 3.0, 5 * std::sqrt(96.0) / n);
}

TEST(Rng, GammaHasItsMoments) {
  for (const double shape : {0.05, 0.3, 0.5, 1.0, 1.5, 4.0, 30.0, 1000.0}) {
    Rng rng(5, Purpose::test, std::bit_cast<std::uint64_t>(shape));
    constexpr int kDraws = 100000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double x = rng.gamma(shape);
      ASSERT_TRUE(std::isfinite(x) && x >= 0) << x;
      sum += x;
      squares += (x - shape) * (x - shape);
    }
    const double fourth_central = 3 * shape * shape + 6 * shape;
    EXPECT_NEAR(sum / kDraws, shape, 5 * std::sqrt(shape / kDraws)) << "shape " << shape;
    EXPECT_NEAR(squares / kDraws, shape, 5 * std::sqrt((fourth_central - shape * shape) / kDraws))
        << "shape " << shape;
  }
}

TEST(Rng, GammaOfOneIsExponentialAndOfHalfIsHalfChiSquare) {
  const auto largest_gap = [](double shape, double (*distribution)(double)) {
    Rng rng(6, Purpose::test, std::bit_cast<std::uint64_t>(shape));
    std::vector<double> draws(20000);
    for (double& x : draws) x = rng.gamma(shape);
    std::sort(draws.begin(), draws.end());
    double gap = 0;
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const double step = 1.0 / static_cast<double>(draws.size());
      gap = std::max(gap, std::abs(distribution(draws[i]) - (static_cast<double>(i) + 0.5) * step));
    }
    return gap * std::sqrt(static_cast<double>(draws.size()));
  };
  // Kolmogorov's statistic exceeds 2.0 with probability 0.0007.
  EXPECT_LT(largest_gap(1.0, [](double x) { return 1.0 - std::exp(-x); }), 2.0);
  EXPECT_LT(largest_gap(0.5, [](double x) { return std::erf(std::sqrt(x)); }), 2.0);
}

TEST(Rng, ShuffleReachesEveryPermutationEqually) {
  std::map<std::array<int, 4>, int> counts;
  constexpr int kShuffles = 24000;
  for (std::uint64_t i = 0; i < kShuffles; ++i) {
    std::array<int, 4> items = {0, 1, 2, 3};
    Rng(7, Purpose::test, i).shuffle(items);
    ++counts[items];
  }
  ASSERT_EQ(counts.size(), 24U);
  double chi2 = 0;
  for (const auto& [permutation, n] : counts) chi2 += (n - 1000.0) * (n - 1000.0) / 1000.0;
  EXPECT_NEAR(chi2, 23, 5 * std::sqrt(2 * 23.0));

  std::vector<int> many(1000);
  std::iota(many.begin(), many.end(), 0);
  Rng(8, Purpose::test).shuffle(many);
  EXPECT_FALSE(std::is_sorted(many.begin(), many.end()));
  std::sort(many.begin(), many.end());
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(many[static_cast<std::size_t>(i)], i);
  std::vector<int> none;
  Rng(8, Purpose::test).shuffle(none);
  EXPECT_TRUE(none.empty());
}

TEST(RngDeathTest, RefusesWhatHasNoAnswer) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Rng rng(1, Purpose::test);
  EXPECT_DEATH(rng.below(0), "bound > 0");
  EXPECT_DEATH(rng.gamma(0.0), "shape > 0");
}

}  // namespace
}  // namespace hansa
