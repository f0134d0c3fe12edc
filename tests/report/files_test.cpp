// summary.json, rounds.jsonl and the CSV files: every documented key and column is there, what does not exist
// is null or empty, and what is written reads back.
#include "sim/report/report.hpp"
#include "sim/report/summary.hpp"
#include "tests/report/sample_run.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace hansa::sim {
namespace {

using Json = nlohmann::json;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

TEST(Summary, HoldsEveryDocumentedKey) {
  const Json json = Json::parse(summary_json(test::sample_run()));
  for (const char* pointer : {"/schema",
                              "/program/version",
                              "/program/commit",
                              "/name",
                              "/seed",
                              "/threads",
                              "/clock",
                              "/interrupted",
                              "/parties",
                              "/rounds",
                              "/rounds_completed",
                              "/model",
                              "/parameters",
                              "/strategy",
                              "/aggregation",
                              "/topology",
                              "/spectral_gap",
                              "/dataset",
                              "/train_rows",
                              "/test_rows",
                              "/party_names",
                              "/primary_metric",
                              "/final/auc/mean",
                              "/final/auc/min",
                              "/final/auc/max",
                              "/final/auc/std",
                              "/final/accuracy/mean",
                              "/final/ks/mean",
                              "/final/lift5/mean",
                              "/final/lift10/mean",
                              "/final/log_loss/mean",
                              "/mean_model/auc",
                              "/baselines/local_only/auc",
                              "/baselines/pooled/auc",
                              "/consensus_distance",
                              "/models_hash",
                              "/virtual_seconds",
                              "/wall_seconds",
                              "/cpu_seconds",
                              "/baseline_seconds",
                              "/node_rounds",
                              "/node_rounds_per_cpu_second",
                              "/efficiency",
                              "/ideal_seconds",
                              "/flop",
                              "/bytes_touched",
                              "/peak_flops",
                              "/peak_bandwidth",
                              "/events",
                              "/peak_rss_bytes",
                              "/bytes/sent_total",
                              "/bytes/sent_per_party_mean",
                              "/messages/lost",
                              "/messages/duplicated",
                              "/missing/0/party",
                              "/missing/0/party_name",
                              "/missing/0/peer",
                              "/missing/0/peer_name",
                              "/missing/0/times",
                              "/missing/0/reason"}) {
    const Json::json_pointer at(pointer);
    ASSERT_TRUE(json.contains(at)) << pointer;
    EXPECT_FALSE(json.at(at).is_null()) << pointer;
  }
}

TEST(Summary, EveryKeyIsDocumented) {
  std::ifstream file(std::string(HANSA_SOURCE_DIR) + "/docs/outputs.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(page.empty());
  const std::string rounds = rounds_jsonl(test::sample_run());
  const Json objects[] = {Json::parse(summary_json(test::sample_run())),
                          Json::parse(rounds.substr(0, rounds.find('\n')))};
  for (const Json& object : objects) {
    for (const auto& [key, value] : object.items()) {
      EXPECT_TRUE(page.find("`" + key + "`") != std::string::npos ||
                  page.find("`" + key + ".") != std::string::npos)
          << key;
    }
  }
}

TEST(Summary, ValuesAreThoseOfTheRun) {
  const RunResult run = test::sample_run();
  const Json json = Json::parse(summary_json(run));
  EXPECT_EQ(json["schema"], "hansa.summary/1");
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["parties"], 12);
  EXPECT_EQ(json["rounds_completed"], 40);
  EXPECT_EQ(json["topology"], "k-regular");
  EXPECT_EQ(json["models_hash"], run.models_hash);
  EXPECT_DOUBLE_EQ(json["baselines"]["pooled"]["auc"], 0.7734);
  EXPECT_DOUBLE_EQ(json["consensus_distance"], run.rounds.back().consensus_distance);
  EXPECT_DOUBLE_EQ(json["node_rounds_per_cpu_second"], 480 / 4.2);
  EXPECT_DOUBLE_EQ(json["bytes"]["sent_per_party_mean"], static_cast<double>(run.bytes_sent_total) / 12);
  EXPECT_EQ(json["missing"].size(), 2U);
  EXPECT_EQ(json["missing"][0]["party_name"], "admin.");
  double sum = 0;
  double low = 1;
  for (const PartyRecord& party : run.parties) {
    sum += party.metrics.at("auc");
    low = std::min(low, party.metrics.at("auc"));
  }
  EXPECT_NEAR(json["final"]["auc"]["mean"].get<double>(), sum / 12, 1e-15);
  EXPECT_DOUBLE_EQ(json["final"]["auc"]["min"], low);
}

TEST(Summary, KeysKeepTheirOrder) {
  const auto json = nlohmann::ordered_json::parse(summary_json(test::sample_run()));
  EXPECT_EQ(json.begin().key(), "schema");
  EXPECT_EQ(std::prev(json.end()).key(), "missing");
  EXPECT_EQ(summary_json(test::sample_run()), summary_json(test::sample_run()));
}

TEST(Summary, WhatDoesNotExistIsNull) {
  RunResult run = test::sample_run();
  run.baseline_local_only.clear();
  run.baseline_pooled["auc"] = kNaN;
  run.spectral_gap = kNaN;
  run.cpu_seconds = 0;
  run.efficiency = std::numeric_limits<double>::infinity();
  for (PartyRecord& party : run.parties) party.metrics["ks"] = kNaN;
  const Json json = Json::parse(summary_json(run));
  EXPECT_TRUE(json["baselines"]["local_only"].is_null());
  EXPECT_TRUE(json["baselines"]["pooled"]["auc"].is_null());
  EXPECT_TRUE(json["spectral_gap"].is_null());
  EXPECT_TRUE(json["node_rounds_per_cpu_second"].is_null());
  EXPECT_TRUE(json["efficiency"].is_null());
  EXPECT_TRUE(json["final"]["ks"]["mean"].is_null());
}

TEST(Summary, SecureRunsSayWhatBecameOfTheirSums) {
  RunResult run = test::sample_run();
  EXPECT_FALSE(Json::parse(summary_json(run)).contains("secure"));
  run.config.aggregation = "secure";
  run.sums = {.sessions = 9, .completed = 6, .aborted = 3, .dropouts_recovered = 2, .inputs_exposed = 4};
  const Json secure = Json::parse(summary_json(run))["secure"];
  EXPECT_EQ(secure["sessions"], 9);
  EXPECT_EQ(secure["completed"], 6);
  EXPECT_EQ(secure["aborted"], 3);
  EXPECT_EQ(secure["dropouts_recovered"], 2);
  EXPECT_EQ(secure["inputs_exposed"], 4);
  run.sums.inputs_exposed.reset();  // nobody watched: that is not the same as none
  EXPECT_TRUE(Json::parse(summary_json(run))["secure"]["inputs_exposed"].is_null());
}

TEST(Summary, EmptyRunStillParses) {
  const Json json = Json::parse(summary_json(RunResult{}));
  EXPECT_EQ(json["rounds_completed"], 0);
  EXPECT_TRUE(json["consensus_distance"].is_null());
  EXPECT_TRUE(json["bytes"]["sent_per_party_mean"].is_null());
  EXPECT_TRUE(json["final"].empty());
}

TEST(Summary, NamesThatAreNotUtf8DoNotThrow) {
  RunResult run = test::sample_run();
  run.parties[0].name = "caf\xe9";
  run.missing[0].party = 0;
  EXPECT_EQ(Json::parse(summary_json(run))["party_names"][0], "caf\xef\xbf\xbd");
}

TEST(Spread, IgnoresWhatIsNotFinite) {
  const Spread spread = spread_of({1, kNaN, 3, std::numeric_limits<double>::infinity()});
  EXPECT_DOUBLE_EQ(spread.mean, 2);
  EXPECT_DOUBLE_EQ(spread.min, 1);
  EXPECT_DOUBLE_EQ(spread.max, 3);
  EXPECT_DOUBLE_EQ(spread.stddev, 1);
  EXPECT_TRUE(std::isnan(spread_of({}).mean));
}

TEST(Rounds, OneObjectPerEvaluatedRound) {
  RunResult run = test::sample_run();
  run.rounds[3].party_metric[1] = kNaN;
  const auto lines = lines_of(rounds_jsonl(run));
  ASSERT_EQ(lines.size(), run.rounds.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Json json = Json::parse(lines[i]);
    EXPECT_EQ(json["round"], i);
    EXPECT_EQ(json["party_metric"].size(), 12U);
    EXPECT_DOUBLE_EQ(json["metrics"]["auc"]["mean"], run.rounds[i].metrics["auc"].mean);
    EXPECT_DOUBLE_EQ(json["virtual_seconds"], run.rounds[i].virtual_seconds);
    for (const char* key : {"loss", "mean_model", "consensus_distance", "mbytes_per_party",
                            "parties_reporting", "missing", "party_loss"}) {
      EXPECT_TRUE(json.contains(key)) << key;
    }
  }
  EXPECT_TRUE(Json::parse(lines[3])["party_metric"][1].is_null());
}

TEST(Csv, AccuraciesHaveOneLinePerRoundAndParty) {
  RunResult run = test::sample_run();
  run.config.partition.kind = "dirichlet";
  run.config.partition.alpha = 0.3;
  run.rounds[2].party_metric[5] = kNaN;
  const auto lines = lines_of(accuracies_csv(run));
  ASSERT_EQ(lines.size(), 1 + run.rounds.size() * 12);
  EXPECT_EQ(lines[0], "algorithm,dataset,partitioner,alpha,peer,round,time,accuracy,loss");
  for (const std::string& line : lines) EXPECT_EQ(fields_of(line).size(), 9U) << line;
  const auto fields = fields_of(lines[1 + 12 * 2 + 5]);
  EXPECT_EQ(fields[0], "d-psgd");
  EXPECT_EQ(fields[1], "bank-marketing");
  EXPECT_EQ(fields[3], "0.3");
  EXPECT_EQ(fields[4], "5");
  EXPECT_EQ(fields[5], "2");
  EXPECT_EQ(std::stod(fields[6]), run.rounds[2].virtual_seconds);
  EXPECT_EQ(fields[7], "");
  EXPECT_EQ(std::stod(fields[8]), run.rounds[2].party_loss[5]);
}

TEST(Csv, AlphaIsEmptyWhereThePartitionHasNone) {
  const auto lines = lines_of(accuracies_csv(test::sample_run()));
  EXPECT_EQ(fields_of(lines[1])[3], "");
}

TEST(Csv, TextWithSeparatorsIsQuoted) {
  RunResult run = test::sample_run();
  run.config.data.dataset = "my,\"set\"";
  const auto lines = lines_of(accuracies_csv(run));
  EXPECT_NE(lines[1].find("\"my,\"\"set\"\"\""), std::string::npos) << lines[1];
  EXPECT_EQ(fields_of(lines[1]).size(), 9U);
}

TEST(Csv, ClientStatisticsHaveOneLinePerParty) {
  const RunResult run = test::sample_run();
  const auto lines = lines_of(client_statistics_csv(run));
  ASSERT_EQ(lines.size(), 13U);
  EXPECT_EQ(lines[0], "client,bytes_sent,bytes_received,compute_time,training_speed,bandwidth");
  const auto fields = fields_of(lines[4]);
  ASSERT_EQ(fields.size(), 6U);
  EXPECT_EQ(fields[0], "3");
  EXPECT_EQ(fields[1], std::to_string(run.parties[3].bytes_sent));
  EXPECT_EQ(std::stod(fields[3]), run.parties[3].compute_seconds);
  EXPECT_EQ(fields[5], "100");
}

}  // namespace
}  // namespace hansa::sim
