// D-PSGD with secure neighbourhood sums, as whole fleets: the oracle is the plain-fixed run, which adds the
// same integers in the clear. Then what one party does when its neighbours are silent, late, ahead, or lie.
#include "protocols/gossip/neighbourhood_check.hpp"
#include "tests/protocols/support/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace hansa::protocols::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const topology::Topology> random_graph(std::uint32_t parties, std::uint32_t degree,
                                                       std::string weights = "metropolis-hastings") {
  topology::TopologyOptions options{.parties = parties, .degree = degree, .seed = 1};
  options.weights = std::move(weights);
  auto graph = topology::make_topology("k-regular", options);
  HANSA_ASSERT(graph.ok());
  return std::move(graph).value();
}

RunOptions neighbourhood_run(Aggregation aggregation, std::uint32_t parties, Round rounds) {
  RunOptions run = run_options(parties, rounds, 5);
  run.topology = random_graph(parties, 8);
  run.aggregation = aggregation;
  run.secure.clip = 1000;
  for (std::uint32_t i = 0; i < parties; ++i) run.secure.roster.push_back(test_identity(i).public_key());
  return run;
}

TEST(SecureNeighbourhood, EqualsPlainFixedBitForBit) {
  Faults faults;
  faults.latency_max = 40ms;
  faults.duplication = 0.1;
  RunOptions run = neighbourhood_run(Aggregation::secure, 18, 2);
  Fleet secure(make_d_psgd, run, faults, 3);
  ASSERT_TRUE(secure.run(1h));
  run.aggregation = Aggregation::plain_fixed;
  Fleet plain(make_d_psgd, run, faults, 4);
  ASSERT_TRUE(plain.run(1h));
  EXPECT_EQ(secure.final_models(), plain.final_models());
  EXPECT_EQ(secure.count<PeerMissing>(), 0U);
  EXPECT_EQ(secure.count<SumEnded>(), 18U * 9 * 2);
  EXPECT_LT(secure.events().back().time, 10s) << "no deadline fired";
}

}  // namespace
}  // namespace hansa::protocols::testing
