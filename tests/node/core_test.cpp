// Live nodes with real sockets: they found a roster, agree on a run, train it, and end with the bits of the
// simulator; a node that is killed comes back and ends with the others.
#include "src/node/core.hpp"

#include "protocols/bulk/layout.hpp"
#include "sim/experiment.hpp"
#include "src/http/metrics.hpp"
#include "src/node/sample_data.hpp"
#include "tests/node/consortium.hpp"
#include "tests/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <tuple>

namespace hansa::node {
namespace {

namespace fs = std::filesystem;
using testing::Consortium;
using testing::eventually;

class LiveNodes : public ::testing::Test {
 protected:
  void SetUp() override {
    base_ = temporary_.path();
    fs::create_directory(base_ / "data");
    auto data = write_sample_data(base_ / "data", kOrganisations);
    ASSERT_TRUE(data.ok()) << data.error().message;
    data_ = std::move(data).value();
  }

  [[nodiscard]] std::string manifest(const std::string& strategy, const std::string& aggregation,
                                     int rounds) const {
    std::ostringstream out;
    out << "name = \"bank\"\nrounds = " << rounds << "\nparties = 3\nseed = 5\nmodel = \"fm\"\nstrategy = \""
        << strategy << "\"\naggregation = \"" << aggregation
        << "\"\n[data]\ndataset = \"bank-marketing\"\n[topology]\nname = \"complete\"\nweights = "
           "\"sample-count\"\n[cohort]\nsize = 3\n[local]\nbatch_size = 8\n[eval]\nevery = 1\n";
    return out.str();
  }
  std::string propose_and_approve(Consortium& mesh, const std::string& text) {
    const auto run = mesh.core(0).propose_run({.manifest_toml = text, .schema_toml = schema()});
    EXPECT_TRUE(run.ok()) << run.error().message;
    if (!run.ok()) return "";
    for (std::size_t i = 0; i < mesh.size(); ++i) {
      EXPECT_TRUE(eventually([&] { return !state(mesh, i, *run).empty(); }));
      const auto approved = mesh.core(i).approve_run(
          {.run = *run, .data = data_.parties[i].string(), .test = data_.test.string()});
      EXPECT_TRUE(approved.ok()) << approved.error().message;
    }
    return *run;
  }
  [[nodiscard]] std::string schema() const {
    std::ifstream in(data_.schema);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Of a run at a node; empty if it does not know it. Runs of one second have no order.
  static std::string state(Consortium& mesh, std::size_t i, const std::string& run) {
    const auto view = mesh.core(i).view();
    const auto found = std::find_if(view->runs.begin(), view->runs.end(),
                                    [&](const http::RunView& known) { return known.id == run; });
    return found == view->runs.end() ? "" : found->state;
  }

  static constexpr std::uint32_t kOrganisations = 3;
  const test::TemporaryFolder temporary_;
  fs::path base_;
  SampleData data_;
};

/// Whether somebody takes connections at "127.0.0.1:port".
bool listens(const std::string& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  ::close(fd);
  return connected;
}

/// Entries of a kind in a node's audit log; none if it does not verify.
std::vector<store::AuditEntry> audited(const fs::path& folder, const std::string& kind) {
  std::vector<store::AuditEntry> found;
  const auto report = store::verify_log(folder);
  const auto entries = store::read_log(folder, 0, 10'000);
  EXPECT_TRUE(report && report->ok()) << (report ? report->problem : report.error().message);
  if (!report || !report->ok() || !entries) return found;
  for (const auto& [number, entry] : *entries) {
    if (entry.kind == kind) found.push_back(entry);
  }
  return found;
}

TEST_F(LiveNodes, AuditLogsHoldWhatHappenedAndAreCosignedByTheOthers) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  const std::string run = propose_and_approve(mesh, manifest("d-psgd", "plain", 1));
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    ASSERT_TRUE(eventually([&] { return state(mesh, i, run) == "complete"; })) << state(mesh, i, run);
  }
  const std::string model = mesh.core(0).final_model(run)->hash;
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    const fs::path folder = mesh[i].folder.audit();
    EXPECT_TRUE(eventually([&] {
      const auto report = store::verify_log(folder);
      return report && report->ok() && report->witnesses == kOrganisations - 1;
    })) << i;
    EXPECT_EQ(audited(folder, "node.started").size(), 1U);
    EXPECT_EQ(audited(folder, "roster.roster_changed").empty(), false);
    EXPECT_EQ(audited(folder, "run.proposed").size(), 1U);
    EXPECT_EQ(audited(folder, "run.approved").size(), kOrganisations);
    EXPECT_EQ(audited(folder, "run.begun").size(), 1U);
    const auto finished = audited(folder, "run.finished");
    ASSERT_EQ(finished.size(), kOrganisations);
    for (const store::AuditEntry& entry : finished) {
      EXPECT_NE(entry.text.find("\"model\":\"" + model + "\""), std::string::npos) << entry.text;
    }
    EXPECT_TRUE(audited(folder, "evidence").empty());
    EXPECT_EQ(mesh.core(i).view()->audit_head.size(), 64U);
    EXPECT_TRUE(eventually([&] {
      const auto view = mesh.core(i).view();
      return std::count_if(view->gauges.begin(), view->gauges.end(), [](const auto& gauge) {
               return gauge.first.starts_with("hansa_clock_skew_seconds{") && std::abs(gauge.second) < 1;
             }) == kOrganisations - 1;
    })) << i;
    mesh.stop(i);
    EXPECT_EQ(audited(folder, "node.stopped").size(), 1U);
    EXPECT_EQ(store::verify_log(folder)->head->head.size, store::verify_log(folder)->entries);
  }
}

TEST_F(LiveNodes, FoundTrainAndEndWithOneModel) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  for (const auto& [strategy, aggregation] : {std::pair("d-psgd", "plain"), std::pair("cohort", "secure")}) {
    SCOPED_TRACE(aggregation);
    const std::string run = propose_and_approve(mesh, manifest(strategy, aggregation, 3));
    for (std::size_t i = 0; i < kOrganisations; ++i) {
      EXPECT_TRUE(eventually([&] { return state(mesh, i, run) == "complete"; })) << state(mesh, i, run);
    }
    const auto first = mesh.core(0).final_model(run);
    ASSERT_TRUE(first.ok()) << first.error().message;
    for (std::size_t i = 1; i < kOrganisations; ++i) {
      EXPECT_EQ(mesh.core(i).final_model(run)->values, first->values);
    }
  }
}

TEST_F(LiveNodes, ShowWhatTheyDo) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  const std::string run = propose_and_approve(mesh, manifest("cohort", "secure", 2));
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    ASSERT_TRUE(eventually([&] { return state(mesh, i, run) == "complete"; })) << state(mesh, i, run);
  }
  const auto seen = [&] {
    const auto view = mesh.core(0).view();
    return view->counters.at("hansa_rounds_total") >= 2 && view->peers[0].bytes_sent > 0 &&
           view->peers[1].bytes_received > 0;
  };
  ASSERT_TRUE(eventually(seen));
  const auto view = mesh.core(0).view();
  EXPECT_EQ(view->roster.threshold, 3U);
  EXPECT_EQ(view->keys.certificate_serial, 1U);
  EXPECT_GT(view->counters.at("hansa_training_seconds_total"), 0);
  EXPECT_GE(view->counters.at("hansa_checkpoints_total"), 2);
  EXPECT_GT(view->counters.at("hansa_messages_received_total{type=\"round_message\"}"), 0);
  EXPECT_GT(view->gauges.at("hansa_disk_free_bytes"), 0);
  const std::string text = http::exposition(*view);
  for (const auto* all : {&view->counters, &view->gauges}) {
    for (const auto& [series, value] : *all) {
      EXPECT_NE(text.find("\n" + series + " "), std::string::npos) << series << " is not in the table";
    }
  }
  const std::vector<std::string>& privacy = view->runs.at(0).privacy;
  EXPECT_TRUE(std::any_of(privacy.begin(), privacy.end(),
                          [](const std::string& line) { return line.find("masked") != std::string::npos; }));
  const auto entries = mesh.core(0).audit_entries(1, 2);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ(entries->front().number, 1U);
  const auto last = mesh.core(0).audit_entries(std::nullopt, 3);
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->size(), 3U);
}

TEST_F(LiveNodes, TwoDoNotShareAFolder) {
  Consortium mesh(base_, 1);
  CoreOptions again;
  again.folder = mesh[0].folder;
  const std::uint64_t boot = mesh.core(0).view()->boot_id;
  const auto second = Core::open(std::move(again));
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another process"), std::string::npos) << second.error().message;
  mesh.stop(0);
  mesh.start(0);
  EXPECT_EQ(mesh.core(0).view()->boot_id, boot + 1) << "the other has changed nothing";
}

TEST_F(LiveNodes, LogAsMuchAsTheyAreToldTo) {
  Consortium mesh(base_, 1);
  EXPECT_FALSE(mesh.core(0).set_log_level("loud").ok());
  ASSERT_TRUE(mesh.core(0).set_log_level("warning").ok());
  const auto lines = [&](const std::string& text) {
    const std::vector<std::string> log = mesh[0].log();
    return std::count_if(log.begin(), log.end(),
                         [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  ASSERT_TRUE(mesh.core(0).drain(true).ok());
  EXPECT_EQ(lines("drains"), 0);
  ASSERT_TRUE(mesh.core(0).set_log_level("info").ok());
  ASSERT_TRUE(mesh.core(0).drain(true).ok());
  EXPECT_EQ(lines("drains"), 1);
}

TEST_F(LiveNodes, ModelsTooLargeForOneMessageTravelInChunks) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  std::string text = manifest("d-psgd", "plain", 2) + "[mlp]\nhidden = [4000]\n";
  text.replace(text.find("model = \"fm\""), 12, "model = \"mlp\"");
  const std::string run = propose_and_approve(mesh, text);
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    EXPECT_TRUE(eventually([&] { return state(mesh, i, run) == "complete"; })) << state(mesh, i, run);
  }
  const auto first = mesh.core(0).final_model(run);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_GT(first->values.size() * sizeof(float), 2 * std::size_t{protocols::bulk::kChunkBytes});
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    EXPECT_EQ(mesh.core(i).final_model(run)->values, first->values);
    const auto view = mesh.core(i).view();
    const auto& history = view->runs.front().history;
    EXPECT_TRUE(std::all_of(history.begin(), history.end(), [](const http::RoundView& round) {
      return round.missing.empty();
    })) << "a model did not come";
  }
}

TEST_F(LiveNodes, StoppedTrainingSaysNothingMore) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  const std::string run = propose_and_approve(mesh, manifest("d-psgd", "plain", 20'000));
  const auto view_of = [&](std::size_t i) {
    const auto view = mesh.core(i).view();
    return *std::find_if(view->runs.begin(), view->runs.end(),
                         [&](const http::RunView& known) { return known.id == run; });
  };
  ASSERT_TRUE(eventually([&] { return view_of(1).round >= 2; }));
  ASSERT_TRUE(mesh.core(1).stop_run(run, "the data was wrong").ok());
  const std::uint32_t stopped_at = view_of(1).round;
  ASSERT_TRUE(eventually([&] { return view_of(0).state == "stopped"; })) << view_of(0).state;
  // Another run goes its whole way after it; the stopped one has not moved meanwhile.
  const std::string next = propose_and_approve(mesh, manifest("d-psgd", "plain", 3));
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    ASSERT_TRUE(eventually([&] { return state(mesh, i, next) == "complete"; })) << state(mesh, i, next);
  }
  EXPECT_LE(view_of(1).round, stopped_at + 1);  // a round's report may have been on its way
  EXPECT_EQ(view_of(1).state, "stopped");
  EXPECT_TRUE(view_of(1).model_hash.empty());
  EXPECT_FALSE(mesh.core(1).final_model(run).ok());
}

TEST_F(LiveNodes, ModelsKeepTheNamesOfTheirPartsOverARestart) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  const std::string run = propose_and_approve(mesh, manifest("d-psgd", "plain", 1));
  ASSERT_TRUE(eventually([&] { return state(mesh, 0, run) == "complete"; })) << state(mesh, 0, run);
  const auto before = mesh.core(0).final_model(run);
  ASSERT_TRUE(before.ok()) << before.error().message;
  mesh.stop(0);
  mesh.start(0);
  const auto after = mesh.core(0).final_model(run);
  ASSERT_TRUE(after.ok()) << after.error().message;
  EXPECT_EQ(after->values, before->values);
  ASSERT_GE(after->parts.size(), 3U);  // of a factorization machine: bias, weights, factors
  for (std::size_t i = 0; i < after->parts.size(); ++i) {
    EXPECT_EQ(after->parts[i].name, before->parts[i].name);
    EXPECT_EQ(after->parts[i].offset, before->parts[i].offset);
    EXPECT_EQ(after->parts[i].shape, before->parts[i].shape);
  }
}

http::RunView run_of(Consortium& mesh, std::size_t i, const std::string& run) {
  for (const http::RunView& known : mesh.core(i).view()->runs) {
    if (known.id == run) return known;
  }
  ADD_FAILURE() << "node " << i << " does not know the run";
  return {};
}

void expect_same_history(const http::RunView& a, const http::RunView& b) {
  EXPECT_EQ(a.metric_name, b.metric_name);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (std::size_t i = 0; i < a.history.size(); ++i) {
    const http::RoundView &left = a.history[i], &right = b.history[i];
    EXPECT_EQ(left.round, right.round);
    EXPECT_EQ(std::tie(left.seconds, left.loss, left.metric, left.participants, left.missing),
              std::tie(right.seconds, right.loss, right.metric, right.participants, right.missing))
        << "round " << left.round;
  }
}

TEST_F(LiveNodes, RememberHowTheRoundsOfARunWere) {
  Consortium mesh(base_, kOrganisations);
  std::ofstream(mesh[1].folder.histories()) << "as if the disk refused it";
  mesh.found();
  ASSERT_FALSE(HasFailure());
  const std::string run = propose_and_approve(mesh, manifest("d-psgd", "plain", 6));
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    ASSERT_TRUE(eventually([&] { return state(mesh, i, run) == "complete"; })) << state(mesh, i, run);
  }
  const http::RunView before = run_of(mesh, 0, run);
  ASSERT_EQ(before.history.size(), 7U);
  EXPECT_EQ(before.metric_name, "auc");
  for (Round round = 0; round <= 6; ++round) {
    EXPECT_EQ(before.history[round].round, round);
    EXPECT_TRUE(before.history[round].metric.has_value());
    EXPECT_EQ(before.history[round].loss.has_value(), round > 0) << "round 0 is the model before training";
  }
  mesh.crash(0);
  const fs::path half = mesh[0].folder.checkpoints() / "0123456789abcdef" / "half.checkpoint.tmp";
  fs::create_directories(half.parent_path());
  std::ofstream(half) << "as kill -9 leaves it";
  mesh.start(0);
  EXPECT_FALSE(fs::exists(half));
  expect_same_history(run_of(mesh, 0, run), before);
  // It is not worth a node's life.
  EXPECT_EQ(run_of(mesh, 1, run).history.size(), 7U);
  const std::vector<std::string> log = mesh[1].log();
  EXPECT_EQ(std::count_if(log.begin(), log.end(),
                          [](const std::string& line) { return line.find("gaps") != std::string::npos; }),
            1);
  mesh.stop(1);
  mesh.start(1);
  EXPECT_TRUE(run_of(mesh, 1, run).history.empty());
  EXPECT_EQ(state(mesh, 1, run), "complete");
}

/// The others do not wait for it: when it is back they have finished, and no longer train.
TEST_F(LiveNodes, WhoComesBackAfterTheEndTakesTheModelThatTwoOthersHaveSignedFor) {
  Consortium mesh(base_, kOrganisations);
  mesh.found();
  ASSERT_FALSE(HasFailure());
  constexpr Round kRounds = 400;  // of some milliseconds each: it must leave long before the last ones
  const std::string run = propose_and_approve(
      mesh, manifest("d-psgd", "plain", kRounds) + "[deadline]\nfloor_ms = 2000\nceiling_ms = 4000\n");
  ASSERT_TRUE(eventually([&] { return mesh.core(2).view()->runs.front().round >= 1; }));
  mesh.stop(2);
  for (const std::size_t i : {0u, 1u}) {
    ASSERT_TRUE(eventually([&] { return !mesh.core(i).view()->runs.front().model_hash.empty(); }));
    EXPECT_EQ(state(mesh, i, run), "running") << "one party has not finished";
  }
  mesh.start(2);
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    EXPECT_TRUE(eventually([&] { return state(mesh, i, run) == "complete"; })) << state(mesh, i, run);
  }
  const auto expected = mesh.core(0).final_model(run), taken = mesh.core(2).final_model(run);
  ASSERT_TRUE(expected.ok() && taken.ok());
  EXPECT_EQ(taken->values, expected->values);
  EXPECT_EQ(taken->parts.size(), expected->parts.size());
  EXPECT_TRUE(mesh.core(2).view()->evidence.empty());
  const http::RunView before = run_of(mesh, 2, run);
  ASSERT_FALSE(before.history.empty());
  for (std::size_t i = 1; i < before.history.size(); ++i) {  // over the restart as well
    EXPECT_LT(before.history[i - 1].round, before.history[i].round);
    EXPECT_LT(before.history[i - 1].seconds, before.history[i].seconds);
  }
  EXPECT_LT(before.history.back().round, kRounds) << "the last round's model is not its own";
  mesh.stop(2);
  mesh.start(2);
  expect_same_history(run_of(mesh, 2, run), before);
}

TEST_F(LiveNodes, OpenTheirLobbyAgainAfterItClosed) {
  Consortium mesh(base_, 1);
  const auto first = mesh.core(0).open_lobby(0.01);
  ASSERT_TRUE(first.ok()) << first.error().message;
  ASSERT_TRUE(eventually([&] { return !listens(*first); }));
  const auto second = mesh.core(0).open_lobby(60);
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_TRUE(listens(*second));
}

TEST_F(LiveNodes, SeeWhoDiesAndWhoComesBack) {
  Consortium mesh(base_, kOrganisations);
  mesh.membership.probe_interval = std::chrono::milliseconds(200);
  mesh.membership.probe_timeout_min = std::chrono::milliseconds(100);
  for (std::size_t i = 0; i < kOrganisations; ++i) {
    mesh.stop(i);
    mesh.start(i);
  }
  mesh.found();
  ASSERT_FALSE(HasFailure());
  const auto state_of_last = [&](std::size_t by) -> std::string {
    for (const http::PeerView& peer : mesh.core(by).view()->peers) {
      if (peer.organisation == mesh[2].name) return peer.state;
    }
    return "unknown";
  };
  const auto both_say = [&](const std::string& state) {
    return [&, state] { return state_of_last(0) == state && state_of_last(1) == state; };
  };
  ASSERT_TRUE(eventually(both_say("alive"))) << state_of_last(0) << ", " << state_of_last(1);
  EXPECT_TRUE(eventually([&] {  // not only by what the other says
    const auto peers = mesh.core(0).view()->peers;
    return std::all_of(peers.begin(), peers.end(), [](const auto& peer) { return peer.last_seen_seconds; });
  }));
  ASSERT_TRUE(mesh.core(2).drain(true).ok());
  EXPECT_TRUE(eventually(both_say("draining"))) << state_of_last(0) << ", " << state_of_last(1);
  ASSERT_TRUE(mesh.core(2).drain(false).ok());
  EXPECT_TRUE(eventually(both_say("alive"))) << state_of_last(0) << ", " << state_of_last(1);
  mesh.crash(2);
  EXPECT_TRUE(eventually(both_say("unreachable"), std::chrono::seconds(16)));
  mesh.start(2);
  EXPECT_TRUE(eventually(both_say("alive"))) << state_of_last(0) << ", " << state_of_last(1);
  mesh.stop(2);
  EXPECT_TRUE(eventually(both_say("left"), std::chrono::seconds(1))) << "it has said so";
  mesh.start(2);
  EXPECT_TRUE(eventually(both_say("alive"))) << state_of_last(0) << ", " << state_of_last(1);
}

}  // namespace
}  // namespace hansa::node
