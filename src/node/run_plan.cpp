// The proposer resolves everything once; every party builds from the same text, so that no default of another
// version can come between them.
#include "src/node/run_plan.hpp"

#include "src/exec/huge_pages.hpp"

#include <hansa/rng.hpp>

#include <utility>

namespace hansa::node {
namespace {

/// The formats in which a party brings its own rows. A bundled set is CSV here.
std::string own_format(const std::string& dataset) {
  return dataset == "libsvm" || dataset == "idx" ? dataset : "csv";
}

Result<learn::CsvSchema> bundled_schema(const std::string& dataset) {
  for (const learn::DatasetEntry& entry : learn::dataset_registry()) {
    if (entry.name == dataset && !entry.schema_file.empty()) {
      return config::read_schema(learn::data_folder() + "/" + std::string(entry.schema_file));
    }
  }
  return Error{ErrorKind::usage, "the run's data has no schema, so its parties could not encode alike",
               "set data.schema to a schema file; `hansa data describe FILE --schema` writes one"};
}

Result<std::string> schema_of(const config::RunConfig& config, const std::string& text) {
  if (own_format(config.data.dataset) != "csv") return std::string();
  auto schema = text.empty() ? bundled_schema(config.data.dataset)
                             : config::parse_schema(text, "the run's data schema");
  if (!schema) return schema.error();
  if (schema->columns.empty()) {
    return Error{ErrorKind::bad_data, "the run's data schema lists no columns",
                 "name the columns to learn from"};
  }
  schema->group.clear();  // a party's file is its own: nothing in it says whose a row is
  schema->groups.clear();
  return config::schema_to_toml(*schema);
}

/// Tables of the file that mean something in a simulation only.
std::vector<std::string> simulated_only(const config::RunConfig& config) {
  std::vector<std::string> tables;
  const config::Faults faults;
  if (config.faults.crash_fraction != faults.crash_fraction ||
      config.faults.partition_end_ms != faults.partition_end_ms) {
    tables.emplace_back("faults");
  }
  const config::Network network;
  if (config.network.latency_ms != network.latency_ms || config.network.loss != network.loss ||
      config.network.bandwidth_mbps != network.bandwidth_mbps) {
    tables.emplace_back("network");
  }
  if (config.partition.kind != config::Partition().kind) tables.emplace_back("partition");
  return tables;
}

}  // namespace

Result<Proposal> make_proposal(const std::string& text, const std::string& schema_text,
                               std::uint32_t parties) {
  auto config =
      config::parse_run_config(text, "the proposed configuration", {{"parties", std::to_string(parties)}});
  if (!config) return config.error();
  Proposal result;
  result.name = config->name;
  result.ignored = simulated_only(*config);
  auto schema = schema_of(*config, schema_text);
  if (!schema) return schema.error();
  result.schema = std::move(schema).value();
  // What is the proposer's own, or only simulated, does not travel.
  const learn::DataOptions theirs = std::exchange(config->data, {});
  config->data.dataset = own_format(theirs.dataset);
  config->data.task = theirs.task;
  config->data.features = theirs.features;
  config->partition = {};
  config->network = {};
  config->compute = {};
  config->faults = {};
  config->eval.baselines.clear();
  // The formats need paths; each party puts its own in their place, and the schema travels beside.
  config->data.path = "own-data";
  config->schema_path = result.schema.empty() ? "" : "own-schema";
  if (config->data.dataset == "idx") config->data.labels_path = "own-labels";
  result.config = config::to_toml(*config);
  return result;
}

Result<config::RunConfig> config_of(const protocols::runs::RunManifest& manifest, std::uint32_t parties) {
  return config::parse_run_config(manifest.config, "run " + manifest.name,
                                  {{"parties", std::to_string(parties)}});
}

Result<sim::Setup> bind_data(const config::RunConfig& config, const protocols::runs::RunManifest& manifest,
                             const DataBinding& binding, PartyId self) {
  sim::Setup setup;
  setup.config = config;
  setup.strategy = protocols::find_strategy(config.strategy);
  if (setup.strategy == nullptr) {
    return Error{ErrorKind::usage, "this version does not know the strategy " + config.strategy,
                 "install the proposer's version"};
  }
  learn::DataOptions& data = setup.config.data;
  data.path = binding.path;
  data.labels_path = binding.labels_path;
  data.test_path = binding.test_path;
  data.test_labels_path = binding.test_labels_path;
  if (!manifest.schema.empty()) {
    auto schema = config::parse_schema(manifest.schema, "the data schema of run " + manifest.name);
    if (!schema) return schema.error();
    data.schema = std::move(schema).value();
  }
  auto loaded = learn::load_data(data);
  if (!loaded) return loaded.error();
  auto model = learn::make_model(config.model, *loaded->dataset, config.model_options);
  if (!model) return model.error();
  setup.model = std::move(model).value();
  auto stored = learn::with_storage(loaded->dataset, setup.model->storage());
  if (!stored) return stored.error();
  exec::use_huge_pages(**stored);
  setup.training.model = setup.model;
  setup.training.options = config.train;
  setup.training.seed = config.seed;
  setup.training.shards.resize(config.parties, {*stored, {}});
  setup.training.shards[index(self)].rows = loaded->train;
  setup.pooled = {*stored, loaded->train};
  setup.test = {*stored, loaded->test};
  if (config.eval.rows_max > 0 && setup.test.rows.size() > config.eval.rows_max) {
    setup.test.rows.resize(config.eval.rows_max);
  }
  if (loaded->train.empty()) return Error{ErrorKind::bad_data, binding.path + " has no training rows", ""};
  if (setup.strategy->uses_topology) {
    auto graph = sim::make_graph(config, *setup.strategy);
    if (!graph) return graph.error();
    setup.topology = std::move(graph).value();
  }
  auto run = sim::run_options(setup);
  if (!run) return run.error();
  setup.run = std::move(run).value();
  return setup;
}

Result<sim::Setup> plan_training(const protocols::runs::Run& run, const DataBinding& binding, PartyId self) {
  HANSA_ASSERT(run.begin.has_value());
  const auto parties = static_cast<std::uint32_t>(run.begin->approvals.size());
  const auto config = config_of(run.manifest, parties);
  if (!config) return config.error();
  auto setup = bind_data(*config, run.manifest, binding, self);
  if (!setup) return setup.error();
  auto options = std::make_shared<protocols::RunOptions>(*setup->run);
  options->secure.task = run.training_id();
  options->secure.manifest = run.training_id();
  options->secure.roster.clear();
  for (const auto& approval : run.begin->approvals) options->secure.roster.push_back(approval.party);
  setup->run = std::move(options);
  return setup;
}

}  // namespace hansa::node
