// One small function per subject. Keys that the chosen strategy, model or data set does not read are no
// error:
// `--set strategy=...` should work on any file. Contradictions among those that are read are.
#include "src/config/check.hpp"

#include "protocols/beacon/draw.hpp"
#include "protocols/gossip/neighbourhood_check.hpp"
#include "protocols/secure_sum/fixed_point.hpp"
#include "protocols/secure_sum/plan.hpp"
#include "src/config/toml_node.hpp"
#include "topology/topology.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

namespace hansa::config {

namespace {

using Findings = std::vector<Finding>;

void add(Findings& findings, std::string_view key, std::string message, std::string hint) {
  findings.push_back({key, {ErrorKind::usage, std::move(message), std::move(hint)}});
}

bool is_square(std::uint32_t n) {
  const auto side = static_cast<std::uint32_t>(std::lround(std::sqrt(static_cast<double>(n))));
  return side * side == n;
}

void check_rounds(const RunConfig& config, Findings& findings) {
  if (config.local.finish_rounds >= config.rounds) {
    add(findings, "local.finish_rounds",
        "local.finish_rounds = " + std::to_string(config.local.finish_rounds) +
            " leaves no round to train in",
        "it must be less than rounds = " + std::to_string(config.rounds));
  }
}

void check_cohort(const RunConfig& config, Findings& findings) {
  if (config.strategy != "cohort") return;
  if (config.cohort.grid && !is_square(config.parties)) {
    const auto side = static_cast<std::uint32_t>(std::sqrt(static_cast<double>(config.parties)));
    add(findings, "cohort.grid",
        "cohort.grid needs a square number of parties, found parties = " + std::to_string(config.parties),
        "the nearest are " + std::to_string(side * side) + " and " + std::to_string((side + 1) * (side + 1)) +
            "; or set cohort.grid = false");
  }
  if (!config.cohort.grid && config.parties > 1 && config.cohort.size > config.parties) {
    add(findings, "cohort.size",
        "cohort.size = " + std::to_string(config.cohort.size) +
            " is larger than parties = " + std::to_string(config.parties),
        "a cohort is a part of the parties");
  }
}

struct CohortSizes {
  std::uint32_t smallest = 0;
  std::uint32_t largest = 0;
};

/// What topology::cohort_of makes of valid settings: rows of a square, or parties / size cohorts that differ
/// by at most one member.
CohortSizes cohort_sizes(const RunConfig& config) {
  if (config.cohort.grid) {
    const auto side = static_cast<std::uint32_t>(std::lround(std::sqrt(static_cast<double>(config.parties))));
    return {side, side};
  }
  const std::uint32_t cohorts = std::max(1U, config.parties / config.cohort.size);
  return {config.parties / cohorts, (config.parties + cohorts - 1) / cohorts};
}

/// The key to change if cohorts have the wrong size.
std::string_view size_key(const RunConfig& config) {
  return config.cohort.grid || config.cohort.size > config.parties ? "parties" : "cohort.size";
}

void check_colluders(const RunConfig& config, CohortSizes sizes, Findings& findings) {
  if (sizes.smallest < 3) {
    add(findings, size_key(config),
        "aggregation = \"secure\" needs cohorts of at least 3 parties, here one has " +
            std::to_string(sizes.smallest) + ": two members would learn each other's model from the sum",
        "raise cohort.size, or parties; from 4 members on, one of them may drop out");
    return;
  }
  if (sizes.largest > protocols::secure_sum::kMembersMax) {
    add(findings, size_key(config),
        "aggregation = \"secure\" sums over at most " + std::to_string(protocols::secure_sum::kMembersMax) +
            " parties, here a cohort has " + std::to_string(sizes.largest),
        "8 or 16 is usual: every member exchanges keys with every other");
    return;
  }
  if (config.secure.colluders + 2 > sizes.smallest) {
    add(findings, "secure.colluders",
        "secure.colluders = " + std::to_string(config.secure.colluders) + " is too many for a cohort of " +
            std::to_string(sizes.smallest) +
            ": a sum must hold at least two models that are not the colluders'",
        "at most " + std::to_string(sizes.smallest - 2) + "; 0 means a third of the cohort");
  }
}

/// What can be said of neighbourhood sums before the graph is drawn; check_neighbourhoods() says the rest.
void check_secure_graph(const RunConfig& config, Findings& findings) {
  const auto refuse = [&](const std::string& found) {
    add(findings, "aggregation",
        "aggregation = \"secure\" with strategy = \"d-psgd\" needs a fixed, undirected graph with at least " +
            std::to_string(protocols::kNeighboursMin) + " neighbours for each party, found " + found +
            ": each model enters as many sums as its owner has neighbours, and receivers that work together "
            "can solve for it if these are few",
        "set topology.name = \"k-regular\" and topology.degree = " +
            std::to_string(protocols::kNeighboursMin) +
            "; or strategy = \"cohort\", where a model enters one sum a round");
  };
  if (config.topology.name == "k-regular" && config.topology.degree < protocols::kNeighboursMin) {
    return refuse("topology.degree = " + std::to_string(config.topology.degree));
  }
  for (const topology::TopologyEntry& entry : topology::topology_registry()) {
    if (entry.name != config.topology.name || (!entry.directed && !entry.time_varying)) continue;
    return refuse("topology.name = \"" + config.topology.name + "\", which is " +
                  (entry.time_varying ? "another graph in each round" : "directed"));
  }
}

void check_beacon(const RunConfig& config, Findings& findings) {
  if (!config.secure.beacon) return;
  constexpr std::size_t kMost = protocols::beacon::kMembersMax;
  if (config.parties >= 3 && config.parties <= kMost) return;
  add(findings, "secure.beacon",
      "secure.beacon draws the cohorts among 3 to " + std::to_string(kMost) + " parties, found parties = " +
          std::to_string(config.parties) + ": every party hears from every other",
      "set secure.beacon = false: then the cohorts follow from the run's seed, and whoever chooses the seed "
      "chooses them");
}

void check_secure(const RunConfig& config, Findings& findings) {
  if (config.aggregation == "plain") return;
  if (config.strategy == "d-psgd") {
    if (config.aggregation == "secure") check_secure_graph(config, findings);
    if (config.aggregation == "secure" && config.local.finish_rounds > 0) {
      add(findings, "local.finish_rounds",
          "local.finish_rounds = " + std::to_string(config.local.finish_rounds) +
              " does not go with secure sums over neighbours: in rounds without training each neighbour "
              "learns "
              "new sums of the same models, and few of them together can solve for single ones",
          "set local.finish_rounds = 0; or strategy = \"cohort\", whose groups change");
    }
    return;
  }
  if (config.strategy != "cohort") {
    add(findings, "aggregation",
        "aggregation = \"" + config.aggregation +
            "\" needs strategy = \"cohort\" or \"d-psgd\", found strategy = \"" + config.strategy + "\"",
        "set strategy = \"cohort\", or aggregation = \"plain\"; the sums are taken over cohorts or over the "
        "neighbours in a graph");
    return;
  }
  if (config.cohort.grid && !is_square(config.parties)) return;  // reported already
  if (!config.cohort.grid && config.parties > 1 && config.cohort.size > config.parties) return;
  const CohortSizes sizes = cohort_sizes(config);
  if (config.aggregation == "secure") check_colluders(config, sizes, findings);
  check_beacon(config, findings);
  const auto lane = static_cast<crypto::Lane>(config.secure.ring_bits / 8);
  const auto format = protocols::secure_sum::fixed_point_format(lane, config.secure.clip, sizes.largest);
  if (!format.ok()) add(findings, "secure.clip", format.error().message, format.error().hint);
}

/// Compressed sums in runs that cannot have them. To ignore the key would promise bytes that are not saved.
void check_compression(const RunConfig& config, Findings& findings) {
  struct Rule {
    bool broken;
    std::string reason, hint;
  };
  const bool sums = config.aggregation != "plain", cohorts = config.strategy == "cohort";
  const bool one_cohort = cohorts && !config.cohort.grid && config.parties / config.cohort.size <= 1;
  const Rule common[] = {
      {!sums, "needs aggregation = \"secure\" or \"plain-fixed\": only sums of integers are compressed",
       "set aggregation = \"secure\""},
      {sums && !cohorts,
       "needs strategy = \"cohort\": neighbours in a graph are in a different sum for each receiver, with no "
       "common coordinates or base",
       "set strategy = \"cohort\""}};
  const Rule sparse[] = {
      {config.cohort.grid,
       "does not go with cohort.grid: a row and a column would average different coordinates, so two rounds "
       "would not give the mean of all",
       "set cohort.grid = false"}};
  const Rule narrow[] = {{!one_cohort,
                          "sums changes since a model that all members hold, and parties that meet in "
                          "changing cohorts hold none",
                          "set cohort.grid = false and cohort.size = " + std::to_string(config.parties) +
                              ", so that one cohort holds all parties; or secure.ring_bits = 32"}};
  const auto refuse = [&](std::string_view key, const std::string& setting, std::span<const Rule> own) {
    for (const std::span<const Rule> rules : {std::span<const Rule>(common), own}) {
      for (const Rule& rule : rules) {
        if (rule.broken) return add(findings, key, setting + " " + rule.reason, rule.hint);
      }
    }
  };
  if (config.secure.sparsify < 1) {
    std::string setting = "secure.sparsify = " + toml_number(config.secure.sparsify);
    refuse("secure.sparsify", setting, sparse);
  }
  if (config.secure.ring_bits == 16) refuse("secure.ring_bits", "secure.ring_bits = 16", narrow);
}

void check_epidemic(const RunConfig& config, Findings& findings) {
  if (config.strategy != "epidemic" || config.parties < 2 || config.epidemic.fanout < config.parties) return;
  add(findings, "epidemic.fanout",
      "epidemic.fanout = " + std::to_string(config.epidemic.fanout) + ", but a party has only " +
          std::to_string(config.parties - 1) + " peers",
      "a fan-out of log2(parties) is usually enough");
}

void check_times(const RunConfig& config, Findings& findings) {
  if (config.deadline.ceiling_ms < config.deadline.floor_ms) {
    add(findings, "deadline.ceiling_ms", "deadline.ceiling_ms is less than deadline.floor_ms", "swap them");
  }
  if (config.faults.end_ms < config.faults.start_ms) {
    add(findings, "faults.end_ms", "faults.end_ms is before faults.start_ms", "swap them");
  }
  if (config.faults.partition_end_ms < config.faults.partition_start_ms) {
    add(findings, "faults.partition_end_ms", "faults.partition_end_ms is before faults.partition_start_ms",
        "swap them; equal values mean that the network is not split");
  }
}

void check_data(const RunConfig& config, Findings& findings) {
  const learn::DataOptions& data = config.data;
  const bool idx = data.dataset == "idx";
  const bool files = idx || data.dataset == "csv" || data.dataset == "libsvm";
  if (files && data.path.empty()) {
    add(findings, "data.dataset", "data.dataset = \"" + data.dataset + "\" needs data.path",
        "data.path is the file with the training rows, relative to the configuration file");
  }
  if (!files && (!data.path.empty() || !data.test_path.empty())) {
    add(findings, data.path.empty() ? "data.test_path" : "data.path",
        "the data set " + data.dataset + " does not read your own files",
        "for your own files, set data.dataset to csv, libsvm or idx");
  }
  if (data.dataset == "csv" && config.schema_path.empty()) {
    add(findings, "data.dataset", "data.dataset = \"csv\" needs data.schema",
        "`hansa data describe FILE --schema` writes a schema to start from");
  }
  if (idx && data.labels_path.empty()) {
    add(findings, "data.dataset", "data.dataset = \"idx\" needs data.labels_path",
        "IDX keeps images and labels in two files");
  }
  if (idx && data.test_path.empty() != data.test_labels_path.empty()) {
    add(findings, data.test_path.empty() ? "data.test_labels_path" : "data.test_path",
        "data.test_path and data.test_labels_path belong together", "give both, or neither");
  }
}

}  // namespace

std::vector<Finding> check_combinations(const RunConfig& config) {
  Findings findings;
  for (auto* check :
       {check_rounds, check_cohort, check_secure, check_compression, check_epidemic, check_times, check_data})
    check(config, findings);
  return findings;
}

}  // namespace hansa::config
