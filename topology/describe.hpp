// What a person wants to know of a topology before training on it: how many links, how even, how fast it
// mixes.
#pragma once

#include "topology/topology.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hansa::topology {

struct TopologySummary {
  std::string name;
  std::uint32_t parties = 0;
  std::uint32_t period = 1;          ///< rounds until the schedule repeats; 1 if static
  bool directed = false;             ///< some link is used in one direction only
  std::uint64_t edges_count = 0;     ///< distinct links over one period; an undirected link counts once
  std::uint32_t degree_min = 0;      ///< receivers per party and round: the smallest,
  double degree_mean = 0;            ///< the mean over parties and rounds of one period,
  std::uint32_t degree_max = 0;      ///< and the largest
  bool connected = false;            ///< over one period, along directed links
  double spectral_gap = 0;           ///< as topology::spectral_gap
  double second_singular_value = 0;  ///< 1 - spectral_gap: what is left of disagreement per round, at worst
  /// Rounds to the exact mean; searched up to max(64, 4 periods), for at most 1,024 parties.
  std::optional<std::uint32_t> rounds_to_consensus;
  Promise promise = Promise::symmetric_doubly_stochastic;
};

TopologySummary summarise(const Topology& topology, std::string_view name);

/// "symmetric, doubly stochastic", ... for people.
std::string_view promise_name(Promise promise) noexcept;

}  // namespace hansa::topology
