#include "src/node/replay.hpp"

#include "sim/experiment.hpp"

#include <utility>

namespace hansa::node {
namespace {

/// Whether the manifest alone says who mixes with whom in which round.
Result<void> check_repeatable(const config::RunConfig& config) {
  if (config.strategy == "gossip-learning") {
    return Error{ErrorKind::usage, "the models of gossip-learning depend on when messages arrived",
                 "d-psgd, epidemic, push-sum and cohort have rounds and can be trained again"};
  }
  const bool drawn = config.aggregation != "plain" && config.secure.beacon;
  if (config.strategy == "cohort" && drawn && (config.cohort.grid || config.cohort.size < config.parties)) {
    return Error{ErrorKind::usage, "the parties of this run drew their cohorts by a beacon of their own",
                 "a run with cohort.size = parties can be trained again"};
  }
  return {};
}

}  // namespace

Result<std::vector<crypto::Hash256>> replay(const ReplayInput& input) {
  protocols::runs::RunManifest manifest;
  manifest.config = input.config;
  manifest.schema = input.schema;
  auto config = config_of(manifest, static_cast<std::uint32_t>(input.parties.size()));
  if (!config) return config.error();
  if (const auto repeatable = check_repeatable(*config); !repeatable) return repeatable.error();
  std::vector<sim::Setup> own;
  for (std::uint32_t i = 0; i < input.parties.size(); ++i) {
    auto setup = bind_data(*config, manifest, input.parties[i], party_at(i));
    if (!setup) return setup.error();
    own.push_back(std::move(setup).value());
  }
  sim::Setup together = own.front();
  for (std::uint32_t i = 0; i < own.size(); ++i) {
    together.training.shards[i] = own[i].training.shards[i];
    together.party_names.push_back("party " + std::to_string(i));
  }
  if (together.test.rows.empty()) return Error{ErrorKind::bad_data, "the data has no test rows", ""};
  const auto trained = sim::run_experiment(together, {.threads = input.threads});
  if (!trained) return trained.error();
  std::vector<crypto::Hash256> hashes;
  for (const ParametersRef& model : trained->models) {
    hashes.push_back(protocols::runs::model_hash(model.span()));
  }
  return hashes;
}

}  // namespace hansa::node
