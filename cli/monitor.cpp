// `hansa monitor`: the node on one screen, drawn again every second from its API.
#include "cli/monitor.hpp"

#include "cli/mesh.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <memory>

#include <sys/ioctl.h>
#include <unistd.h>

namespace hansa::cli {
namespace {

using http::Json;

struct MonitorOptions {
  MeshOptions mesh;
  bool once = false;
  double every_seconds = 1;
};

std::string number_or_dash(const Json& document, const char* key, int digits) {
  const auto found = document.find(key);
  if (found == document.end() || !found->is_number()) return "-";
  return fmt::format("{:.{}f}", found->get<double>(), digits);
}

std::string names(const Json& list) {
  std::vector<std::string> words;
  for (const Json& each : list) words.push_back(each.get<std::string>());
  return join(words, ", ");
}

std::string bar(std::uint64_t done, std::uint64_t all) {
  constexpr std::uint64_t kCells = 20;
  const std::uint64_t full = all == 0 ? 0 : std::min(kCells, done * kCells / all);
  return "[" + std::string(full, '#') + std::string(kCells - full, '.') + "]";
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1000);
  return fmt::format("{} MB", bytes / 1'000'000);
}

std::vector<std::string> head_lines(const Json& status, const Json& roster) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "{}  {}{}   up {}   {}", status.value("org", ""), status.value("ready", false) ? "ready" : "NOT READY",
      status.value("draining", false) ? ", draining" : "",
      age_text(static_cast<std::int64_t>(status.value("uptime_seconds", 0.0))), status.value("version", "")));
  lines.push_back(fmt::format("roster {} of {}, {} organisations, expires {}",
                              status.value("roster_version", 0), status.value("consortium", ""),
                              status.value("orgs", 0),
                              time_text(status.value("roster_expires_at", std::int64_t{0}))));
  for (const char* list : {"reasons", "warnings"}) {
    for (const Json& each : status.value(list, Json::array()))
      lines.push_back("! " + each.get<std::string>());
  }
  if (const std::string fork = status.value("fork", ""); !fork.empty()) lines.push_back("! FORK: " + fork);
  for (const Json& each : roster.value("proposals", Json::array())) {
    lines.push_back(fmt::format("? proposal {}: {} ({} of {} approvals)", each.value("id", ""),
                                names(each.value("changes", Json::array())),
                                each.value("approvals", Json::array()).size(), each.value("needed", 0)));
  }
  if (const auto pending = status.value("pending_requests", 0); pending > 0)
    lines.push_back(fmt::format("? {} ask to join: `hansa requests`", pending));
  return lines;
}

std::vector<std::string> run_lines(const Json& runs) {
  std::vector<std::string> lines{fmt::format("{:<9} {:<16} {:<10} {:<29} {:>10} {:>10}", "RUN", "NAME",
                                             "STATE", "ROUNDS", "LOSS", "METRIC")};
  for (const Json& run : runs.value("runs", Json::array())) {
    const auto round = run.value("round", std::uint64_t{0}), rounds = run.value("rounds", std::uint64_t{0});
    lines.push_back(fmt::format("{:<9} {:<16} {:<10} {} {:>6} {:>10} {:>10}",
                                run.value("id", "").substr(0, 8), run.value("name", "").substr(0, 16),
                                run.value("state", ""), bar(round, rounds),
                                fmt::format("{}/{}", round, rounds), number_or_dash(run, "loss", 4),
                                number_or_dash(run, "metric", 4)));
    const Json waiting = run.value("waiting_for", Json::array());
    const std::string failure = run.value("failure", "");
    const std::string state = run.value("state", "");
    if (!waiting.empty() && (state == "proposed" || state == "running"))
      lines.push_back("          waiting for " + names(waiting));
    if (!failure.empty()) lines.push_back("          ! " + failure);
  }
  return lines;
}

std::vector<std::string> peer_lines(const Json& peers) {
  std::vector<std::string> lines{fmt::format("{:<9} {:<20} {:<12} {:>8} {:>10} {:>10} {:>8}", "NODE",
                                             "ORGANISATION", "STATE", "RTT ms", "SENT", "RECEIVED",
                                             "SEEN s")};
  for (const Json& peer : peers.value("peers", Json::array())) {
    lines.push_back(fmt::format("{:<9} {:<20} {:<12} {:>8} {:>10} {:>10} {:>8}", peer.value("short_id", ""),
                                peer.value("org", "").substr(0, 20), peer.value("state", ""),
                                number_or_dash(peer, "rtt_ms", 1),
                                bytes_text(peer.value("bytes_sent", std::uint64_t{0})),
                                bytes_text(peer.value("bytes_received", std::uint64_t{0})),
                                number_or_dash(peer, "last_seen_seconds", 1)));
  }
  return lines;
}

/// Cuts a line to `width` columns, and not inside a character.
std::string cut(std::string line, std::size_t width) {
  std::size_t columns = 0, at = 0;
  for (; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xC0) != 0x80;
    if (begins && columns++ == width) break;
  }
  line.resize(at);
  return line;
}

Result<MonitorFacts> look(const http::Client& client) {
  MonitorFacts facts;
  for (const auto& [path, place] :
       {std::pair("/api/v1/status", &facts.status), std::pair("/api/v1/peers", &facts.peers),
        std::pair("/api/v1/runs", &facts.runs), std::pair("/api/v1/roster", &facts.roster)}) {
    auto got = client.get(path);
    if (!got) return got.error();
    *place = std::move(got).value();
  }
  return facts;
}

std::string json_line(const MonitorFacts& facts, int indent) {
  const nlohmann::ordered_json document = {
      {"schema", "hansa.monitor.v1"}, {"time", unix_now()},
      {"status", facts.status},       {"peers", facts.peers["peers"]},
      {"runs", facts.runs["runs"]},   {"proposals", facts.roster["proposals"]}};
  return document.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// Puts the terminal in order again, whatever ends the loop.
struct Screen {
  bool used = false;
  void draw(const std::string& frame) {
    if (!used) fmt::print("\x1b[?1049h\x1b[?25l");  // a screen of its own, without cursor
    used = true;
    fmt::print("\x1b[H\x1b[2J{}", frame);
  }
  ~Screen() {
    if (!used) return;
    fmt::print("\x1b[?25h\x1b[?1049l");
    std::fflush(stdout);
  }
};

int monitor(const MonitorOptions& options, bool json) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0 && !options.once && !json;
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&ends, signal);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  Screen screen;
  for (;;) {
    // Each time anew: a node that was restarted has another port.
    const auto client = http::Client::of_folder(options.mesh.folder().root);
    const auto facts = client ? look(*client) : Result<MonitorFacts>(client.error());
    if (!facts && (options.once || !terminal)) return fail(facts.error(), json);
    winsize size{};
    if (!terminal || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
      size = {1000, 100, 0, 0};
    if (json) {
      fmt::print("{}\n", json_line(*facts, options.once ? 2 : -1));
    } else {
      const std::string frame = facts ? monitor_frame(*facts, size.ws_col, size.ws_row - 1u)
                                      : "! " + facts.error().message + "; looking again every second\n";
      terminal ? screen.draw(frame) : fmt::print("{}\n", frame);
    }
    if (std::fflush(stdout) != 0) return kExitFailed;  // nobody reads any more
    if (options.once) return facts->status.value("ready", false) ? kExitOk : kExitFailed;
    const auto whole = static_cast<std::time_t>(options.every_seconds);
    const timespec pause{whole,
                         static_cast<long>((options.every_seconds - static_cast<double>(whole)) * 1e9)};
    if (::sigtimedwait(&ends, nullptr, &pause) > 0) return kExitOk;
  }
}

}  // namespace

std::string monitor_frame(const MonitorFacts& facts, std::size_t width, std::size_t height) {
  std::vector<std::string> lines = head_lines(facts.status, facts.roster);
  for (const auto& part : {run_lines(facts.runs), peer_lines(facts.peers)}) {
    lines.emplace_back();
    lines.insert(lines.end(), part.begin(), part.end());
  }
  if (lines.size() > height) lines.resize(height);
  std::string frame;
  for (std::string& line : lines) frame += cut(std::move(line), width) + "\n";
  return frame;
}

void add_monitor(Cli& cli) {
  const auto options = std::make_shared<MonitorOptions>();
  CLI::App* verb =
      cli.verb(cli.app, "monitor", "Watch the running node: peers, runs, votes, drawn every second",
               "Examples:\n  hansa monitor\n  hansa monitor --once\n  hansa monitor --json | jq .runs");
  verb->add_flag("--once", options->once, "Print one frame and return; exit 1 if the node is not ready");
  verb->add_option("--every-seconds", options->every_seconds, "How often it looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  add_dir_option(*verb, options->mesh);
  cli.add_json(*verb);
  verb->callback([&cli, options] { cli.action = [&cli, options] { return monitor(*options, cli.json); }; });
}

}  // namespace hansa::cli
