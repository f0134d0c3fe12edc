// From a run manifest and a party's own file to a party that can train: the same configuration, model and
// options that the simulator builds from them (sim/setup.hpp), so that the two cannot differ. Everything that
// can be wrong with a party's data is found here, before the first round.
#pragma once

#include "protocols/runs/run_book.hpp"
#include "sim/setup.hpp"
#include "src/config/run_config.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hansa::node {

/// Where a party's rows are. It never leaves the node.
struct DataBinding {
  std::string path;              ///< CSV, libsvm or IDX images, as the run's configuration says
  std::string labels_path;       ///< IDX
  std::string test_path;         ///< empty: the split rule sets rows aside
  std::string test_labels_path;  ///< IDX
};

/// Turns a configuration's text into what a manifest carries: all keys resolved, the data schema beside it,
/// no path of the proposer's. `schema` is the text of a schema file; empty: that of the bundled dataset which
/// the configuration names. `parties` is how many are asked. Errors: anything that could not run, and an
/// aggregation or strategy that does not fit so few parties.
struct Proposal {
  std::string name, config, schema;
  std::vector<std::string> ignored;  ///< tables that only a simulation looks at and that were set
};
Result<Proposal> make_proposal(const std::string& config, const std::string& schema, std::uint32_t parties);

/// The configuration of a manifest, for `parties` parties that each bind their own data.
Result<config::RunConfig> config_of(const protocols::runs::RunManifest& manifest, std::uint32_t parties);

/// Loads a party's rows and builds its model; `setup.training.shards` has rows for `self` alone. Errors say
/// which column, file and line do not fit the run's schema.
Result<sim::Setup> bind_data(const config::RunConfig& config, const protocols::runs::RunManifest& manifest,
                             const DataBinding& binding, PartyId self);

/// Everything above for a run that has begun: the options name the parties' keys and bind sums to this list.
Result<sim::Setup> plan_training(const protocols::runs::Run& run, const DataBinding& binding, PartyId self);

}  // namespace hansa::node
