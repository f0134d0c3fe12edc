// From a checked configuration to everything a run needs: data dealt to parties, a model, a graph, and the
// options every party is given. Also where what only the data can tell is checked: enough rows, matching
// groups, a model that fits, a connected graph.
#pragma once

#include "protocols/gossip/registry.hpp"
#include "protocols/party/options.hpp"
#include "sim/world.hpp"
#include "src/config/run_config.hpp"
#include "src/exec/driver.hpp"
#include "src/exec/local_training.hpp"
#include "src/learn/load.hpp"
#include "topology/topology.hpp"

#include <hansa/result.hpp>

#include <memory>
#include <string>
#include <vector>

namespace hansa::sim {

struct Setup {
  config::RunConfig config;
  const protocols::StrategyEntry* strategy = nullptr;
  std::shared_ptr<const learn::Model> model;
  exec::LocalTraining training;
  learn::Shard pooled;  ///< all training rows
  learn::Shard test;
  std::vector<std::string> party_names;
  std::shared_ptr<const topology::Topology> topology;  ///< null if the strategy needs none
  std::shared_ptr<const protocols::RunOptions> run;
  std::string dataset_summary;
};

/// Errors: everything that can be wrong with configuration, data and graph together.
Result<Setup> set_up(const config::RunConfig& config);

/// What every party of `setup` is told, from its config, model and topology. A live node, which has another
/// roster and another task, puts its own in afterwards.
Result<std::shared_ptr<protocols::RunOptions>> run_options(const Setup& setup);

/// The graph of [topology], weighted as `strategy` wants it. Errors: an unknown or impossible topology, one
/// that is not connected (unless allowed), a file with another number of parties, one that cannot carry
/// secure sums if the run wants them.
Result<std::shared_ptr<const topology::Topology>> make_graph(const config::RunConfig& config,
                                                             const protocols::StrategyEntry& strategy);

/// Builds the machines of `setup`, which must outlive it. Not thread-safe.
exec::MachineFactory machine_factory(const Setup& setup);

/// The virtual world that the configuration describes. Errors: an unreadable coordinates file.
Result<WorldOptions> world_options(const config::RunConfig& config);

/// Edges to draw: the topology's (over one short period if it changes), or those of the strategy's first
/// round.
std::vector<topology::Edge> edges_to_draw(const Setup& setup, const topology::CohortOptions& cohorts);

}  // namespace hansa::sim
