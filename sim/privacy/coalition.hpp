// Coalitions of curious parties that keep to the protocol and put together what their sums tell them: how
// many models of others they work out. Sums over different groups are linear equations, and random groups
// give enough of them after about N rounds if models stand still (So et al., "Securing secure aggregation:
// mitigating multi-round privacy leakage in federated learning", AAAI 2023). Here the very cohorts and graphs
// of a run are solved. Pure.
#pragma once

#include "topology/cohorts.hpp"
#include "topology/topology.hpp"

#include <hansa/types.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace hansa::sim::privacy {

using Cohorts = std::vector<std::vector<PartyId>>;
using Coalition = std::vector<std::uint32_t>;  ///< parties, ascending

/// All cohorts of a round. `options` must pass topology::check.
[[nodiscard]] Cohorts cohorts_of(const topology::CohortOptions& options, Round round);

/// `colluders` of `parties` at places that follow from (seed, number).
[[nodiscard]] Coalition coalition_at(std::uint64_t seed, std::uint32_t number, std::uint32_t parties,
                                     std::uint32_t colluders);

/// Rounds after which a coalition knows the model of at least one other party, and of all; none: not within
/// the rounds given.
struct StandingStill {
  std::optional<Round> first, all;
};
/// If all models stood still for all `rounds`. O(parties^2) per equation, at most `parties` of which count.
[[nodiscard]] StandingStill if_models_stood_still(const std::vector<Cohorts>& rounds,
                                                  const Coalition& colluders, std::uint32_t parties);

/// How many models of others a coalition works out from sums in rounds `first` to `last`, both included, if
/// nobody trains after `first` has begun: members go on with their cohort's average.
[[nodiscard]] std::size_t found_without_training(const topology::CohortOptions& options, Round first,
                                                 Round last, const Coalition& colluders);

/// How many models of others receivers work out, each from the weighted sums over its neighbours, in `rounds`
/// rounds of which only the first is preceded by training. `graph` is static and its weights are rows'
/// weights.
[[nodiscard]] std::size_t found_in_neighbourhoods(const topology::Topology& graph, const Coalition& colluders,
                                                  Round rounds = 1);

}  // namespace hansa::sim::privacy
