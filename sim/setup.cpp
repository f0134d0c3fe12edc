// From a configuration to everything a driver needs. Names are looked up here and nowhere else in sim/; each
// failure says which key to change.
#include "sim/setup.hpp"

#include "protocols/gossip/neighbourhood_check.hpp"
#include "protocols/secure_sum/fixed_point.hpp"
#include "sim/coordinates.hpp"
#include "src/crypto/hash.hpp"
#include "src/crypto/identity.hpp"
#include "src/exec/entropy.hpp"
#include "src/exec/huge_pages.hpp"
#include "src/learn/partition.hpp"
#include "src/wire/limits.hpp"
#include "topology/cohorts.hpp"
#include "topology/random_schedule.hpp"

#include <hansa/rng.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <utility>

namespace hansa::sim {
namespace {

Duration milliseconds(double ms) { return Duration(static_cast<Duration::rep>(ms * 1e6)); }

Result<learn::LoadedData> load(config::RunConfig& config) {
  std::string schema = config.schema_path;
  for (const learn::DatasetEntry& entry : learn::dataset_registry()) {
    if (entry.name != config.data.dataset || !schema.empty() || entry.schema_file.empty()) continue;
    schema = learn::data_folder() + "/" + std::string(entry.schema_file);
  }
  if (!schema.empty()) {
    auto read = config::read_schema(schema);
    if (!read) return read.error();
    config.data.schema = std::move(read).value();
  }
  return learn::load_data(config.data);
}

std::vector<std::string> names_of(const config::RunConfig& config, const learn::Dataset& data,
                                  const std::vector<learn::Shard>& shards) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const bool natural =
        config.partition.kind == "by-column" && !data.group.empty() && !shards[i].rows.empty();
    names.push_back(natural ? data.group_name[data.group[shards[i].rows.front()]]
                            : "party " + std::to_string(i));
  }
  return names;
}

/// The key of a simulated party. WARNING: it follows from the seed; a live node has its own.
crypto::Identity simulated_identity(std::uint64_t seed, std::uint64_t party) {
  crypto::Hasher hasher("hansa/sim-ident");
  hasher.update_u64(seed).update_u64(party);
  return crypto::Identity::from_seed(hasher.finish().bytes);
}

/// The most models that are averaged at once.
std::size_t sum_members_max(const config::RunConfig& config, const protocols::RunOptions& run) {
  // Cohorts that are not a grid may have up to twice their configured size.
  if (run.topology == nullptr)
    return std::min<std::size_t>(config.parties, 2 * std::size_t{config.cohort.size});
  std::size_t most = 0;
  for (Round round = 0; round < run.topology->period(); ++round) {
    for (std::uint32_t i = 0; i < config.parties; ++i) {
      most = std::max(most, run.topology->in(round, party_at(i)).size());
    }
  }
  return most + 1;
}

/// A neighbourhood sum's input travels as one packet.
Result<void> check_chunk_bytes(const config::RunConfig& config, const protocols::RunOptions& run) {
  constexpr std::uint64_t kKeysAndSignatures = 8192;
  const std::uint64_t bytes = (run.parameter_count + std::uint64_t{1}) * crypto::lane_bytes(run.secure.lane);
  if (run.topology == nullptr || bytes + kKeysAndSignatures <= wire::Limits{}.packet_bytes_max) return {};
  return Error{ErrorKind::usage,
               "a model of " + std::to_string(run.parameter_count) +
                   " parameters does not fit in one packet of a neighbourhood sum",
               config.secure.ring_bits == 64
                   ? "set secure.ring_bits = 32, or strategy = \"cohort\""
                   : "set strategy = \"cohort\", where a member sends each owner only its piece"};
}

/// What the parties of a simulated run agree on before their ceremony. Apart from "secure" and "plain-fixed",
/// which draw the same cohorts so that they can be compared, and apart from what is not the parties' to agree
/// on (network, faults, evaluation), all that makes a run another run.
crypto::Hash256 manifest_of(const config::RunConfig& config, const protocols::RunOptions& run) {
  crypto::Hasher manifest("hansa/sim-run");
  manifest.update(run.secure.task.bytes).update_u64(run.seed).update_u64(run.parties);
  manifest.update_u64(run.rounds).update_u64(run.finish_rounds);
  manifest.update_u64(run.cohort.grid ? 0 : run.cohort.size);
  manifest.update_u64(config.secure.ring_bits).update_u64(std::bit_cast<std::uint64_t>(run.secure.clip));
  manifest.update_u64(run.secure.weight_max).update_u64(run.secure.colluders);
  manifest.update_u64(run.weights == protocols::MixWeights::sample_count ? 1 : 0);
  return manifest.finish();
}

/// What "secure" and "plain-fixed" need; nothing for "plain".
Result<void> set_up_sums(const config::RunConfig& config, protocols::RunOptions& run) {
  if (config.aggregation == "plain") return {};
  const bool secure = config.aggregation == "secure";
  run.aggregation = secure ? protocols::Aggregation::secure : protocols::Aggregation::plain_fixed;
  run.secure.lane = static_cast<crypto::Lane>(config.secure.ring_bits / 8);
  run.secure.fraction = config.secure.sparsify;
  run.secure.clip = config.secure.clip;
  run.secure.weight_max = config.secure.weight_max;
  run.secure.colluders = config.secure.colluders;
  const std::size_t members = sum_members_max(config, run);
  const auto format = protocols::secure_sum::fixed_point_format(run.secure.lane, run.secure.clip, members);
  if (!format) return format.error();
  run.secure.beacon = config.secure.beacon && config.strategy == "cohort";
  if (!secure && !run.secure.beacon) return {};
  if (const auto fits = check_chunk_bytes(config, run); !fits) return fits.error();
  crypto::Hasher task("hansa/task");
  task.update(config.model).update_u64(run.parameter_count).update(run.initial_model.span());
  run.secure.task = task.finish();
  for (std::uint32_t i = 0; i < config.parties; ++i) {
    run.secure.roster.push_back(simulated_identity(config.seed, i).public_key());
  }
  run.secure.manifest = manifest_of(config, run);
  return {};
}

/// In 16 bits a weight keeps a dozen bits at best: too few for a party that weighs next to nothing.
Result<void> check_weights(const Setup& setup, const protocols::RunOptions& run) {
  constexpr double kStepsMin = 16;  // then a weight is off by 3 % at most
  if (!protocols::sums_deltas(run.secure) || run.weights != protocols::MixWeights::sample_count) return {};
  const auto format =
      protocols::secure_sum::fixed_point_format(run.secure.lane, run.secure.clip, run.parties);
  if (!format) return format.error();
  std::uint64_t fewest = ~0ULL, most = 0;
  for (const learn::Shard& shard : setup.training.shards) {
    if (shard.rows.empty()) continue;  // of another node
    fewest = std::min<std::uint64_t>(fewest, shard.rows.size());
    most = std::max<std::uint64_t>(most, shard.rows.size());
  }
  const double weight = protocols::relative_weight(run.secure, static_cast<double>(fewest));
  if (std::ldexp(weight, format->weight_bits) >= kStepsMin) return {};
  return Error{ErrorKind::usage,
               "a party with " + std::to_string(fewest) +
                   " of secure.weight_max = " + std::to_string(run.secure.weight_max) +
                   " rows weighs too little for secure.ring_bits = 16",
               "set secure.weight_max to the rows of the largest party, " + std::to_string(most) +
                   "; or topology.weights = \"uniform\", or secure.ring_bits = 32"};
}

}  // namespace

Result<std::shared_ptr<protocols::RunOptions>> run_options(const Setup& setup) {
  const config::RunConfig& config = setup.config;
  auto run = std::make_shared<protocols::RunOptions>();
  run->parties = config.parties;
  run->rounds = config.rounds;
  run->finish_rounds = config.local.finish_rounds;
  run->eval_every = config.eval.every;
  run->seed = config.seed;
  run->parameter_count = static_cast<std::uint32_t>(setup.model->parameter_count());
  Parameters initial = Parameters::uninitialised(run->parameter_count);
  setup.model->initialise(initial.span(), Rng(config.seed, Purpose::initial_model));
  run->initial_model = std::move(initial).freeze();
  if (config.topology.weights == "sample-count") run->weights = protocols::MixWeights::sample_count;
  run->deadline = {milliseconds(config.deadline.floor_ms), milliseconds(config.deadline.ceiling_ms),
                   config.deadline.factor};
  run->suspect_after = config.deadline.suspect_after;
  run->topology = setup.topology;
  run->epidemic_fanout = config.epidemic.fanout;
  run->cohort = {config.parties, config.cohort.size, config.cohort.grid, config.seed};
  if (config.strategy == "cohort") {
    if (const auto fits = topology::check(run->cohort); !fits) return fits.error();
  }
  if (config.strategy == "epidemic") {
    const auto fits = topology::RandomSchedule::check(config.parties, config.epidemic.fanout);
    if (!fits) return fits.error();
  }
  if (const auto ready = set_up_sums(config, *run); !ready) return ready.error();
  if (const auto enough = check_weights(setup, *run); !enough) return enough.error();
  protocols::GossipLearningOptions& gossip = run->gossip_learning;
  gossip.merge = config.gossip_learning.merge == "limited"        ? protocols::MergeRule::limited
                 : config.gossip_learning.merge == "age-weighted" ? protocols::MergeRule::age_weighted
                                                                  : protocols::MergeRule::mean;
  gossip.age_gap_max = config.gossip_learning.age_gap_max;
  gossip.period = milliseconds(config.gossip_learning.period_ms);
  gossip.period_jitter = config.gossip_learning.period_jitter;
  return run;
}

namespace {

Result<void> deal(const learn::LoadedData& data, Setup& setup) {
  const config::RunConfig& config = setup.config;
  learn::PartitionOptions options;
  options.parties = config.parties;
  options.seed = config.seed;
  options.alpha = config.partition.alpha;
  options.shards_per_party = config.partition.shards_per_party;
  options.rows_min = config.partition.rows_min;
  auto dealt = learn::partition(config.partition.kind, *data.dataset, data.train, options);
  if (!dealt) return dealt.error();

  auto stored = learn::with_storage(data.dataset, setup.model->storage());
  if (!stored) return stored.error();
  exec::use_huge_pages(**stored);
  for (std::vector<std::uint32_t>& rows : *dealt) setup.training.shards.push_back({*stored, std::move(rows)});
  setup.pooled = {*stored, data.train};
  setup.test = {*stored, data.test};
  if (config.eval.rows_max > 0 && setup.test.rows.size() > config.eval.rows_max) {
    setup.test.rows.resize(config.eval.rows_max);
  }
  if (setup.test.rows.empty()) return Error{ErrorKind::bad_data, "the data has no test rows", ""};
  setup.party_names = names_of(config, **stored, setup.training.shards);
  return {};
}

std::string summary_of(const config::RunConfig& config, const Setup& setup) {
  return config.data.dataset + ": " + std::to_string(setup.pooled.rows.size()) + " training rows, " +
         std::to_string(setup.test.rows.size()) + " test rows, " +
         std::to_string(setup.test.dataset->features) + " features";
}

}  // namespace

Result<std::shared_ptr<const topology::Topology>> make_graph(const config::RunConfig& config,
                                                             const protocols::StrategyEntry& strategy) {
  topology::TopologyOptions options;
  options.parties = config.parties;
  options.degree = config.topology.degree;
  options.probability = config.topology.probability;
  options.attachments = config.topology.attachments;
  options.seed = config.seed;
  options.allow_disconnected = config.topology.allow_disconnected;
  options.weights = strategy.column_stochastic                  ? "push-sum"
                    : config.topology.weights == "sample-count" ? "uniform"
                                                                : config.topology.weights;
  auto graph = topology::make_topology(config.topology.name, options);
  if (!graph) return graph.error();
  if ((*graph)->parties() != config.parties) {
    return Error{ErrorKind::usage,
                 "the graph " + config.topology.name + " has " + std::to_string((*graph)->parties()) +
                     " parties, the run has " + std::to_string(config.parties),
                 "set parties to the size of the graph"};
  }
  if (config.aggregation == "secure") {
    const auto safe = protocols::check_neighbourhoods(**graph, config.secure.colluders);
    if (!safe) return safe.error();
  }
  return std::shared_ptr<const topology::Topology>(std::move(graph).value());
}

Result<Setup> set_up(const config::RunConfig& config) {
  Setup setup;
  setup.config = config;
  setup.strategy = protocols::find_strategy(config.strategy);
  if (setup.strategy == nullptr) {
    return Error{ErrorKind::usage, "unknown strategy \"" + config.strategy + "\"",
                 "see `hansa list strategies`"};
  }
  auto data = load(setup.config);
  if (!data) return data.error();
  auto model = learn::make_model(config.model, *data->dataset, config.model_options);
  if (!model) return model.error();
  setup.model = std::move(model).value();
  if (const auto dealt = deal(*data, setup); !dealt) return dealt.error();
  setup.training.model = setup.model;
  setup.training.options = config.train;
  setup.training.seed = config.seed;
  if (setup.strategy->uses_topology) {
    auto graph = make_graph(config, *setup.strategy);
    if (!graph) return graph.error();
    setup.topology = std::move(graph).value();
  }
  auto run = run_options(setup);
  if (!run) return run.error();
  setup.run = std::move(run).value();
  setup.dataset_summary = summary_of(config, setup);
  return setup;
}

exec::MachineFactory machine_factory(const Setup& setup) {
  const bool signs = setup.run->aggregation == protocols::Aggregation::secure || setup.run->secure.beacon;
  // How often each party has been started: a restart must not repeat a secret.
  auto boots = std::make_shared<std::vector<std::uint64_t>>(setup.config.parties, 0);
  return [&setup, signs, boots](PartyId party, std::optional<protocols::Record> restored) {
    protocols::PartyOptions options{.self = party,
                                    .training_rows = setup.training.shards[index(party)].rows.size(),
                                    .run = setup.run,
                                    .restored = std::move(restored)};
    if (signs) {
      options.identity =
          std::make_shared<const crypto::Identity>(simulated_identity(setup.config.seed, index(party)));
      options.entropy =
          std::make_shared<exec::SeededEntropy>(setup.config.seed, party, (*boots)[index(party)]++);
    }
    return setup.strategy->make(std::move(options));
  };
}

Result<WorldOptions> world_options(const config::RunConfig& config) {
  WorldOptions options;
  options.full_codec = config.network.full_codec;
  options.link = {.parties = config.parties,
                  .seed = config.seed,
                  .latency = milliseconds(config.network.latency_ms),
                  .jitter = milliseconds(config.network.jitter_ms),
                  .bandwidth_mbps = config.network.bandwidth_mbps,
                  .loss = config.network.loss,
                  .duplicate = config.network.duplicate,
                  .reorder = config.network.reorder,
                  .partition_start = milliseconds(config.faults.partition_start_ms),
                  .partition_end = milliseconds(config.faults.partition_end_ms)};
  if (!config.network.coordinates.empty()) {
    auto coordinates = read_coordinates(config.network.coordinates);
    if (!coordinates) return coordinates.error();
    options.link.coordinates = std::move(coordinates).value();
  }
  options.compute = {config.parties, config.seed, config.compute.rows_per_second, config.compute.spread,
                     config.compute.mix_mbytes_per_second * 1e6};
  options.churn = {.parties = config.parties,
                   .seed = config.seed,
                   .crash_fraction = config.faults.crash_fraction,
                   .stay_down_fraction = config.faults.stay_down_fraction,
                   .down_mean = milliseconds(config.faults.down_ms),
                   .start = milliseconds(config.faults.start_ms),
                   .end = milliseconds(config.faults.end_ms)};
  return options;
}

std::vector<topology::Edge> edges_to_draw(const Setup& setup, const topology::CohortOptions& cohorts) {
  constexpr std::size_t kEdgesMax = 20'000;  // beyond that a drawing shows nothing
  std::set<topology::Edge> edges;
  const auto add = [&](std::uint32_t a, std::uint32_t b) {
    if (a != b && edges.size() < kEdgesMax) edges.insert({std::min(a, b), std::max(a, b)});
  };
  const std::uint32_t parties = setup.config.parties;
  if (setup.topology != nullptr) {
    for (Round round = 0; round < setup.topology->period(); ++round) {
      for (const topology::Edge& edge : topology::edges(*setup.topology, round, true))
        add(edge.from, edge.to);
    }
  } else if (setup.config.strategy == "epidemic") {
    const topology::RandomSchedule schedule(setup.config.seed, parties, setup.config.epidemic.fanout);
    for (std::uint32_t i = 0; i < parties; ++i) {
      for (const PartyId to : schedule.targets(0, party_at(i))) add(i, static_cast<std::uint32_t>(to));
    }
  } else {
    for (Round round = 0; round < (cohorts.grid ? 2u : 1u); ++round) {
      for (std::uint32_t i = 0; i < parties && edges.size() < kEdgesMax; ++i) {
        for (const PartyId member : topology::cohort_of(cohorts, round, party_at(i))) {
          add(i, static_cast<std::uint32_t>(member));
        }
      }
    }
  }
  return {edges.begin(), edges.end()};
}

}  // namespace hansa::sim
