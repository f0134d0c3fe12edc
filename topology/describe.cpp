// Collects what the other files compute.
#include "topology/describe.hpp"

#include <algorithm>

namespace hansa::topology {
namespace {

constexpr std::uint32_t kExactSearchMax = 1024;

/// All distinct directed links of one period, sorted.
std::vector<Edge> links_of_period(const Topology& topology) {
  std::vector<Edge> links;
  for (Round round = 0; round < topology.period(); ++round) {
    const std::vector<Edge> added = edges(topology, round, false);
    links.insert(links.end(), added.begin(), added.end());
  }
  std::sort(links.begin(), links.end());
  links.erase(std::unique(links.begin(), links.end()), links.end());
  return links;
}

}  // namespace

TopologySummary summarise(const Topology& topology, std::string_view name) {
  TopologySummary summary;
  summary.name = name;
  summary.parties = topology.parties();
  summary.period = topology.period();
  summary.promise = topology.promise();
  summary.degree_min = topology.parties();
  std::uint64_t sent = 0;
  for (Round round = 0; round < topology.period(); ++round) {
    for (std::uint32_t i = 0; i < topology.parties(); ++i) {
      const auto degree = static_cast<std::uint32_t>(topology.out(round, PartyId{i}).size());
      summary.degree_min = std::min(summary.degree_min, degree);
      summary.degree_max = std::max(summary.degree_max, degree);
      sent += degree;
    }
  }
  summary.degree_mean =
      static_cast<double>(sent) / (static_cast<double>(topology.parties()) * topology.period());
  const std::vector<Edge> links = links_of_period(topology);
  std::uint64_t both_ways = 0;
  for (const Edge& link : links) {
    if (std::binary_search(links.begin(), links.end(), Edge{link.to, link.from})) ++both_ways;
  }
  summary.directed = both_ways != links.size();
  summary.edges_count = summary.directed ? links.size() : links.size() / 2;
  summary.connected = is_connected(topology);
  summary.spectral_gap = spectral_gap(topology);
  summary.second_singular_value = 1.0 - summary.spectral_gap;
  if (topology.parties() <= kExactSearchMax) {
    summary.rounds_to_consensus = rounds_to_exact_consensus(topology, std::max(64U, 4 * topology.period()));
  }
  return summary;
}

std::string_view promise_name(Promise promise) noexcept {
  switch (promise) {
    case Promise::symmetric_doubly_stochastic:
      return "symmetric, doubly stochastic";
    case Promise::doubly_stochastic:
      return "doubly stochastic";
    case Promise::column_stochastic:
      return "column stochastic";
    case Promise::row_stochastic:
      return "row stochastic";
  }
  return "";
}

}  // namespace hansa::topology
