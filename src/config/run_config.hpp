// One training run, as a checked struct. Every field is one line of the schema in src/config/schema.cpp,
// which is the single source for names, types, defaults, ranges and meanings: it parses files, applies
// `--set`, writes the resolved config.toml and prints `hansa config reference`.
#pragma once

#include "src/learn/load.hpp"
#include "src/learn/model.hpp"

#include <hansa/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hansa::config {

/// The [partition] table.
struct Partition {
  std::string kind = "iid";
  double alpha = 0.5;
  std::uint32_t shards_per_party = 2;
  std::uint32_t rows_min = 1;
};

/// The [topology] table.
struct Topology {
  std::string name = "ring";      ///< a name of the topology registry, or "file:PATH"
  std::uint32_t degree = 4;       ///< k-regular, small-world: neighbours; base-k: maximum degree; tree: arity
  double probability = 0.1;       ///< erdos-renyi: edge; small-world: rewiring
  std::uint32_t attachments = 2;  ///< scale-free: edges of a new party
  std::string weights = "metropolis-hastings";  ///< or "uniform", "sample-count"
  bool allow_disconnected = false;
};

/// The [local] and [optimiser] tables end up in learn::TrainOptions, plus:
struct Local {
  std::uint32_t finish_rounds = 0;  ///< last rounds that only mix (no training): an exact average where the
                                    ///< topology reaches one
};

/// The [gossip-learning] table.
struct GossipLearning {
  std::string merge = "mean";  ///< mean, age-weighted, limited
  double age_gap_max = 10;     ///< limited: keep the older model if ages differ by more than this
  double period_ms = 1000;
  double period_jitter = 0.1;  ///< standard deviation of a period, as a fraction
};

/// The [epidemic] table.
struct Epidemic {
  std::uint32_t fanout = 4;
};

/// The [cohort] table.
struct Cohort {
  std::uint32_t size = 8;  ///< members per cohort, if not grid
  bool grid = false;       ///< parties = side^2 on a square; rows and columns in turn
};

/// The [secure] table: aggregation = "secure" and "plain-fixed".
struct Secure {
  std::uint32_t colluders =
      0;            ///< f: members that may work together and learn nothing; 0 = a third of a cohort
  double clip = 8;  ///< parameters are clipped to [-clip, clip] before they are encoded
  std::uint64_t weight_max = 10'000;  ///< training rows that weigh 1; more count as this many
  std::uint32_t ring_bits = 32;       ///< 16, 32 or 64: the ring Z_2^w in which sums are exact
  double sparsify = 1;                ///< fraction of the coordinates that a cohort sums
  bool beacon = true;  ///< strategy cohort: all parties together draw what the cohorts follow from
};

/// The [deadline] table: how long a party waits for its peers.
struct Deadline {
  double floor_ms = 30'000;  ///< never shorter; with the default no deadline fires in a healthy run
  double ceiling_ms = 120'000;
  double factor = 4;                ///< deadline = mean + factor * deviation of recent waits
  std::uint32_t suspect_after = 3;  ///< consecutive misses until a peer is no longer waited for
};

/// The [network] table: one link model for all pairs.
struct Network {
  double latency_ms = 20;
  double jitter_ms = 0;       ///< exponential extra delay; reorders messages
  double bandwidth_mbps = 0;  ///< per party and direction; 0 = unlimited
  double loss = 0;            ///< probability that a message is lost
  double duplicate = 0;       ///< probability that a message arrives twice
  double reorder = 0;         ///< probability that a message is held back by up to 10 latencies
  std::string coordinates;    ///< file of network coordinates; replaces latency_ms
  bool full_codec = false;    ///< encode and decode every message for real (slower, same results)
};

/// The [compute] table: how long local work takes in virtual time.
struct Compute {
  double rows_per_second = 20'000;
  double spread = 0;  ///< sigma of log-normal speed differences between parties
  double mix_mbytes_per_second = 2'000;
};

/// The [faults] table.
struct Faults {
  double crash_fraction = 0;      ///< parties that crash once, at a random moment, and return
  double down_ms = 2'000;         ///< mean time until they return (exponential)
  double stay_down_fraction = 0;  ///< of the crashing parties, those that never return
  double start_ms = 0;            ///< crashes happen in [start_ms, end_ms]
  double end_ms = 10'000;
  double partition_start_ms = 0;  ///< network split into two halves from here ...
  double partition_end_ms = 0;    ///< ... to here; equal = no split
};

/// The [eval] table.
struct Eval {
  std::uint32_t every = 1;     ///< evaluate after every k-th round (and always after the last)
  std::uint64_t rows_max = 0;  ///< evaluate on the first so many test rows; 0 = all
  std::vector<std::string> baselines = {"local_only", "pooled"};
  std::uint32_t baseline_rounds = 0;  ///< rounds of baseline training; 0 = as many as the run
};

struct RunConfig {
  std::string name;  ///< for the report's title; default: the config file's name
  std::uint32_t parties = 0;
  std::uint32_t rounds = 0;
  std::uint64_t seed = 1;
  std::string model = "fm";
  std::string strategy = "d-psgd";
  std::string aggregation = "plain";

  learn::DataOptions data;  ///< [data]; data.schema is read from schema_path
  std::string schema_path;  ///< data.schema in the file
  Partition partition;
  Topology topology;
  Local local;
  learn::TrainOptions train;          ///< [local] epochs/steps/batch_size and [optimiser]
  learn::ModelOptions model_options;  ///< [fm] [mlp] [cnn] [deepfm]
  GossipLearning gossip_learning;
  Epidemic epidemic;
  Cohort cohort;
  Secure secure;
  Deadline deadline;
  Network network;
  Compute compute;
  Faults faults;
  Eval eval;
};

/// One `--set key=value` from the command line; keys are dotted, e.g. "optimiser.learning_rate".
struct Override {
  std::string key;
  std::string value;
};

/// Reads, applies overrides, checks. Errors name file and line and, for an unknown key, the nearest known
/// one. Paths inside are relative to the config file's folder.
Result<RunConfig> load_run_config(const std::string& path, const std::vector<Override>& overrides);

/// The same from text (`origin` is used in messages); does not touch the disk. The fuzz target's entry.
Result<RunConfig> parse_run_config(std::string_view text, const std::string& origin,
                                   const std::vector<Override>& overrides);

/// Every key with its value, as TOML that `load_run_config` accepts and that gives the same run.
std::string to_toml(const RunConfig& config);

/// `docs/config.md`: every key with type, default, range and meaning, grouped by table.
std::string reference_markdown();
/// The same for `--json`.
std::string reference_json();

/// Reads a CSV schema file (TOML, written by people or by `hansa data describe --schema`).
Result<learn::CsvSchema> read_schema(const std::string& path);
/// The same from text; `origin` is used in messages.
Result<learn::CsvSchema> parse_schema(std::string_view text, const std::string& origin);
/// A schema as such a file.
std::string schema_to_toml(const learn::CsvSchema& schema);

}  // namespace hansa::config
