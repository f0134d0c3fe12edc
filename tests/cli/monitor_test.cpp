// A frame of the monitor: what stands in it, and that it fits the screen.
#include "cli/monitor.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace hansa::cli {
namespace {

using http::Json;
using ::testing::HasSubstr;
using ::testing::Not;

MonitorFacts facts() {
  MonitorFacts f;
  f.status = Json{{"org", "Alfa Air"},
                  {"ready", false},
                  {"draining", true},
                  {"uptime_seconds", 7300.0},
                  {"version", "1.2.3"},
                  {"roster_version", 4},
                  {"consortium", "delay"},
                  {"orgs", 3},
                  {"roster_expires_at", 1'800'000'000},
                  {"reasons", {"the node is draining"}},
                  {"fork", ""},
                  {"pending_requests", 2}};
  f.peers = Json{{"peers",
                  {{{"short_id", "AKQ7M2D"},
                    {"org", "Bravo Jet"},
                    {"state", "alive"},
                    {"rtt_ms", 1.25},
                    {"bytes_sent", 12'345},
                    {"bytes_received", 99},
                    {"last_seen_seconds", nullptr}}}}};
  f.runs = Json{{"runs",
                 {{{"id", "4f2a00112233"},
                   {"name", "bank"},
                   {"state", "running"},
                   {"round", 5},
                   {"rounds", 10},
                   {"loss", 0.41234},
                   {"metric", nullptr},
                   {"waiting_for", {"Carib Air"}},
                   {"failure", ""}}}}};
  f.roster =
      Json{{"proposals",
            {{{"id", "3f2a"}, {"changes", {"removes Carib"}}, {"approvals", {"Alfa Air"}}, {"needed", 2}}}}};
  return f;
}

TEST(Monitor, ShowsRunsPeersAndWhatNeedsAttention) {
  const std::string frame = monitor_frame(facts(), 200, 50);
  for (const char* text : {"Alfa Air  NOT READY, draining   up 2 h", "roster 4 of delay, 3 organisations",
                           "! the node is draining", "? proposal 3f2a: removes Carib (1 of 2 approvals)",
                           "? 2 ask to join", "4f2a0011", "[##########..........]", "5/10", "0.4123",
                           "waiting for Carib Air", "AKQ7M2D", "1.2", "12 kB", "99 B"}) {
    EXPECT_THAT(frame, HasSubstr(text));
  }
  EXPECT_THAT(frame, Not(HasSubstr("FORK")));
  MonitorFacts forked = facts();
  forked.status["fork"] = "version 5 has 2 branches";
  EXPECT_THAT(monitor_frame(forked, 200, 50), HasSubstr("! FORK: version 5"));
}

TEST(Monitor, FitsTheScreen) {
  MonitorFacts wide = facts();
  wide.status["org"] = "Überlandverkehr Zürich GmbH und Söhne";
  for (std::size_t width = 1; width < 120; width += 7) {
    for (std::size_t height = 1; height < 20; height += 5) {
      std::istringstream frame(monitor_frame(wide, width, height));
      std::size_t lines = 0;
      for (std::string line; std::getline(frame, line); ++lines) {
        const auto columns =
            std::count_if(line.begin(), line.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; });
        EXPECT_LE(static_cast<std::size_t>(columns), width);
      }
      EXPECT_LE(lines, height);
    }
  }
}

}  // namespace
}  // namespace hansa::cli
