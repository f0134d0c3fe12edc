// A finished run with figures of a plausible shape, made up by formula: 12 branches, 40 rounds, a few faults.
#pragma once

#include "sim/run_result.hpp"

#include <hansa/rng.hpp>

#include <cmath>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

namespace hansa::sim::test {

/// A number in [-1, 1) that depends on nothing but its arguments.
inline double noise(std::uint64_t a, std::uint64_t b) {
  return static_cast<double>(mix64(a * 1000003 + b) >> 11) / 4503599627370496.0 - 1.0;
}

inline config::RunConfig sample_config(std::uint32_t parties, std::uint32_t rounds) {
  config::RunConfig config;
  config.name = "bank branches";
  config.parties = parties;
  config.rounds = rounds;
  config.seed = 7;
  config.model = "fm";
  config.strategy = "d-psgd";
  config.data.dataset = "bank-marketing";
  config.partition.kind = "by-column";
  config.topology.name = "k-regular";
  return config;
}

inline PartyRecord sample_party(std::uint32_t i) {
  static const char* const kNames[] = {"management", "blue-collar", "technician",    "admin.",
                                       "services",   "retired",     "self-employed", "entrepreneur",
                                       "unemployed", "housemaid",   "student",       "unknown"};
  static const std::uint64_t kRows[] = {6600, 6800, 5300, 3600, 2900, 1580, 1100, 1040, 910, 870, 650, 200};
  PartyRecord party;
  const std::uint64_t rows = kRows[i % std::size(kRows)];
  party.name = i < std::size(kNames) ? kNames[i] : "party " + std::to_string(i);
  party.train_rows = rows;
  party.bytes_sent = 1'400'000 + 1000 * i;
  party.bytes_received = 1'390'000 + 900 * i;
  party.messages_sent = party.messages_received = 160;
  party.compute_seconds = static_cast<double>(rows) * 40 / 20000;
  party.rows_per_second = 20000;
  party.bandwidth_mbps = 100;
  party.rounds_completed = 40;
  party.missed_peers = i == 3 ? 5 : i == 7 ? 2 : 0;
  party.crashes = i == 4 ? 1 : 0;
  party.skipped_rounds = i == 4 ? 2 : 0;
  const double auc = 0.7712 + 0.0016 * noise(i, 1);
  const double alone = 0.756 - 0.11 / std::sqrt(static_cast<double>(rows) / 300.0) + 0.012 * noise(i, 2);
  party.metrics = {{"auc", auc},
                   {"accuracy", 0.887 + 0.002 * noise(i, 3)},
                   {"ks", 0.43 + 0.004 * noise(i, 4)},
                   {"lift5", 4.6 + 0.05 * noise(i, 5)},
                   {"lift10", 3.5 + 0.05 * noise(i, 6)},
                   {"log_loss", 0.302 + 0.002 * noise(i, 7)}};
  party.local_only = {{"auc", alone}, {"accuracy", 0.88}, {"log_loss", 0.34}};
  return party;
}

inline RoundRecord sample_round(const RunResult& result, Round round) {
  RoundRecord record;
  record.round = round;
  const double t = round;
  const double progress = 1 - std::exp(-t / 7);
  const double mean = 0.5 + (0.7712 - 0.5) * progress + 0.0015 * noise(round, 9);
  record.virtual_seconds = t * 0.41 + 0.02 * std::abs(noise(round, 10));
  record.loss = 0.31 + 0.38 * std::exp(-t / 5) + 0.004 * noise(round, 11);
  const double width = round == 0 ? 0 : 0.05 * std::exp(-t / 10) + 0.0016;
  record.metrics["auc"] = {mean, mean - width, mean + 0.7 * width, width / 2};
  record.metrics["accuracy"] = {0.887, 0.885, 0.889, 0.001};
  record.metrics["log_loss"] = {0.302, 0.30, 0.304, 0.001};
  record.mean_model = {{"auc", mean + 0.003 * progress}, {"accuracy", 0.888}, {"log_loss", 0.301}};
  record.consensus_distance = round == 0 ? 0 : 0.02 + 1.8 * std::exp(-t / 6) * (1 + 0.1 * noise(round, 12));
  record.mbytes_per_party = 0.0351 * t;
  record.parties_reporting = result.config.parties;
  record.missing = round == 9 ? 5 : 0;
  for (std::uint32_t i = 0; i < result.config.parties; ++i) {
    record.party_metric.push_back(mean + width * noise(i, round));
    record.party_loss.push_back(0.3 + 0.01 * noise(i, round + 100));
  }
  return record;
}

/// Ring plus chords: every party has four neighbours.
inline std::vector<topology::Edge> sample_edges(std::uint32_t parties) {
  std::vector<topology::Edge> edges;
  for (std::uint32_t i = 0; i < parties; ++i) {
    edges.push_back({i, (i + 1) % parties});
    edges.push_back({i, (i + 5) % parties});
  }
  return edges;
}

inline void sample_costs(RunResult& result) {
  result.virtual_seconds = 16.42;
  result.wall_seconds = 9.8;
  result.cpu_seconds = 4.2;
  result.baseline_seconds = 3.1;
  result.node_rounds = std::uint64_t{result.config.parties} * result.config.rounds;
  result.events = 3921;
  result.peak_rss_bytes = 61'000'000;
  for (const PartyRecord& party : result.parties) result.bytes_sent_total += party.bytes_sent;
  result.messages_lost = 7;
  result.flop = 4.1e9;
  result.bytes_touched = 9.2e9;
  result.peak_flops = 4.8e10;
  result.peak_bandwidth = 9.5e9;
  result.ideal_seconds = 0.97;
  result.efficiency = 0.97 / 4.2;
}

inline RunResult sample_run(std::uint32_t parties = 12, std::uint32_t rounds = 40) {
  RunResult result;
  result.config = sample_config(parties, rounds);
  result.program_version = "0.1.0";
  result.program_commit = "0123abc";
  result.threads = 2;
  result.primary_metric = "auc";
  result.dataset_summary = "bank-marketing: 31,591 training rows, 13,620 test rows, 12 branches by job";
  result.train_rows = 31591;
  result.test_rows = 13620;
  result.features = 107;
  result.parameters = 964;
  result.spectral_gap = 0.2764;
  result.edges = sample_edges(parties);
  for (std::uint32_t i = 0; i < parties; ++i) result.parties.push_back(sample_party(i));
  for (Round round = 0; round <= rounds; ++round) result.rounds.push_back(sample_round(result, round));
  result.missing = {{3, 4, 5, "deadline"}, {7, 4, 2, "suspected"}};
  result.baseline_local_only = {{"auc", 0.7251}, {"accuracy", 0.88}, {"log_loss", 0.34}};
  result.baseline_pooled = {{"auc", 0.7734}, {"accuracy", 0.889}, {"log_loss", 0.300}};
  for (std::uint32_t i = 0; i < parties; ++i) {
    Parameters model = Parameters::zeros(5);
    for (std::size_t k = 0; k < 5; ++k)
      model.data()[k] = static_cast<float>(i) + 0.25f * static_cast<float>(k);
    result.models.push_back(std::move(model).freeze());
  }
  result.models_hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  sample_costs(result);
  return result;
}

}  // namespace hansa::sim::test
