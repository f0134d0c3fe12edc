// Figures that both the JSON files and the page need, computed in one place so that they cannot disagree.
#pragma once

#include "sim/run_result.hpp"

#include <map>
#include <string>
#include <vector>

namespace hansa::sim {

/// Population mean, extremes and standard deviation of the finite values; all NaN if there are none.
Spread spread_of(const std::vector<double>& values);

/// Every metric over the parties' final models; falls back to the last evaluated round if no party has
/// metrics.
std::map<std::string, Spread> final_metrics(const RunResult& result);

/// The last evaluated round, or null.
const RoundRecord* last_round(const RunResult& result);

/// `map[key]`, or NaN.
double value_or_nan(const std::map<std::string, double>& map, const std::string& key);

/// Name of a party, also for an id that is not in the list.
std::string party_name(const RunResult& result, std::size_t party);

/// Mean bytes sent per party; NaN without parties.
double bytes_per_party(const RunResult& result);

/// Node-rounds per CPU second; NaN if no CPU time was measured.
double node_rounds_per_cpu_second(const RunResult& result);

/// Who talks to whom, in a word or two: the name of the topology, or what the strategy draws instead of one.
[[nodiscard]] std::string topology_name(const config::RunConfig& config);

}  // namespace hansa::sim
