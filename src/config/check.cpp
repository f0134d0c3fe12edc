// One small function per subject. Keys that the chosen strategy, model or data set does not read are no
// error:
// `--set strategy=...` should work on any file. Contradictions among those that are read are.
#include "src/config/check.hpp"

#include <cmath>
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
  for (auto* check : {check_rounds, check_cohort, check_epidemic, check_times, check_data})
    check(config, findings);
  return findings;
}

}  // namespace hansa::config
