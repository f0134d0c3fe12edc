// The random families: degrees, shapes and distributions.
#include "topology/build.hpp"

#include <hansa/math.hpp>

#include "tests/topology/make.hpp"

#include <cmath>
#include <map>
#include <set>

namespace hansa::topology {
namespace {

using testing::make;

TEST(KRegular, EveryDegreeOfEverySize) {
  for (std::uint32_t n = 2; n <= 24; ++n) {
    for (std::uint32_t k = 1; k < n; ++k) {
      if (n * k % 2 != 0 || (k == 1 && n > 2)) continue;
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        TopologyOptions options;
        options.parties = n;
        options.degree = k;
        options.seed = seed;
        const auto topology = make("k-regular", options);
        ASSERT_TRUE(is_connected(*topology));
        for (std::uint32_t i = 0; i < n; ++i) ASSERT_EQ(topology->in(0, PartyId{i}).size(), k);
      }
    }
  }
}

TEST(KRegular, TheTwoCubicGraphsOfSixAppearInTheirProportion) {
  // Connected cubic graphs on 6 labelled parties: 60 prisms (with triangles) and 10 copies of K_{3,3}
  // (without).
  constexpr int kDraws = 4000;
  int without = 0;
  for (int seed = 0; seed < kDraws; ++seed) {
    TopologyOptions options;
    options.parties = 6;
    options.degree = 3;
    options.seed = static_cast<std::uint64_t>(seed);
    const auto links = edges(*make("k-regular", options), 0, true);
    const std::set<Edge> set(links.begin(), links.end());
    bool triangle = false;
    for (std::uint32_t a = 0; a < 6; ++a) {
      for (std::uint32_t b = a + 1; b < 6; ++b) {
        for (std::uint32_t c = b + 1; c < 6; ++c) {
          triangle = triangle || (set.contains({a, b}) && set.contains({a, c}) && set.contains({b, c}));
        }
      }
    }
    if (!triangle) ++without;
  }
  EXPECT_NEAR(static_cast<double>(without) / kDraws, 1.0 / 7, 0.025);  // 4.5 standard deviations
}

TEST(KRegular, EveryPairIsEquallyLikely) {
  constexpr std::uint32_t n = 16;
  constexpr int kDraws = 3000;
  std::map<Edge, int> seen;
  for (int seed = 0; seed < kDraws; ++seed) {
    TopologyOptions options;
    options.parties = n;
    options.degree = 4;
    options.seed = static_cast<std::uint64_t>(seed);
    for (const Edge& edge : edges(*make("k-regular", options), 0, true)) ++seen[edge];
  }
  ASSERT_EQ(seen.size(), n * (n - 1) / 2);
  const double expected = kDraws * 4.0 / (n - 1);
  for (const auto& [edge, count] : seen) EXPECT_NEAR(count, expected, 6 * std::sqrt(expected));
}

TEST(ErdosRenyi, LinksAreBinomialAndPairsEquallyLikely) {
  constexpr std::uint32_t n = 20;
  constexpr int kDraws = 2000;
  for (const double p : {0.03, 0.3, 0.9, 1.0}) {
    std::map<Edge, int> seen;
    for (int seed = 0; seed < kDraws; ++seed) {
      TopologyOptions options;
      options.parties = n;
      options.probability = p;
      options.seed = static_cast<std::uint64_t>(seed);
      options.allow_disconnected = true;
      for (const Edge& edge : edges(*make("erdos-renyi", options), 0, true)) ++seen[edge];
    }
    ASSERT_EQ(seen.size(), n * (n - 1) / 2);
    for (const auto& [edge, count] : seen) {
      EXPECT_NEAR(count, kDraws * p, 6 * std::sqrt(kDraws * p * (1 - p)) + 1e-9)
          << edge.from << " " << edge.to;
    }
  }
}

TEST(ErdosRenyi, DrawsAgainUntilConnected) {
  // At p = log(n)/n about every third graph is connected, so a hundred draws practically always find one.
  int first_draw_fits = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    TopologyOptions options;
    options.parties = 100;
    options.probability = log_exact(100) / 100;
    options.seed = seed;
    const auto topology = make("erdos-renyi", options);
    EXPECT_TRUE(is_connected(*topology));
    options.allow_disconnected = true;
    first_draw_fits += is_connected(*make("erdos-renyi", options)) ? 1 : 0;
  }
  EXPECT_GT(first_draw_fits, 2);
  EXPECT_LT(first_draw_fits, 25);
}

TEST(ErdosRenyi, TinyProbabilitiesGiveNoLinks) {
  TopologyOptions options;
  options.parties = 1000;
  options.allow_disconnected = true;
  for (const double p : {0.0, 1e-300, 1e-17}) {
    options.probability = p;
    EXPECT_TRUE(edges(*make("erdos-renyi", options), 0, true).empty()) << p;
  }
}

TEST(SmallWorld, UnbentIsTheLatticeAndBentKeepsTheLinkCount) {
  TopologyOptions options;
  options.parties = 30;
  options.degree = 6;
  options.probability = 0;
  const auto lattice = make("small-world", options);
  for (std::uint32_t i = 0; i < 30; ++i) {
    for (const Neighbour& other : lattice->in(0, PartyId{i})) {
      const std::uint32_t apart = (static_cast<std::uint32_t>(other.party) + 30 - i) % 30;
      EXPECT_TRUE(apart <= 3 || apart >= 27);
    }
  }
  options.probability = 1;
  const auto bent = make("small-world", options);
  EXPECT_EQ(edges(*bent, 0, true).size(), 90U);
  EXPECT_NE(edges(*bent, 0, true), edges(*lattice, 0, true));
  options.parties = 7;  // as dense as it gets: everybody is linked with everybody already
  EXPECT_EQ(edges(*make("small-world", options), 0, true).size(), 21U);
}

TEST(SmallWorld, BendsTheAskedShareOfLinks) {
  TopologyOptions options;
  options.parties = 20'000;
  options.degree = 4;
  options.probability = 0.1;
  std::size_t far = 0;
  for (const Edge& edge : edges(*make("small-world", options), 0, true)) {
    const std::uint32_t apart = edge.to - edge.from;
    if (apart > 2 && apart < 19'998) ++far;
  }
  EXPECT_NEAR(static_cast<double>(far) / 40'000, 0.1, 0.01);
}

TEST(ScaleFree, LinkCountAndHeavyTail) {
  TopologyOptions options;
  options.parties = 20'000;
  options.attachments = 3;
  const auto topology = make("scale-free", options);
  EXPECT_EQ(edges(*topology, 0, true).size(), 3U + 3 * (20'000U - 4));
  // P(degree >= d) falls like d^-2: (m (m + 1)) / (d (d + 1)) in the limit.
  std::size_t above = 0;
  std::size_t largest = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const std::size_t degree = topology->in(0, PartyId{i}).size();
    if (degree >= 30) ++above;
    largest = std::max(largest, degree);
  }
  EXPECT_NEAR(static_cast<double>(above) / 20'000, 12.0 / (30 * 31), 0.003);
  EXPECT_GT(largest, 150U);
}

TEST(Build, LinksEveryone) {
  EXPECT_TRUE(links_everyone(1, {}));
  EXPECT_FALSE(links_everyone(2, {}));
  EXPECT_TRUE(links_everyone(4, {{3, 2}, {0, 1}, {2, 0}}));
  EXPECT_FALSE(links_everyone(4, {{3, 2}, {0, 1}, {2, 3}}));
}

TEST(Scale, HundredThousandParties) {
  for (const TopologyEntry& entry : topology_registry()) {
    if (entry.name == "complete" || entry.name == "hypercube") continue;
    SCOPED_TRACE(entry.name);
    TopologyOptions options;
    options.parties = 100'000;
    options.degree = 2;
    options.probability = entry.name == "erdos-renyi" ? 2e-4 : 0.1;
    const auto topology = make(entry.name, options);
    EXPECT_TRUE(is_connected(*topology));
    EXPECT_GE(topology->out(7, PartyId{99'999}).size() + topology->in(7, PartyId{99'999}).size(), 1U);
  }
}

}  // namespace
}  // namespace hansa::topology
