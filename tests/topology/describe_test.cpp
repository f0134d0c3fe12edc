// The summary that people see.
#include "topology/describe.hpp"

#include "tests/topology/make.hpp"

namespace hansa::topology {
namespace {

using testing::make;

TEST(Describe, Ring) {
  const TopologySummary summary = summarise(*make("ring", 16), "ring");
  EXPECT_EQ(summary.name, "ring");
  EXPECT_EQ(summary.parties, 16U);
  EXPECT_EQ(summary.period, 1U);
  EXPECT_FALSE(summary.directed);
  EXPECT_EQ(summary.edges_count, 16U);
  EXPECT_EQ(summary.degree_min, 2U);
  EXPECT_EQ(summary.degree_max, 2U);
  EXPECT_DOUBLE_EQ(summary.degree_mean, 2);
  EXPECT_TRUE(summary.connected);
  EXPECT_NEAR(summary.spectral_gap, 0.05075, 1e-5);
  EXPECT_NEAR(summary.second_singular_value, 0.94925, 1e-5);
  EXPECT_EQ(summary.rounds_to_consensus, std::nullopt);
  EXPECT_EQ(promise_name(summary.promise), "symmetric, doubly stochastic");
}

TEST(Describe, StarIsUneven) {
  const TopologySummary summary = summarise(*make("star", 11), "star");
  EXPECT_EQ(summary.degree_min, 1U);
  EXPECT_EQ(summary.degree_max, 10U);
  EXPECT_DOUBLE_EQ(summary.degree_mean, 20.0 / 11);
}

TEST(Describe, DirectedAndTimeVarying) {
  const TopologySummary fixed = summarise(*make("exponential", 16), "exponential");
  EXPECT_TRUE(fixed.directed);
  EXPECT_EQ(fixed.edges_count, 64U);
  EXPECT_EQ(fixed.promise, Promise::doubly_stochastic);
  const TopologySummary varying = summarise(*make("one-peer-exponential", 16), "one-peer-exponential");
  EXPECT_EQ(varying.period, 4U);
  EXPECT_EQ(varying.edges_count, 64U);
  EXPECT_DOUBLE_EQ(varying.degree_mean, 1);
  EXPECT_EQ(varying.rounds_to_consensus, 4U);
  EXPECT_EQ(varying.spectral_gap, 1);
  const TopologySummary base = summarise(*testing::base_k(23, 2), "base-k");
  EXPECT_FALSE(base.directed);
  EXPECT_EQ(base.rounds_to_consensus, 6U);
  EXPECT_LE(base.degree_max, 2U);
}

TEST(Describe, CompleteLarge) {
  const TopologySummary summary = summarise(*make("complete", 1500), "complete");
  EXPECT_EQ(summary.edges_count, 1500U * 1499 / 2);
  EXPECT_EQ(summary.rounds_to_consensus, std::nullopt);  // not searched above 1,024 parties
  EXPECT_NEAR(summary.spectral_gap, 1, 1e-9);
}

}  // namespace
}  // namespace hansa::topology
