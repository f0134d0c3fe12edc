// Baselines are shown with their difference, signed so that + is always better.
#include "cli/verdict.hpp"

#include "cli/display.hpp"
#include "sim/report/summary.hpp"

#include <fmt/format.h>

#include <cmath>

namespace hansa::cli {

namespace {

std::string line(std::string_view key, const std::string& value) {
  return fmt::format("  {:<19}{}\n", key, value);
}

std::string against(const sim::RunResult& result, const std::map<std::string, double>& baseline,
                    double mean) {
  const auto found = baseline.find(result.primary_metric);
  if (found == baseline.end() || !std::isfinite(found->second)) return "";
  const double gain = result.larger_is_better ? mean - found->second : found->second - mean;
  return fmt::format("{:.4f}   ({} by {:.4f})", found->second, gain >= 0 ? "beaten" : "missed",
                     std::fabs(gain));
}

std::string bytes_text(double bytes) {
  return bytes < 1e5 ? fmt::format("{:.1f} kB", bytes / 1e3) : fmt::format("{:.2f} MB", bytes / 1e6);
}

std::string work_line(const sim::RunResult& result) {
  return fmt::format("{} of {} time; {:.2f} s wall, {:.2f} s CPU, {:.0f} node-rounds per CPU second",
                     duration_text(result.virtual_seconds), result.clock, result.wall_seconds,
                     result.cpu_seconds, sim::node_rounds_per_cpu_second(result));
}

std::string missing_line(const sim::RunResult& result) {
  std::uint64_t times = 0;
  for (const sim::MissingPeer& missing : result.missing) times += missing.times;
  return fmt::format("{} time{} a party went on without a peer (see the report)", times,
                     times == 1 ? "" : "s");
}

}  // namespace

std::string verdict_text(const sim::RunResult& result, const std::string& folder) {
  const config::RunConfig& config = result.config;
  std::string out =
      fmt::format("{}{}: {} parties, {} rounds, {} with {} on {} ({} parameters)\n",
                  result.interrupted ? "interrupted: " : "", config.name, config.parties, config.rounds,
                  config.model, config.strategy, config.data.dataset, result.parameters);
  const auto metrics = sim::final_metrics(result);
  const auto found = metrics.find(result.primary_metric);
  if (found != metrics.end()) {
    const sim::Spread& spread = found->second;
    out += line(result.primary_metric, fmt::format("{:.4f}   mean over parties, {:.4f} to {:.4f}",
                                                   spread.mean, spread.min, spread.max));
    const std::string alone = against(result, result.baseline_local_only, spread.mean);
    const std::string pooled = against(result, result.baseline_pooled, spread.mean);
    if (!alone.empty()) out += line("each party alone", alone);
    if (!pooled.empty()) out += line("all data pooled", pooled);
  }
  if (const sim::RoundRecord* last = sim::last_round(result); last != nullptr) {
    out += line("consensus distance", fmt::format("{:.3g}", last->consensus_distance));
  }
  out += line("sent", bytes_text(sim::bytes_per_party(result)) + " per party");
  out += line("time", work_line(result));
  if (result.efficiency > 0) {
    out += line("efficiency",
                fmt::format("{:.0f} % of what this machine could do at best", 100 * result.efficiency));
  }
  if (!result.missing.empty()) out += line("missing", missing_line(result));
  out += line("models", result.models_hash);
  out += line("report", folder + "/report.html");
  return out;
}

}  // namespace hansa::cli
