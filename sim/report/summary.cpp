// summary.json and rounds.jsonl. Keys are written in a fixed order; NaN and infinity become null, since JSON
// has neither; bytes that are not UTF-8 (a group name from somebody's file) become U+FFFD rather than an
// exception.
#include "sim/report/summary.hpp"

#include "sim/report/report.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace hansa::sim {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json numbers(const std::map<std::string, double>& values) {
  Json object = Json::object();
  for (const auto& [key, value] : values) object[key] = number(value);
  return object;
}

Json numbers(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double value : values) array.push_back(number(value));
  return array;
}

Json spreads(const std::map<std::string, Spread>& values) {
  Json object = Json::object();
  for (const auto& [key, spread] : values) {
    object[key] = {{"mean", number(spread.mean)},
                   {"min", number(spread.min)},
                   {"max", number(spread.max)},
                   {"std", number(spread.stddev)}};
  }
  return object;
}

Json baseline(const std::map<std::string, double>& values) {
  return values.empty() ? Json(nullptr) : numbers(values);
}

Json missing_list(const RunResult& result) {
  Json list = Json::array();
  for (const MissingPeer& missing : result.missing) {
    list.push_back({{"party", missing.party},
                    {"party_name", party_name(result, missing.party)},
                    {"peer", missing.peer},
                    {"peer_name", party_name(result, missing.peer)},
                    {"times", missing.times},
                    {"reason", missing.reason}});
  }
  return list;
}

Json names_list(const RunResult& result) {
  Json list = Json::array();
  for (const PartyRecord& party : result.parties) list.push_back(party.name);
  return list;
}

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void add_what_ran(Json& out, const RunResult& result) {
  out["schema"] = "hansa.summary/1";
  out["program"] = {{"version", result.program_version}, {"commit", result.program_commit}};
  out["name"] = result.config.name;
  out["seed"] = result.config.seed;
  out["threads"] = result.threads;
  out["clock"] = result.clock;
  out["interrupted"] = result.interrupted;
  out["parties"] = result.config.parties;
  out["rounds"] = result.config.rounds;
  const RoundRecord* last = last_round(result);
  out["rounds_completed"] = last != nullptr ? last->round : 0;
  out["model"] = result.config.model;
  out["parameters"] = result.parameters;
  out["strategy"] = result.config.strategy;
  out["aggregation"] = result.config.aggregation;
  out["topology"] = topology_name(result.config);
  out["spectral_gap"] = number(result.spectral_gap);
  out["dataset"] = result.config.data.dataset;
  out["train_rows"] = result.train_rows;
  out["test_rows"] = result.test_rows;
  out["party_names"] = names_list(result);
}

void add_what_came_out(Json& out, const RunResult& result) {
  const RoundRecord* last = last_round(result);
  out["primary_metric"] = result.primary_metric;
  out["final"] = spreads(final_metrics(result));
  out["mean_model"] = last != nullptr ? numbers(last->mean_model) : Json::object();
  out["baselines"] = {{"local_only", baseline(result.baseline_local_only)},
                      {"pooled", baseline(result.baseline_pooled)}};
  out["consensus_distance"] = number(last != nullptr ? last->consensus_distance : kNaN);
  out["models_hash"] = result.models_hash;
}

void add_what_it_cost(Json& out, const RunResult& result) {
  out["virtual_seconds"] = number(result.virtual_seconds);
  out["wall_seconds"] = number(result.wall_seconds);
  out["cpu_seconds"] = number(result.cpu_seconds);
  out["baseline_seconds"] = number(result.baseline_seconds);
  out["node_rounds"] = result.node_rounds;
  out["node_rounds_per_cpu_second"] = number(node_rounds_per_cpu_second(result));
  out["efficiency"] = number(result.efficiency);
  out["ideal_seconds"] = number(result.ideal_seconds);
  out["flop"] = number(result.flop);
  out["bytes_touched"] = number(result.bytes_touched);
  out["peak_flops"] = number(result.peak_flops);
  out["peak_bandwidth"] = number(result.peak_bandwidth);
  out["events"] = result.events;
  out["peak_rss_bytes"] = result.peak_rss_bytes;
  out["bytes"] = {{"sent_total", result.bytes_sent_total},
                  {"sent_per_party_mean", number(bytes_per_party(result))}};
  out["messages"] = {{"lost", result.messages_lost}, {"duplicated", result.messages_duplicated}};
  if (result.config.aggregation == "secure") {
    out["secure"] = {
        {"sessions", result.sums.sessions}, {"completed", result.sums.completed},
        {"aborted", result.sums.aborted},   {"dropouts_recovered", result.sums.dropouts_recovered},
        {"refused", result.sums.refused},   {"caught", result.sums.caught}};
    const auto& exposed = result.sums.inputs_exposed;
    out["secure"]["inputs_exposed"] = exposed ? Json(*exposed) : Json();
  }
  if (!result.beacon.beacon.empty() || !result.beacon.others.empty()) {
    out["beacon"] = {{"value", result.beacon.beacon},
                     {"attempts", result.beacon.attempts},
                     {"members", result.beacon.members},
                     {"left_out", result.beacon.others}};
  }
  out["missing"] = missing_list(result);
}

}  // namespace

std::string topology_name(const config::RunConfig& config) {
  if (config.strategy == "epidemic") return "random with fanout " + std::to_string(config.epidemic.fanout);
  if (config.strategy != "cohort") return config.topology.name;
  return config.cohort.grid ? "cohorts on a grid" : "cohorts of " + std::to_string(config.cohort.size);
}

Spread spread_of(const std::vector<double>& values) {
  std::size_t count = 0;
  double sum = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    ++count;
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (count == 0) return {kNaN, kNaN, kNaN, kNaN};
  const double mean = sum / static_cast<double>(count);
  double squares = 0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  return {mean, low, high, std::sqrt(squares / static_cast<double>(count))};
}

std::map<std::string, Spread> final_metrics(const RunResult& result) {
  std::map<std::string, std::vector<double>> values;
  for (const PartyRecord& party : result.parties) {
    for (const auto& [key, value] : party.metrics) values[key].push_back(value);
  }
  std::map<std::string, Spread> spreads;
  for (const auto& [key, list] : values) spreads[key] = spread_of(list);
  if (spreads.empty() && !result.rounds.empty()) spreads = result.rounds.back().metrics;
  return spreads;
}

const RoundRecord* last_round(const RunResult& result) {
  return result.rounds.empty() ? nullptr : &result.rounds.back();
}

double value_or_nan(const std::map<std::string, double>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? kNaN : found->second;
}

std::string party_name(const RunResult& result, std::size_t party) {
  if (party < result.parties.size() && !result.parties[party].name.empty()) return result.parties[party].name;
  return "party " + std::to_string(party);
}

double bytes_per_party(const RunResult& result) {
  if (result.config.parties == 0) return kNaN;
  return static_cast<double>(result.bytes_sent_total) / result.config.parties;
}

double node_rounds_per_cpu_second(const RunResult& result) {
  if (!(result.cpu_seconds > 0)) return kNaN;
  return static_cast<double>(result.node_rounds) / result.cpu_seconds;
}

std::string summary_json(const RunResult& result) {
  Json out;
  add_what_ran(out, result);
  add_what_came_out(out, result);
  add_what_it_cost(out, result);
  return dump(out, 2) + "\n";
}

std::string rounds_jsonl(const RunResult& result) {
  std::string lines;
  for (const RoundRecord& record : result.rounds) {
    Json line;
    line["round"] = record.round;
    line["virtual_seconds"] = number(record.virtual_seconds);
    line["loss"] = number(record.loss);
    line["metrics"] = spreads(record.metrics);
    line["mean_model"] = numbers(record.mean_model);
    line["consensus_distance"] = number(record.consensus_distance);
    line["mbytes_per_party"] = number(record.mbytes_per_party);
    line["parties_reporting"] = record.parties_reporting;
    line["missing"] = record.missing;
    line["party_metric"] = numbers(record.party_metric);
    line["party_loss"] = numbers(record.party_loss);
    lines += dump(line, -1) + "\n";
  }
  return lines;
}

}  // namespace hansa::sim
