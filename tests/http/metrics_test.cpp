// The exposition: what a sample node shows, what it keeps out, and what Prometheus' own checker says of it.
#include "src/http/metrics.hpp"

#include "tests/http/fake_node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

namespace hansa::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string run(const std::string& command, int& status) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  char chunk[4096];
  for (std::size_t size; (size = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) output.append(chunk, size);
  status = ::pclose(pipe);
  return output;
}

bool have_promtool() { return std::system("command -v promtool >/dev/null") == 0; }

TEST(Metrics, ShowTheNode) {
  const std::string text = exposition(test::sample_view(1'800'000'000));
  for (const char* line :
       {"hansa_ready 1\n", "hansa_peers{state=\"alive\"} 2\n", "hansa_peers{state=\"left\"} 0\n",
        "hansa_organisations{status=\"suspended\"} 1\n", "hansa_organisations_reachable 3\n",
        "hansa_roster_version 7\n", "hansa_roster_threshold 3\n",
        "hansa_roster_expiry_timestamp_seconds 1801036800\n", "hansa_runs{state=\"running\"} 1\n",
        "hansa_rejected_messages_total{reason=\"replay\"} 2\n", "hansa_round_duration_seconds_count 35\n",
        "# TYPE hansa_round_duration_seconds histogram\n", "process_max_fds "})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, ::testing::ContainsRegex("hansa_round\\{run=\"[0-9a-f]{12}\"\\} 24\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("process_resident_memory_bytes [1-9]"));
  EXPECT_THAT(text, ::testing::ContainsRegex("process_open_fds [1-9]"));
}

TEST(Metrics, SayEachNameOnceAndInOrder) {
  const std::string text = exposition(test::sample_view(1'800'000'000));
  std::map<std::string, int> declared;
  for (std::size_t at = text.find("# TYPE "); at != std::string::npos; at = text.find("# TYPE ", at + 1))
    ++declared[text.substr(at + 7, text.find(' ', at + 7) - at - 7)];
  EXPECT_GT(declared.size(), 30u);
  for (const auto& [name, times] : declared) EXPECT_EQ(times, 1) << name;
}

TEST(Metrics, KeepOutWhatIsNotInTheTable) {
  NodeView view = test::sample_view(1'800'000'000);
  view.counters = {{"hansa_unknown_total", 1},
                   {"hansa_ready", 7},
                   {"hansa_bytes_sent_total{channel=\"bulk\"}", 5},
                   {"hansa_bytes_sent_total{peer=\"x\"}", 6},
                   {"hansa_bytes_sent_total{channel=\"a\nb\"}", 6},
                   {"hansa_bytes_sent_total{channel=\"a", 6},
                   {"hansa_bytes_sent_total", 6},
                   {"hansa_local_health_score", 6}};
  view.gauges = {{"hansa_local_health_score", 3}, {"hansa_bytes_received_total{channel=\"bulk\"}", 9}};
  const std::string text = exposition(view);
  EXPECT_THAT(text, HasSubstr("hansa_bytes_sent_total{channel=\"bulk\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("hansa_local_health_score 3\n"));
  EXPECT_THAT(text, HasSubstr("hansa_ready 1\n"));
  for (const char* no : {"hansa_unknown", "peer=\"x\"", "} 6\n", "hansa_bytes_received_total"})
    EXPECT_THAT(text, Not(HasSubstr(no)));
}

TEST(Metrics, AreBoundedAndEscaped) {
  NodeView view = test::sample_view(1'800'000'000);
  view.runs[0].name = "a\"b\\c\nd";
  for (int i = 0; i < 2'000; ++i) {
    PeerView peer;
    peer.short_id = std::to_string(i);
    peer.rtt_ms = 1;
    view.peers.push_back(peer);
  }
  const std::string text = exposition(view);
  EXPECT_THAT(text, HasSubstr("name=\"a\\\"b\\\\c d\""));
  std::size_t series = 0;
  for (std::size_t at = text.find("hansa_peer_rtt_seconds{"); at != std::string::npos;
       at = text.find("hansa_peer_rtt_seconds{", at + 1))
    ++series;
  EXPECT_EQ(series, kSeriesMax);
}

TEST(Metrics, SatisfyPromtool) {
  if (!have_promtool()) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  NodeView view = test::sample_view(1'800'000'000);
  for (const Metric& metric : metrics()) {  // everything a node can say, so that every name is checked
    if (metric.source != "node") continue;
    std::string series(metric.name);
    if (!metric.labels.empty()) series += "{" + std::string(metric.labels) + "=\"x\"}";
    (metric.type == "counter" ? view.counters : view.gauges)[series] = 1.5;
  }
  const std::string path = ::testing::TempDir() + "hansa_metrics.txt";
  std::ofstream(path) << exposition(view);
  int status = 0;
  EXPECT_EQ(run("promtool check metrics < " + path, status), "");
  EXPECT_EQ(status, 0);
  std::remove(path.c_str());
}

TEST(Alerts, SatisfyPromtool) {
  if (!have_promtool()) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  int status = 0;
  const std::string output = run("promtool check rules " HANSA_SOURCE_DIR "/deploy/alerts.yml", status);
  EXPECT_EQ(status, 0) << output;
  EXPECT_THAT(output, HasSubstr("SUCCESS: 11 rules found"));
}

}  // namespace
}  // namespace hansa::http
