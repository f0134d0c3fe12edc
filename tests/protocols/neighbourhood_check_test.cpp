// Graphs that may carry secure neighbourhood sums, and what is said about the others.
#include "protocols/gossip/neighbourhood_check.hpp"
#include "tests/protocols/support/neighbourhoods.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace hansa::protocols::testing {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const topology::Topology> named(const char* name, std::uint32_t parties,
                                                std::uint32_t degree = 4) {
  topology::TopologyOptions options{.parties = parties, .degree = degree};
  if (std::string(name) == "small-world") options.probability = 0;  // the lattice itself
  auto graph = topology::make_topology(name, options);
  HANSA_ASSERT(graph.ok());
  return std::move(graph).value();
}

TEST(NeighbourhoodCheck, RefusesUnsafeGraphsWithTheReason) {
  const struct {
    std::string name;
    std::shared_ptr<const topology::Topology> graph;
    std::string refused;  ///< empty: accepted
    std::size_t colluders = 0;
  } cases[] = {
      {"a ring", named("ring", 40), "party 0 has 2 neighbours, at least 8 are needed"},
      {"seven", random_graph(40, 7), "party 0 has 7 neighbours"},
      {"eight", random_graph(40, 8), ""},
      {"twelve", random_graph(100, 12), ""},
      {"complete", named("complete", 20), "the neighbours of parties 0 and 1 differ in 0 parties"},
      {"too large", named("complete", 65), "party 0 has 64 neighbours, a sum has at most 63 inputs"},
      {"a lattice", named("small-world", 40, 8), "the neighbours of parties 0 and 1 differ in 2 parties"},
      {"directed", named("exponential", 600), "does not send to the same parties that it receives from"},
      {"changing", named("base-k", 40, 8), "changes from round to round"},
      {"one missing link", nearly_complete_graph(12, {{0, 1}}),
       "the neighbours of parties 0 and 1 differ in 0 parties"},
      {"colluders that any sum stands", random_graph(40, 8), "", 6},
      {"too many colluders", random_graph(40, 8), "secure.colluders = 7 is too many for the 8 neighbours", 7},
  };
  for (const auto& c : cases) {
    const auto checked = check_neighbourhoods(*c.graph, c.colluders);
    EXPECT_EQ(checked.ok(), c.refused.empty()) << c.name;
    if (checked.ok()) continue;
    EXPECT_THAT(checked.error().message, HasSubstr(c.refused)) << c.name;
    EXPECT_FALSE(checked.error().hint.empty()) << c.name;
  }
}

/// The differences of all pairs, set by set.
std::size_t smallest_difference(const topology::Topology& graph) {
  std::vector<std::set<PartyId>> sets(graph.parties());
  for (std::uint32_t i = 0; i < graph.parties(); ++i) {
    for (const auto& n : graph.in(0, P(i))) sets[i].insert(n.party);
  }
  std::size_t smallest = ~std::size_t{0};
  for (std::uint32_t a = 0; a < graph.parties(); ++a) {
    for (std::uint32_t b = a + 1; b < graph.parties(); ++b) {
      std::set<PartyId> differ;
      std::set_symmetric_difference(sets[a].begin(), sets[a].end(), sets[b].begin(), sets[b].end(),
                                    std::inserter(differ, differ.end()));
      differ.erase(P(a));
      differ.erase(P(b));
      smallest = std::min(smallest, differ.size());
    }
  }
  return smallest;
}

TEST(NeighbourhoodCheck, AgreesWithCountingSets) {
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto graph = random_graph(16 + static_cast<std::uint32_t>(seed % 12), 8, seed);
    const bool safe = smallest_difference(*graph) >= kDifferenceMin;
    EXPECT_EQ(check_neighbourhoods(*graph, 0).ok(), safe) << seed;
    refused += safe ? 0 : 1;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LT(refused, 60U);
}

}  // namespace
}  // namespace hansa::protocols::testing
