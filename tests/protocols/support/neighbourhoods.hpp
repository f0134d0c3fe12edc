// Runs of secure neighbourhood sums on small graphs, for several tests.
#pragma once

#include "tests/protocols/support/fleet.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace hansa::protocols::testing {

/// Random neighbours, `degree` each.
inline std::shared_ptr<const topology::Topology> random_graph(std::uint32_t parties, std::uint32_t degree,
                                                              std::uint64_t seed = 1) {
  auto graph = topology::make_topology("k-regular", {.parties = parties, .degree = degree, .seed = seed});
  HANSA_ASSERT(graph.ok());
  return std::move(graph).value();
}

/// Everybody with everybody but the given pairs, with Metropolis-Hastings weights.
inline std::shared_ptr<const topology::Topology> nearly_complete_graph(
    std::size_t parties, const std::vector<std::pair<std::size_t, std::size_t>>& strangers) {
  std::vector<std::vector<bool>> linked(parties, std::vector<bool>(parties, true));
  std::vector<std::size_t> degree(parties, parties - 1);
  for (const auto& [a, b] : strangers) {
    linked[a][b] = linked[b][a] = false;
    --degree[a];
    --degree[b];
  }
  MatrixTopology::Matrix w(parties, std::vector<double>(parties));
  for (std::size_t i = 0; i < parties; ++i) {
    w[i][i] = 1;
    for (std::size_t j = 0; j < parties; ++j) {
      if (i == j || !linked[i][j]) continue;
      w[i][j] = 1 / static_cast<double>(std::max(degree[i], degree[j]) + 1);
      w[i][i] -= w[i][j];
    }
  }
  return graph(std::move(w));
}

inline RunOptions neighbourhood_run(std::shared_ptr<const topology::Topology> graph, Round rounds,
                                    Aggregation aggregation = Aggregation::secure) {
  const std::uint32_t parties = graph->parties();
  RunOptions run = run_options(parties, rounds, 5);
  run.topology = std::move(graph);
  run.aggregation = aggregation;
  run.secure.clip = 1000;
  run.secure.weight_max = 20;
  for (std::uint32_t i = 0; i < parties; ++i) run.secure.roster.push_back(test_identity(i).public_key());
  return run;
}

}  // namespace hansa::protocols::testing
