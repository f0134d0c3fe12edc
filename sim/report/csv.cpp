// accuracies.csv and client_statistics.csv, with the column names that decentralized-learning simulators
// share.
#include "sim/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace hansa::sim {
namespace {

/// Quotes a field if it must be (RFC 4180).
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

/// Shortest text that reads back as the same double; nothing for NaN and infinity.
std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string();
}

double at_or_nan(const std::vector<double>& values, std::size_t i) {
  return i < values.size() ? values[i] : NAN;
}

}  // namespace

std::string accuracies_csv(const RunResult& result) {
  const config::RunConfig& config = result.config;
  const bool has_alpha = config.partition.kind == "dirichlet" || config.partition.kind == "quantity-skew";
  const std::string prefix =
      fmt::format("{},{},{},{}", csv_field(config.strategy), csv_field(config.data.dataset),
                  csv_field(config.partition.kind), has_alpha ? csv_number(config.partition.alpha) : "");
  std::string out = "algorithm,dataset,partitioner,alpha,peer,round,time,accuracy,loss\n";
  for (const RoundRecord& record : result.rounds) {
    const std::size_t peers = std::max(record.party_metric.size(), record.party_loss.size());
    for (std::size_t peer = 0; peer < peers; ++peer) {
      fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{}\n", prefix, peer, record.round,
                     csv_number(record.virtual_seconds), csv_number(at_or_nan(record.party_metric, peer)),
                     csv_number(at_or_nan(record.party_loss, peer)));
    }
  }
  return out;
}

std::string client_statistics_csv(const RunResult& result) {
  std::string out = "client,bytes_sent,bytes_received,compute_time,training_speed,bandwidth\n";
  for (std::size_t i = 0; i < result.parties.size(); ++i) {
    const PartyRecord& party = result.parties[i];
    fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{}\n", i, party.bytes_sent, party.bytes_received,
                   csv_number(party.compute_seconds), csv_number(party.rows_per_second),
                   csv_number(party.bandwidth_mbps));
  }
  return out;
}

}  // namespace hansa::sim
