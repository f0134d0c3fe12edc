// What every topology promises, over the whole registry, many sizes and all weights.
#include "tests/topology/make.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

namespace hansa::topology {
namespace {

using ::testing::HasSubstr;
using testing::make;

struct Case {
  std::string name;
  TopologyOptions options;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name << " n=" << test.options.parties << " degree=" << test.options.degree << " "
       << test.options.weights;
}

/// Every entry at every size that it accepts; sizes that do not fit must be refused as a usage error.
std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const TopologyEntry& entry : topology_registry()) {
    for (const std::uint32_t n : {2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 23, 25, 36, 64, 97, 100, 128}) {
      for (const std::uint32_t degree : {1, 2, 3, 4}) {
        for (const char* weights : {"metropolis-hastings", "uniform", "push-sum"}) {
          TopologyOptions options;
          options.parties = n;
          options.degree = degree;
          options.probability = 0.2;
          options.weights = weights;
          cases.push_back({std::string(entry.name), options});
        }
      }
    }
  }
  return cases;
}

void expect_lists_in_order(const Topology& topology, Round round) {
  for (std::uint32_t i = 0; i < topology.parties(); ++i) {
    const PartyId party{i};
    for (const auto& list : {topology.in(round, party), topology.out(round, party)}) {
      for (std::size_t at = 0; at < list.size(); ++at) {
        ASSERT_LT(index(list[at].party), topology.parties());
        ASSERT_NE(list[at].party, party);
        ASSERT_GT(list[at].weight, 0);
        if (at > 0) {
          ASSERT_LT(list[at - 1].party, list[at].party);
        }
      }
    }
    ASSERT_GT(topology.self_weight(round, party), 0);
  }
}

void expect_out_mirrors_in(const Topology& topology, Round round) {
  std::set<std::pair<Edge, double>> received;
  std::set<std::pair<Edge, double>> sent;
  for (std::uint32_t i = 0; i < topology.parties(); ++i) {
    for (const Neighbour& from : topology.in(round, PartyId{i})) {
      received.insert({{static_cast<std::uint32_t>(from.party), i}, from.weight});
    }
    for (const Neighbour& to : topology.out(round, PartyId{i})) {
      sent.insert({{i, static_cast<std::uint32_t>(to.party)}, to.weight});
    }
  }
  ASSERT_EQ(received, sent);
}

void expect_promise_kept(const Topology& topology, Round round) {
  const auto w = testing::dense(topology, round);
  const bool columns = topology.promise() != Promise::row_stochastic;
  const bool rows = topology.promise() != Promise::column_stochastic;
  for (std::size_t i = 0; i < w.size(); ++i) {
    double row = 0;
    double column = 0;
    for (std::size_t j = 0; j < w.size(); ++j) {
      row += w[i][j];
      column += w[j][i];
      if (topology.promise() == Promise::symmetric_doubly_stochastic) {
        ASSERT_EQ(w[i][j], w[j][i]);
      }
    }
    if (rows) {
      ASSERT_NEAR(row, 1, 1e-12);
    }
    if (columns) {
      ASSERT_NEAR(column, 1, 1e-12);
    }
  }
}

TEST(Registry, EveryTopologyKeepsItsPromises) {
  std::size_t made_count = 0;
  for (const Case& test : all_cases()) {
    SCOPED_TRACE(::testing::PrintToString(test));
    const auto made = make_topology(test.name, test.options);
    if (!made) {
      EXPECT_EQ(made.error().kind, ErrorKind::usage);
      EXPECT_FALSE(made.error().message.empty());
      EXPECT_FALSE(made.error().hint.empty());
      continue;
    }
    ++made_count;
    const Topology& topology = **made;
    ASSERT_EQ(topology.parties(), test.options.parties);
    ASSERT_TRUE(is_connected(topology));
    for (Round round = 0; round < topology.period(); ++round) {
      ASSERT_NO_FATAL_FAILURE(expect_lists_in_order(topology, round));
      ASSERT_NO_FATAL_FAILURE(expect_out_mirrors_in(topology, round));
      ASSERT_NO_FATAL_FAILURE(expect_promise_kept(topology, round));
    }
  }
  EXPECT_GT(made_count, 2000U);
}

TEST(Registry, EntriesSayWhatTheyAre) {
  for (const TopologyEntry& entry : topology_registry()) {
    SCOPED_TRACE(entry.name);
    const auto topology = make(entry.name, 64);
    EXPECT_FALSE(entry.summary.empty());
    EXPECT_EQ(topology->period() > 1, entry.time_varying);
    EXPECT_EQ(topology->promise() != Promise::symmetric_doubly_stochastic, entry.directed);
    TopologyOptions options;
    options.parties = 64;
    options.weights = "push-sum";
    EXPECT_EQ(make(entry.name, options)->promise(), Promise::column_stochastic);
  }
}

TEST(Registry, HoldsTheDocumentedNames) {
  std::vector<std::string> names;
  for (const TopologyEntry& entry : topology_registry()) names.emplace_back(entry.name);
  EXPECT_THAT(names, ::testing::ElementsAre("ring", "line", "star", "complete", "grid", "torus", "hypercube",
                                            "tree", "k-regular", "erdos-renyi", "small-world", "scale-free",
                                            "exponential", "one-peer-exponential", "base-k"));
}

TEST(Registry, SameSeedSameGraphAndOtherSeedOtherGraph) {
  const std::set<std::string_view> random = {"k-regular", "erdos-renyi", "small-world", "scale-free"};
  for (const TopologyEntry& entry : topology_registry()) {
    SCOPED_TRACE(entry.name);
    TopologyOptions options;
    options.parties = 64;
    const auto links = [&] { return edges(*make(entry.name, options), 0, false); };
    const auto first = links();
    EXPECT_EQ(first, links());
    options.seed = 2;
    EXPECT_EQ(first == links(), !random.contains(entry.name));
  }
}

TEST(Registry, RoundsRepeatAfterThePeriod) {
  for (const char* name : {"one-peer-exponential", "base-k", "ring"}) {
    const auto topology = make(name, 23);
    for (Round round = 0; round < topology->period(); ++round) {
      EXPECT_EQ(edges(*topology, round, false), edges(*topology, round + 3 * topology->period(), false));
    }
  }
}

TEST(Registry, MetropolisHastingsWeightsFollowTheLargerDegree) {
  const auto tree = make("tree", 22);
  for (std::uint32_t i = 0; i < 22; ++i) {
    const auto own = tree->in(0, PartyId{i});
    double kept = 1;
    for (const Neighbour& other : own) {
      const auto larger = std::max(own.size(), tree->in(0, other.party).size());
      EXPECT_DOUBLE_EQ(other.weight, 1.0 / static_cast<double>(1 + larger));
      kept -= other.weight;
    }
    EXPECT_NEAR(tree->self_weight(0, PartyId{i}), kept, 1e-15);
  }
}

TEST(Registry, UniformAndPushSumWeightsCountReceiversOrSources) {
  TopologyOptions options;
  options.parties = 10;
  options.weights = "uniform";
  const auto uniform = make("star", options);
  EXPECT_EQ(uniform->promise(), Promise::row_stochastic);
  EXPECT_DOUBLE_EQ(uniform->in(0, PartyId{0})[3].weight, 0.1);
  EXPECT_DOUBLE_EQ(uniform->in(0, PartyId{4})[0].weight, 0.5);
  EXPECT_DOUBLE_EQ(uniform->self_weight(0, PartyId{4}), 0.5);
  options.weights = "push-sum";
  const auto push_sum = make("star", options);
  EXPECT_DOUBLE_EQ(push_sum->in(0, PartyId{0})[3].weight, 0.5);
  EXPECT_DOUBLE_EQ(push_sum->in(0, PartyId{4})[0].weight, 0.1);
  EXPECT_DOUBLE_EQ(push_sum->self_weight(0, PartyId{4}), 0.5);
  options.weights = "uniform";
  EXPECT_EQ(make("ring", options)->promise(), Promise::symmetric_doubly_stochastic);
}

TEST(Registry, SmallGraphsAreWhatTheirNamesSay) {
  using ::testing::ElementsAre;
  EXPECT_THAT(edges(*make("ring", 4), 0, true), ElementsAre(Edge{0, 1}, Edge{0, 3}, Edge{1, 2}, Edge{2, 3}));
  EXPECT_THAT(edges(*make("ring", 2), 0, true), ElementsAre(Edge{0, 1}));
  EXPECT_THAT(edges(*make("line", 3), 0, true), ElementsAre(Edge{0, 1}, Edge{1, 2}));
  EXPECT_THAT(edges(*make("star", 3), 0, true), ElementsAre(Edge{0, 1}, Edge{0, 2}));
  EXPECT_THAT(edges(*make("complete", 3), 0, true), ElementsAre(Edge{0, 1}, Edge{0, 2}, Edge{1, 2}));
  EXPECT_THAT(edges(*make("grid", 6), 0, true), ElementsAre(Edge{0, 1}, Edge{0, 3}, Edge{1, 2}, Edge{1, 4},
                                                            Edge{2, 5}, Edge{3, 4}, Edge{4, 5}));
  EXPECT_THAT(edges(*make("torus", 6), 0, true),
              ElementsAre(Edge{0, 1}, Edge{0, 2}, Edge{0, 3}, Edge{1, 2}, Edge{1, 4}, Edge{2, 5}, Edge{3, 4},
                          Edge{3, 5}, Edge{4, 5}));
  EXPECT_THAT(edges(*make("torus", 4), 0, true), ElementsAre(Edge{0, 1}, Edge{0, 2}, Edge{1, 3}, Edge{2, 3}));
  EXPECT_THAT(edges(*make("hypercube", 4), 0, true),
              ElementsAre(Edge{0, 1}, Edge{0, 2}, Edge{1, 3}, Edge{2, 3}));
  EXPECT_THAT(edges(*make("tree", 6), 0, true),
              ElementsAre(Edge{0, 1}, Edge{0, 2}, Edge{0, 3}, Edge{0, 4}, Edge{1, 5}));
  EXPECT_THAT(edges(*make("exponential", 3), 0, false),
              ElementsAre(Edge{0, 1}, Edge{0, 2}, Edge{1, 0}, Edge{1, 2}, Edge{2, 0}, Edge{2, 1}));
  EXPECT_THAT(edges(*make("one-peer-exponential", 3), 1, false),
              ElementsAre(Edge{0, 2}, Edge{1, 0}, Edge{2, 1}));
}

TEST(Registry, ErrorsSayWhatFits) {
  const auto complaint = [](std::string_view name, std::uint32_t parties, std::uint32_t degree = 4) {
    TopologyOptions options;
    options.parties = parties;
    options.degree = degree;
    options.probability = 0.001;
    return testing::complaint(name, options);
  };
  EXPECT_THAT(complaint("rign", 8), HasSubstr("unknown topology 'rign' | did you mean ring?"));
  EXPECT_THAT(complaint("qqqqqqqqqqqqqqqq", 8), HasSubstr("| known are ring, line, star"));
  EXPECT_THAT(complaint("ring", 1), HasSubstr("ring needs at least 2 parties, not 1"));
  EXPECT_THAT(complaint("hypercube", 0), HasSubstr("at least 2 parties"));
  EXPECT_THAT(complaint("hypercube", 20),
              HasSubstr("power of two, not 20 parties | nearest sizes that fit: 16 or 32"));
  EXPECT_THAT(complaint("torus", 17), HasSubstr("nearest sizes that fit: 16 (4 x 4) or 18 (3 x 6)"));
  EXPECT_THAT(complaint("grid", 3), HasSubstr("nearest sizes that fit: 4 (2 x 2)"));
  EXPECT_THAT(complaint("k-regular", 5, 3), HasSubstr("parties x degree must be even | set degree = 4"));
  EXPECT_THAT(complaint("k-regular", 5, 5), HasSubstr("below the number of parties"));
  EXPECT_THAT(complaint("k-regular", 8, 1), HasSubstr("cannot be connected"));
  EXPECT_THAT(complaint("small-world", 9, 3), HasSubstr("even degree"));
  EXPECT_THAT(complaint("tree", 9, 0), HasSubstr("arity"));
  EXPECT_THAT(complaint("base-k", 9, 0), HasSubstr("maximum degree"));
  EXPECT_THAT(complaint("erdos-renyi", 100), HasSubstr("not connected in 100 draws | raise probability"));
  EXPECT_THAT(complaint("complete", 100'000), HasSubstr("use a sparse topology"));
  EXPECT_THAT(complaint("k-regular", 100'000, 1000), HasSubstr("neighbour entries"));
  TopologyOptions options;
  options.parties = 8;
  options.weights = "heavy";
  EXPECT_THAT(testing::complaint("ring", options), HasSubstr("unknown mixing weights 'heavy'"));
  options.weights = "uniform";
  options.attachments = 8;
  EXPECT_THAT(testing::complaint("scale-free", options), HasSubstr("attachment"));
  options.probability = std::nan("");
  EXPECT_THAT(testing::complaint("erdos-renyi", options), HasSubstr("probability in [0, 1]"));
  EXPECT_THAT(testing::complaint("small-world", options), HasSubstr("probability in [0, 1]"));
}

TEST(Registry, DisconnectedGraphsOnRequest) {
  TopologyOptions options;
  options.parties = 50;
  options.probability = 0;
  options.allow_disconnected = true;
  const auto empty = make("erdos-renyi", options);
  EXPECT_FALSE(is_connected(*empty));
  EXPECT_EQ(empty->self_weight(0, PartyId{7}), 1.0);
  EXPECT_NEAR(spectral_gap(*empty), 0, 1e-12);
}

}  // namespace
}  // namespace hansa::topology
