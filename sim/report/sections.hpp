// The pieces of the page below the charts and above them: each returns HTML, escaped, and computes nothing
// that the JSON files do not also say.
#pragma once

#include "sim/run_result.hpp"

#include <string>

namespace hansa::sim {

/// One sentence in plain language: how well the parties do together, alone, and with all data in one place.
std::string verdict_html(const RunResult& result);
/// What follows from it: who gains, how much of the gap is closed, whether the run was cut short.
std::string judgement_html(const RunResult& result);
/// The row of key figures.
std::string key_figures_html(const RunResult& result);
/// What the parties' neighbours get to see.
std::string protection_html(const RunResult& result);
/// Who went on without whom, and why.
std::string missing_html(const RunResult& result);

/// All metrics: over parties, of the averaged model, of the baselines.
std::string metrics_table_html(const RunResult& result);
/// One line per party.
std::string party_table_html(const RunResult& result);
/// How to repeat the run, and what it took.
std::string facts_html(const RunResult& result);

}  // namespace hansa::sim
