// The parts of a privacy statement, one source file per kind of run. Each fills its fields; statement.cpp
// puts them together.
#pragma once

#include "sim/privacy/coalition.hpp"
#include "sim/privacy/statement.hpp"
#include "topology/cohorts.hpp"
#include "topology/topology.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace hansa::sim::privacy {

/// Coalitions are tried in networks up to this size; beyond, solving the equations takes seconds.
inline constexpr std::uint32_t kSolvedPartiesMax = 128;
/// How many coalitions, at random places.
inline constexpr std::uint32_t kCoalitions = 20;

/// Readable models and pieces. `graph` is null if the strategy draws its own receivers.
void explain_readable(const config::RunConfig& config, const topology::Topology* graph,
                      PrivacyStatement& out);
/// aggregation = "secure" over cohorts.
void explain_cohorts(const config::RunConfig& config, PrivacyStatement& out);
/// aggregation = "secure" over the neighbourhoods of `graph`.
void explain_neighbourhoods(const config::RunConfig& config, const topology::Topology& graph,
                            PrivacyStatement& out);
/// What is the same whatever is chosen, as far as it applies.
void explain_unhidden(const config::RunConfig& config, PrivacyStatement& out);

/// The options that the run gives topology::cohort_of.
[[nodiscard]] topology::CohortOptions cohort_options(const config::RunConfig& config);
/// A share of the parties as a number of them: rounded, at least one.
[[nodiscard]] std::uint32_t part_of(double share, std::uint32_t parties);

/// "3 parties", "1 party".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view one, std::string_view many);
/// "party 3", "parties 0, 4 and 7", "parties 0, 4, 7, 8 and 12 more".
[[nodiscard]] std::string named(const std::vector<std::uint32_t>& parties);
/// "4", or "3 to 5".
[[nodiscard]] std::string range_text(std::uint64_t low, std::uint64_t high);
/// "10 %", "8 %", "0.5 %".
[[nodiscard]] std::string percent(double share);
/// "0", "3.1e-05", "0.013", "1".
[[nodiscard]] std::string probability(double p);

}  // namespace hansa::sim::privacy
