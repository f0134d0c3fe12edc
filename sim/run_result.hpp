// Everything a finished (or interrupted) run has to say. The writers in sim/report/ turn it into
// summary.json, rounds.jsonl, the CSV files and report.html; nothing else knows how a report looks.
#pragma once

#include "src/config/run_config.hpp"
#include "src/learn/metrics.hpp"
#include "topology/topology.hpp"

#include <hansa/parameters.hpp>
#include <hansa/types.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hansa::sim {

/// Mean, extremes and standard deviation of one metric over the parties.
struct Spread {
  double mean = 0, min = 0, max = 0, stddev = 0;
};

/// One evaluated round.
struct RoundRecord {
  Round round = 0;                           ///< rounds completed: 0 is the initial model
  double virtual_seconds = 0;                ///< when the last party completed it
  double loss = 0;                           ///< mean training loss of the parties' local work in that round
  std::map<std::string, Spread> metrics;     ///< by metric key, over parties
  std::vector<double> party_metric;          ///< the primary metric, per party; NaN if it did not report
  std::vector<double> party_loss;            ///< mean test loss (log_loss or rmse), per party
  std::map<std::string, double> mean_model;  ///< metrics of the average of all models
  double consensus_distance = 0;             ///< root mean square distance of the models to their average
  double mbytes_per_party = 0;               ///< sent so far, mean over parties, 10^6 bytes
  std::uint32_t parties_reporting = 0;
  std::uint32_t missing = 0;  ///< neighbour messages that did not arrive in time, all parties
};

/// One party at the end.
struct PartyRecord {
  std::string name;  ///< group name ("management") or "party 3"
  std::uint64_t train_rows = 0;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::uint64_t messages_sent = 0, messages_received = 0;
  double compute_seconds = 0;  ///< virtual time spent computing
  double rows_per_second = 0;  ///< its simulated speed
  double bandwidth_mbps = 0;
  Round rounds_completed = 0;
  std::uint64_t missed_peers = 0;    ///< times it went on without a neighbour
  std::uint64_t skipped_rounds = 0;  ///< rounds it jumped over after a return
  std::uint64_t crashes = 0;
  std::map<std::string, double> metrics;     ///< its final model on the test rows
  std::map<std::string, double> local_only;  ///< the baseline trained on its rows alone; empty if not asked
};

struct MissingPeer {  ///< who went on without whom, and why
  std::uint32_t party = 0, peer = 0;
  std::uint64_t times = 0;
  std::string reason;  ///< "deadline", "suspected", "down"
};

/// What became of the secure sums of a run; all zero without aggregation = "secure".
struct SumStatistics {
  std::uint64_t sessions = 0;            ///< begun; a second attempt counts again
  std::uint64_t completed = 0;           ///< some member got the sum
  std::uint64_t aborted = 0;             ///< nobody did
  std::uint64_t dropouts_recovered = 0;  ///< members that a completed sum went on without
  std::uint64_t refused = 0;             ///< contributions withheld because the model was not finite
  std::uint64_t caught = 0;              ///< reports of members that broke the protocol
  /// Inputs that a coalition of f members could determine from what it received, by sim/observer.hpp; none if
  /// nobody watched (by the wall clock).
  std::optional<std::uint64_t> inputs_exposed;
};

/// How the cohorts were drawn, if by a beacon.
struct BeaconStatistics {
  std::string beacon;                 ///< hex; empty if nobody has one
  std::uint32_t attempts = 0;         ///< 1 if nobody was missing
  std::uint32_t members = 0;          ///< parties that take part
  std::vector<std::uint32_t> others;  ///< parties that were left out and trained alone
};

struct RunResult {
  config::RunConfig config;
  std::string program_version, program_commit;
  std::string clock = "virtual";
  bool interrupted = false;
  std::uint32_t threads = 1;

  std::string primary_metric;  ///< "auc", "accuracy" or "rmse"
  bool larger_is_better = true;
  std::string dataset_summary;  ///< "bank-marketing: 31,6xx train rows, 13,5xx test rows, ..."
  std::uint64_t train_rows = 0, test_rows = 0, features = 0, parameters = 0;
  /// Drawn in the report; for time-varying topologies, round 0 and its neighbours over one period.
  std::vector<topology::Edge> edges;
  double spectral_gap = 0;  ///< NaN if not defined for the strategy

  std::vector<RoundRecord> rounds;
  std::vector<PartyRecord> parties;
  std::vector<MissingPeer> missing;
  std::map<std::string, double> baseline_local_only;  ///< mean over parties; empty if not asked
  std::map<std::string, double> baseline_pooled;
  std::vector<ParametersRef> models;  ///< final, per party
  std::string models_hash;            ///< hex

  double virtual_seconds = 0, wall_seconds = 0, cpu_seconds = 0;
  double baseline_seconds = 0;
  std::uint64_t node_rounds = 0, events = 0, peak_rss_bytes = 0;
  std::uint64_t bytes_sent_total = 0;
  std::uint64_t messages_lost = 0, messages_duplicated = 0;
  SumStatistics sums;
  BeaconStatistics beacon;
  double flop = 0, bytes_touched = 0;         ///< unavoidable work of the run
  double peak_flops = 0, peak_bandwidth = 0;  ///< measured on this machine, per second, one core
  double ideal_seconds = 0, efficiency = 0;
};

}  // namespace hansa::sim
