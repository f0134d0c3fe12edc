// What a run is said to give away: statements over every example and every combination that can be
// configured, against the registries and against what the run then does.
#include "protocols/gossip/registry.hpp"
#include "protocols/secure_sum/plan.hpp"
#include "sim/experiment.hpp"
#include "sim/privacy/statement.hpp"
#include "sim/setup.hpp"
#include "src/config/schema.hpp"
#include "tests/sim/small_runs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <set>

namespace hansa::sim::privacy {
namespace {

using ::testing::HasSubstr;

std::set<std::string> ids(const PrivacyStatement& statement) {
  std::set<std::string> result;
  for (const Finding& finding : statement.findings) result.insert(finding.id);
  return result;
}

/// Whom a finding is about; empty if it does not come up.
std::vector<std::uint32_t> parties_of(const PrivacyStatement& statement, const std::string& id) {
  for (const Finding& finding : statement.findings) {
    if (finding.id == id) return finding.parties;
  }
  return {};
}

/// What must hold of any statement.
void check_statement(const config::RunConfig& config, const PrivacyStatement& statement) {
  EXPECT_FALSE(statement.summary.empty());
  EXPECT_FALSE(statement.unhidden.empty());
  EXPECT_FALSE(statement.simulation.empty());
  EXPECT_EQ(statement.aggregation == "secure", !statement.groups.empty());
  EXPECT_EQ(statement.honest_sum_min.has_value(), !statement.groups.empty());
  bool exposed = false;
  for (std::size_t i = 0; i < statement.findings.size(); ++i) {
    const Finding& finding = statement.findings[i];
    exposed = exposed || finding.level == Level::exposed;
    const Finding& before = statement.findings[i == 0 ? 0 : i - 1];
    EXPECT_LE(finding.level, before.level) << "worst first";
    for (const std::uint32_t party : finding.parties) EXPECT_LT(party, config.parties);
    EXPECT_TRUE(std::is_sorted(finding.parties.begin(), finding.parties.end()));
  }
  EXPECT_EQ(exposed, statement.aggregation != "secure" && config.parties > 1)
      << "readable models are exposed, masked ones are not";
  std::uint32_t placed = 0;
  for (const SumGroup& group : statement.groups) {
    placed += group.count * (statement.protection == Protection::cohort_sums ? group.members : 1);
    EXPECT_EQ(group.dropouts, group.members - group.threshold);
    EXPECT_EQ(group.honest_min, group.threshold - group.colluders);
    EXPECT_GE(group.honest_min, 2U);
    EXPECT_LE(*statement.honest_sum_min, group.honest_min);
    EXPECT_GE(group.threshold, protocols::secure_sum::vote_threshold(group.members, group.colluders));
  }
  EXPECT_EQ(placed, statement.groups.empty() ? 0 : config.parties);
  for (const Odds& odds : statement.odds) {
    for (const double p : {odds.exceeds_colluders, odds.reaches_threshold, odds.party_in_run}) {
      EXPECT_GE(p, 0);
      EXPECT_LE(p, 1);
    }
    EXPECT_LE(odds.reaches_threshold, odds.exceeds_colluders);
  }

  const std::string text = to_text(statement, 90);
  std::size_t column = 0;
  std::size_t widest = 0;
  for (const char c : text) {
    column = c == '\n' ? 0 : column + 1;
    widest = std::max(widest, column);
  }
  EXPECT_LE(widest, 90U);
  const auto document = nlohmann::json::parse(to_json(statement));
  EXPECT_EQ(document["sums"].size(), statement.groups.size());
  EXPECT_EQ(document["findings"].size(), statement.findings.size());
  EXPECT_EQ(document["protection"], protection_name(statement.protection));
  EXPECT_EQ(to_json(explain(config).value()), to_json(statement)) << "the same again";
}

TEST(Privacy, EveryExample) {
  std::size_t examples = 0;
  for (const auto& file : std::filesystem::directory_iterator(HANSA_SOURCE_DIR "/examples")) {
    if (file.path().extension() != ".toml") continue;
    SCOPED_TRACE(file.path().filename().string());
    const auto config = config::load_run_config(file.path().string(), {});
    ASSERT_TRUE(config.ok());
    const auto statement = explain(*config);
    ASSERT_TRUE(statement.ok());
    check_statement(*config, *statement);
    ++examples;
  }
  EXPECT_GE(examples, 9U);
}

// What the run accepts is explained, and what it refuses is refused.
TEST(Privacy, EveryTopologyStrategyAndAggregation) {
  std::size_t explained = 0;
  std::size_t refused = 0;
  for (const topology::TopologyEntry& topology : topology::topology_registry()) {
    for (const protocols::StrategyEntry& strategy : protocols::strategy_registry()) {
      for (const config::Choice& aggregation : config::aggregation_choices()) {
        for (const std::uint32_t parties : {2U, 16U, 17U}) {
          SCOPED_TRACE(std::string(topology.name) + " " + std::string(strategy.name) + " " +
                       std::string(aggregation.name) + " " + std::to_string(parties));
          const std::string text =
              "parties = " + std::to_string(parties) + "\nrounds = 5\nstrategy = \"" +
              std::string(strategy.name) + "\"\naggregation = \"" + std::string(aggregation.name) +
              "\"\n[data]\ndataset = \"synthetic-classification\"\n[topology]\nname = \"" +
              std::string(topology.name) + "\"\n[cohort]\nsize = " + std::to_string(std::min(parties, 5U)) +
              "\n[epidemic]\nfanout = 1\n[local]\nfinish_rounds = 2\n";
          const auto config = config::parse_run_config(text, "test", {});
          if (!config) {
            ++refused;
            EXPECT_NE(aggregation.name, "plain") << config.error().message;
            continue;
          }
          const auto graph = strategy.uses_topology ? make_graph(*config, strategy).ok() : true;
          const auto statement = explain(*config);
          ASSERT_EQ(statement.ok(), graph);
          if (!statement) {
            ++refused;
            continue;
          }
          check_statement(*config, *statement);
          ++explained;
        }
      }
    }
  }
  EXPECT_GT(explained, 200U);
  EXPECT_GT(refused, 100U);
}

config::RunConfig secure_run(std::uint32_t parties, std::uint32_t size) {
  config::RunConfig config = testing::small_run("logistic-regression", "cohort");
  config.aggregation = "secure";
  config.parties = parties;
  config.rounds = 4;
  config.cohort.size = size;
  return config;
}

TEST(Privacy, SaysTheSumsThatTheRunMakes) {
  for (const auto& [parties, size] : {std::pair{9U, 4U}, std::pair{10U, 3U}, std::pair{7U, 7U}}) {
    const config::RunConfig config = secure_run(parties, size);
    const auto statement = explain(config);
    ASSERT_TRUE(statement.ok());
    std::uint64_t sums = 0;
    for (const SumGroup& group : statement->groups) sums += group.count;
    EXPECT_EQ(testing::run(config).sums.sessions, sums * config.rounds);
  }
}

TEST(Privacy, SaysWhatCompressionChanges) {
  config::RunConfig config = secure_run(8, 8);
  EXPECT_FALSE(ids(explain(config).value()).contains("compressed-sums"));
  config.secure.sparsify = 0.25;
  EXPECT_THAT(to_text(explain(config).value()), HasSubstr("a random 25 %"));
  config.secure.ring_bits = 16;
  EXPECT_THAT(to_text(explain(config).value()), HasSubstr("secure.ring_bits = 16"));
  config.secure.sparsify = 1;
  const auto narrow = explain(config).value();
  EXPECT_TRUE(ids(narrow).contains("compressed-sums"));
  EXPECT_THAT(to_text(narrow), ::testing::Not(HasSubstr("secure.sparsify")));
}

TEST(Privacy, ThreeMembersToleratesNoDropoutFourTolerateOne) {
  const auto three = explain(secure_run(3, 3)).value();
  ASSERT_EQ(three.groups.size(), 1U);
  EXPECT_EQ(three.groups[0].colluders, 1U);
  EXPECT_EQ(three.groups[0].threshold, 3U);
  EXPECT_EQ(three.groups[0].dropouts, 0U);
  EXPECT_TRUE(ids(three).contains("three-members"));
  EXPECT_THAT(to_text(three), HasSubstr("No member of a cohort may vanish"));
  const auto four = explain(secure_run(4, 4)).value();
  EXPECT_EQ(four.groups[0].dropouts, 1U);
  EXPECT_FALSE(ids(four).contains("three-members"));
}

TEST(Privacy, FindsWhatLeaksWhere) {
  EXPECT_TRUE(ids(explain(secure_run(8, 8)).value()).contains("same-cohort"));
  EXPECT_FALSE(ids(explain(secure_run(16, 8)).value()).contains("same-cohort"));
  EXPECT_TRUE(ids(explain(secure_run(9, 4)).value()).contains("uneven-cohorts"));
  EXPECT_FALSE(ids(explain(secure_run(12, 4)).value()).contains("uneven-cohorts"));
  config::RunConfig grid = secure_run(16, 4);
  grid.cohort.grid = true;
  EXPECT_TRUE(ids(explain(grid).value()).contains("grid-lines"));
  config::RunConfig finish = secure_run(12, 4);
  finish.local.finish_rounds = 3;
  EXPECT_TRUE(ids(explain(finish).value()).contains("finish-rounds"));
  config::RunConfig greedy = secure_run(12, 6);
  greedy.secure.colluders = 4;
  EXPECT_TRUE(ids(explain(greedy).value()).contains("no-dropouts"));

  config::RunConfig plain = testing::small_run("logistic-regression", "d-psgd");
  plain.parties = 8;
  plain.topology.name = "star";
  const auto star = explain(plain).value();
  EXPECT_THAT(star.exposure->see_everybody, ::testing::ElementsAre(0U));
  EXPECT_EQ(star.exposure->viewers_min, 1U);
  EXPECT_EQ(star.exposure->viewers_max, 7U);
  EXPECT_EQ(parties_of(star, "degree-1").size(), 7U);
  plain.topology.name = "line";
  const auto line = explain(plain).value();
  EXPECT_THAT(parties_of(line, "degree-1"), ::testing::ElementsAre(0U, 7U));
  EXPECT_EQ(parties_of(line, "degree-2").size(), 6U);
  plain.topology.name = "complete";
  EXPECT_EQ(explain(plain).value().exposure->see_everybody.size(), 8U);
  plain.topology.name = "ring";
  EXPECT_FALSE(ids(explain(plain).value()).contains("exact-updates")) << "neighbours are not linked";
}

TEST(Privacy, EpidemicViewersAreThoseThatAreSentTo) {
  config::RunConfig config = testing::small_run("logistic-regression", "epidemic");
  config.parties = 20;
  config.epidemic.fanout = 3;
  config.rounds = 1;
  const auto once = explain(config).value();
  EXPECT_EQ(once.exposure->viewers_min, 3U);
  EXPECT_EQ(once.exposure->viewers_max, 3U);
  config.rounds = 500;
  EXPECT_EQ(explain(config).value().exposure->viewers_min, 19U) << "in time, everybody";
}

// Neighbourhood sums: what the example says, and what rounds without training add.
TEST(Privacy, NeighbourhoodSums) {
  auto config = config::load_run_config(HANSA_SOURCE_DIR "/examples/secure-dpsgd.toml", {}).value();
  const auto statement = explain(config).value();
  EXPECT_EQ(statement.protection, Protection::neighbourhood_sums);
  ASSERT_EQ(statement.groups.size(), 1U);
  EXPECT_EQ(statement.groups[0].members, 8U);
  EXPECT_EQ(statement.groups[0].count, 24U);
  EXPECT_EQ(statement.groups[0].colluders, 6U);
  EXPECT_EQ(statement.groups[0].threshold, 8U);
  EXPECT_EQ(statement.groups[0].dropouts, 0U);
  EXPECT_EQ(statement.findings.size(), 1U);
  EXPECT_EQ(statement.findings[0].id, "overlapping-sums");
  config.rounds = 30;
  config.local.finish_rounds = 20;  // each colluder has 21 equations in 24 models
  const auto mixing = explain(config).value();
  EXPECT_EQ(mixing.findings[0].level, Level::leak);
  EXPECT_THAT(mixing.findings[0].text,
              HasSubstr("2 parties: 100 % of the others' models are found, by 20 of 20"));
}

// Every finding that can come up is explained in the documentation.
TEST(Privacy, EveryFindingIsDocumented) {
  std::ifstream file(HANSA_SOURCE_DIR "/docs/explain-privacy.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> all;
  const auto collect = [&](const config::RunConfig& config) {
    const auto statement = explain(config);
    ASSERT_TRUE(statement.ok());
    for (const Finding& finding : statement->findings) all.insert(finding.id);
    for (const Finding& finding : statement->unhidden) all.insert(finding.id);
  };
  for (const std::uint32_t size : {3U, 4U, 8U, 9U}) {
    config::RunConfig config = secure_run(9, size);
    config.local.finish_rounds = 1;
    collect(config);
    config.cohort.grid = true;
    collect(config);
    config.cohort.grid = false;
    config.secure.colluders = size - 2;
    config.secure.sparsify = 0.5;
    collect(config);
  }
  for (const char* name : {"star", "line", "complete", "k-regular"}) {
    config::RunConfig config = testing::small_run("fm", "d-psgd");
    config.parties = 20;
    config.topology.degree = 10;
    config.topology.name = name;
    collect(config);
  }
  collect(config::load_run_config(HANSA_SOURCE_DIR "/examples/secure-dpsgd.toml", {}).value());
  EXPECT_GE(all.size(), 20U);
  for (const std::string& id : all) EXPECT_THAT(page, HasSubstr("`" + id + "`"));
}

}  // namespace
}  // namespace hansa::sim::privacy
