// What each participant of a run can learn, worked out from its configuration before anything is trained: the
// groups, thresholds and graphs are asked from the very functions that the run uses, so the statement cannot
// promise anything else than the run does. Pure: the same configuration gives the same statement, and only a
// graph file is read.
#pragma once

#include "src/config/run_config.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hansa::sim::privacy {

/// What travels between parties.
enum class Protection {
  none,                ///< whole models, readable
  pieces,              ///< pieces of models, readable by the members of a cohort
  cohort_sums,         ///< masked models; sums over cohorts become known to their members
  neighbourhood_sums,  ///< masked models; sums over neighbourhoods become known to those in the middle
};
[[nodiscard]] std::string_view protection_name(Protection protection) noexcept;

/// How much a finding says against the run.
enum class Level {
  note,     ///< worth knowing
  leak,     ///< single models become known under the condition that is stated
  exposed,  ///< single models are known to somebody, as the normal course of things
};
[[nodiscard]] std::string_view level_name(Level level) noexcept;

/// Somebody, and what they learn.
struct Learner {
  std::string who;
  std::string what;
};

struct Finding {
  std::string id;  ///< stable, for programs
  Level level = Level::note;
  std::string text;                    ///< sentences, one paragraph
  std::vector<std::uint32_t> parties;  ///< whom it is about, ascending; empty: everybody, or nobody by name
};

/// The sums of one size.
struct SumGroup {
  std::uint32_t members = 0;
  std::uint32_t count = 0;       ///< groups of this size per round
  std::uint32_t colluders = 0;   ///< f
  std::uint32_t threshold = 0;   ///< t
  std::uint32_t dropouts = 0;    ///< n - t
  std::uint32_t honest_min = 0;  ///< t - f: models of others in whatever f colluders learn
};

/// If `bad_parties` of all parties belong to one adversary and chance decides who is with whom.
struct Odds {
  std::uint32_t members = 0;
  std::uint32_t bad_parties = 0;
  double exceeds_colluders = 0;  ///< P(a group holds more than f of them)
  double reaches_threshold = 0;  ///< P(a group holds t or more of them)
  double party_in_run = 0;       ///< P(an honest party is in a group with more than f of them, at least once)
};

/// Readable models: who sees whose, over the rounds that were examined.
struct Exposure {
  std::uint32_t rounds_examined = 0;  ///< fewer than the run has, if the run is too large to examine
  std::uint32_t viewers_min = 0, viewers_median = 0, viewers_max = 0;  ///< that a party's model has
  std::vector<std::uint32_t> see_everybody;  ///< parties that see all others' models
};

struct PrivacyStatement {
  std::string name;
  std::uint32_t parties = 0;
  std::uint32_t rounds = 0;
  std::string strategy, aggregation, topology;  ///< topology is empty if the strategy uses none
  Protection protection = Protection::none;
  std::vector<std::string> summary;  ///< paragraphs
  std::vector<Learner> learners;
  std::vector<SumGroup> groups;                 ///< by size; empty if nothing is summed in secret
  std::optional<std::uint32_t> honest_sum_min;  ///< the smallest of the groups
  std::vector<Odds> odds;
  std::optional<Exposure> exposure;  ///< if something readable travels
  std::vector<Finding> findings;     ///< what leaks on this topology, worst first
  std::vector<Finding> unhidden;     ///< what no configuration of this version hides
  std::vector<std::string> simulation;
};

/// For a configuration that load_run_config accepted. Errors: those of make_graph.
Result<PrivacyStatement> explain(const config::RunConfig& config);

/// For people, wrapped to `columns`.
std::string to_text(const PrivacyStatement& statement, std::size_t columns = 96);
/// For programs; docs/cli.md has the fields.
std::string to_json(const PrivacyStatement& statement);

}  // namespace hansa::sim::privacy
