// From a finished run to files that people and programs read. One folder per run: the resolved configuration,
// the figures as JSON and CSV (column names as in common simulators, so that existing notebooks work), the
// final models, and one HTML page that opens anywhere without a network. docs/outputs.md describes every
// file, key and column.
#pragma once

#include "sim/run_result.hpp"

#include <hansa/result.hpp>

#include <string>

namespace hansa::sim {

/// Writes config.toml, summary.json, rounds.jsonl, accuracies.csv, client_statistics.csv, models.bin and
/// report.html into `folder`, which is created with its parents if it does not exist. Each file appears under
/// its name only when it is complete (written beside and renamed). Errors name the path and the reason.
Result<void> write_run_folder(const RunResult& result, const std::string& folder);

/// summary.json, schema "hansa.summary/1". Keys keep their order; values that do not exist are null.
std::string summary_json(const RunResult& result);

/// One JSON object per evaluated round, one per line.
std::string rounds_jsonl(const RunResult& result);

/// accuracies.csv: one line per evaluated round and party. Fields a party did not report are empty.
std::string accuracies_csv(const RunResult& result);

/// client_statistics.csv: one line per party.
std::string client_statistics_csv(const RunResult& result);

/// The self-contained page. Every text that came from data or configuration is escaped.
std::string report_html(const RunResult& result);

}  // namespace hansa::sim
