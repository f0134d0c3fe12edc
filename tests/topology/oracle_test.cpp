// Numbers that nobody in this project computed: rounds to exact consensus from the authors' Base-(k+1) code,
// spectral gaps from numpy, closed forms from the papers.
#include "tests/topology/make.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace hansa::topology {
namespace {

using testing::base_k;
using testing::make;

constexpr std::uint32_t kSizes[] = {5,  6,  7,  8,  12,  16,  21,  22,  23,  24,
                                    25, 32, 50, 64, 100, 128, 200, 256, 1000};
constexpr std::uint32_t kRounds[4][19] = {
    {5, 4, 5, 3, 5, 4, 9, 8, 9, 6, 9, 5, 10, 6, 11, 7, 12, 8, 16},
    {3, 2, 4, 3, 3, 4, 5, 6, 6, 4, 6, 5, 7, 6, 8, 7, 9, 8, 12},
    {3, 2, 3, 2, 2, 2, 4, 5, 5, 3, 5, 3, 6, 3, 6, 4, 7, 4, 9},
    {1, 2, 3, 2, 2, 2, 4, 4, 4, 3, 2, 3, 3, 3, 3, 4, 4, 4, 5},
};

TEST(Oracle, BaseKReachesTheExactMeanInThePublishedRounds) {
  for (std::uint32_t k = 1; k <= 4; ++k) {
    for (std::size_t at = 0; at < std::size(kSizes); ++at) {
      const auto topology = base_k(kSizes[at], k);
      const auto rounds = rounds_to_exact_consensus(*topology, 64);
      ASSERT_TRUE(rounds.has_value()) << "n=" << kSizes[at] << " k=" << k;
      EXPECT_EQ(*rounds, kRounds[k - 1][at]) << "n=" << kSizes[at] << " k=" << k;
      EXPECT_EQ(topology->period(), *rounds);
    }
  }
}

TEST(Oracle, BaseKIsExactAndWithinItsDegreeForEverySize) {
  for (std::uint32_t k = 1; k <= 7; ++k) {
    for (std::uint32_t n = 2; n <= 150; n += n < 60 ? 1 : 9) {
      const auto topology = base_k(n, k);
      ASSERT_LT(consensus_errors(*topology, topology->period()).back(), 1e-13) << "n=" << n << " k=" << k;
      for (Round round = 0; round < topology->period(); ++round) {
        for (std::uint32_t i = 0; i < n; ++i) ASSERT_LE(topology->out(round, PartyId{i}).size(), k);
      }
      // Theorem 1 of the paper: at most 2 log_{k+1}(n) + 2 rounds.
      ASSERT_LE(topology->period(), 2 * std::log(n) / std::log(k + 1) + 2 + 1e-9) << "n=" << n << " k=" << k;
    }
  }
}

struct Gaps {
  std::uint32_t parties;
  double ring;
  double torus;
  double hypercube;  // 0: the size does not fit
  double exponential;
  double star;
};

TEST(Oracle, SpectralGaps) {
  constexpr Gaps kGaps[] = {{16, 0.05075, 0.40000, 0.40000, 0.40000, 0.06250},
                            {25, 0.02094, 0.27639, 0, 0.48914, 0.04000},
                            {64, 0.00321, 0.11716, 0.28571, 0.28571, 0.01562},
                            {100, 0.00132, 0.07639, 0, 0.25000, 0.01000},
                            {256, 0.00020, 0.03045, 0.22222, 0.22222, 0.00391}};
  constexpr double kRounded = 0.5001e-5;
  for (const Gaps& row : kGaps) {
    SCOPED_TRACE(row.parties);
    const auto gap = [&](std::string_view name) { return spectral_gap(*make(name, row.parties)); };
    EXPECT_NEAR(gap("ring"), row.ring, kRounded);
    EXPECT_NEAR(gap("torus"), row.torus, kRounded);
    EXPECT_NEAR(gap("exponential"), row.exponential, kRounded);
    EXPECT_NEAR(gap("star"), row.star, kRounded);
    if (row.hypercube > 0) {
      EXPECT_NEAR(gap("hypercube"), row.hypercube, kRounded);
    }
    EXPECT_NEAR(gap("complete"), 1, 1e-12);
  }
}

TEST(Oracle, ClosedForms) {
  // Across the border between the dense and the sparse solver.
  for (const std::uint32_t n : {3U, 10U, 128U, 512U, 513U, 1000U, 4096U}) {
    EXPECT_NEAR(spectral_gap(*make("ring", n)), 2.0 / 3 * (1 - std::cos(2 * std::numbers::pi / n)), 1e-9)
        << n;
    if (n > 3) {
      EXPECT_NEAR(spectral_gap(*make("star", n)), 1.0 / n, 1e-9) << n;
    }
    if (n % 2 == 0) {
      EXPECT_NEAR(spectral_gap(*make("exponential", n)), 2.0 / (1 + std::bit_width(n - 1)), 1e-9) << n;
    }
    if (std::has_single_bit(n)) {
      EXPECT_NEAR(spectral_gap(*make("hypercube", n)), 2.0 / (1 + std::bit_width(n - 1)), 1e-9) << n;
    }
  }
}

TEST(Oracle, OnePeerExponentialSequences) {
  const auto expect_sequence = [](std::uint32_t n, const std::vector<std::pair<double, double>>& expected) {
    const auto errors =
        consensus_errors(*make("one-peer-exponential", n), static_cast<std::uint32_t>(expected.size()));
    for (std::size_t r = 0; r < expected.size(); ++r) {
      EXPECT_NEAR(errors[r], expected[r].first, expected[r].second) << "n=" << n << " after " << r + 1;
    }
  };
  constexpr double k3 = 0.5001e-3;
  constexpr double k4 = 0.5001e-4;
  expect_sequence(16, {{.981, k3}, {.906, k3}, {.641, k3}, {0, 1e-12}});
  expect_sequence(64, {{.999, k3}, {.994, k3}, {.975, k3}, {.901, k3}, {.637, k3}, {0, 1e-12}});
  expect_sequence(25, {{.992, k3},
                       {.961, k3},
                       {.842, k3},
                       {.451, k3},
                       {.192, k3},
                       {.191, k3},
                       {.185, k3},
                       {.162, k3},
                       {.0867, k4},
                       {.0369, k4}});
}

TEST(Oracle, OnePeerExponentialIsExactOnlyForPowersOfTwo) {
  for (std::uint32_t n = 2; n <= 64; ++n) {
    const auto topology = make("one-peer-exponential", n);
    const auto rounds = rounds_to_exact_consensus(*topology, topology->period());
    if (std::has_single_bit(n)) {
      EXPECT_EQ(rounds, static_cast<std::uint32_t>(std::bit_width(n) - 1)) << n;
    } else {
      EXPECT_EQ(rounds, std::nullopt) << n;
    }
  }
}

/// Gaps of 40 random graphs, ascending.
std::vector<double> gaps(std::string_view name, std::uint32_t parties, std::uint32_t degree) {
  std::vector<double> found;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    TopologyOptions options;
    options.parties = parties;
    options.degree = degree;
    options.seed = seed;
    found.push_back(spectral_gap(*make(name, options)));
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(Oracle, RandomGraphGapsFallWhereOtherGeneratorsFall) {
  const auto regular4 = gaps("k-regular", 64, 4);  // networkx, seed 1: .14089
  EXPECT_LT(regular4.front(), 0.14089);
  EXPECT_GT(regular4.back(), 0.14089);
  const auto regular8 = gaps("k-regular", 64, 8);  // .37542
  EXPECT_LT(regular8.front(), 0.37542);
  EXPECT_GT(regular8.back(), 0.37542);
  const auto bent = gaps("small-world", 64, 4);  // .02209
  EXPECT_LT(bent.front(), 0.02209);
  EXPECT_GT(bent.back(), 0.02209);
  const auto hubs = gaps("scale-free", 64, 4);  // .05925
  EXPECT_LT(hubs.front(), 0.05925);
  EXPECT_GT(hubs.back(), 0.05925);
}

TEST(Oracle, RandomFourRegularGraphsOf256) {
  std::size_t inside = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    TopologyOptions options;
    options.parties = 256;
    options.seed = seed;
    const double gap = spectral_gap(*make("k-regular", options));
    if (gap >= 0.10 && gap <= 0.13) ++inside;
  }
  EXPECT_GE(inside, 18U);
}

}  // namespace
}  // namespace hansa::topology
